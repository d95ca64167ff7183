"""By what neighbours tell this box from others, and it its own announcements: drawn by chance."""

import secrets
from contextlib import suppress
from pathlib import Path

from appliance.announcement import is_peer_id
from sync.files import write_durably


def own_peer_id(path: Path) -> str:
    """This box's id for its neighbours, drawn by chance when first needed; no paper has it."""
    with suppress(OSError, UnicodeDecodeError):
        found = path.read_text(encoding="ascii").strip()
        if is_peer_id(found):
            return found
    drawn = secrets.token_hex(8)
    write_durably(path, drawn.encode())
    return drawn
