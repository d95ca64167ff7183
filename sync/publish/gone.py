"""Gone: what was pruned here, so that a push removes it from where it was once sent.

A file goes from a destination at the push after the one that left it behind: what the destination
says is in force has not named the file since, and who reads it had the time between two pushes.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from sync.errors import FormatError
from sync.files import write_durably
from sync.publish.in_force import timestamp_version
from sync.publish.workspace import TIMESTAMP, Workspace

RECORD = "pruned.json"
"""Name in the workspace."""
FORMAT = "kexia-pruned-1"
REMEMBERED = 800
"""Timestamps after which a name is forgotten: about two years of nights. A destination that was
not pushed to for so long keeps the file."""


def note(workspace: Workspace, names: Iterable[str]) -> None:
    """Write down that these names are about to be removed. Needs the lease."""
    version = timestamp_version((workspace.repository / TIMESTAMP).read_bytes())
    kept = {name: at for name, at in recorded(workspace).items() if version - at < REMEMBERED}
    after = {**kept, **dict.fromkeys(names, version)}
    if after != kept:
        value = {"format": FORMAT, "pruned": dict(sorted(after.items()))}
        write_durably(_place(workspace), (json.dumps(value, indent=1) + "\n").encode())


def recorded(workspace: Workspace) -> Mapping[str, int]:
    """Name → the timestamp's version when it was pruned; nothing if the record is damaged."""
    try:
        value = json.loads(_place(workspace).read_bytes())
        if value["format"] != FORMAT:
            return {}
        return {str(name): int(at) for name, at in value["pruned"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, FormatError):
        return {}


def left_behind(repository: Path, pruned: Mapping[str, int], there: int) -> tuple[str, ...]:
    """What a destination whose timestamp has version ``there`` holds in vain, if it holds it."""
    return tuple(
        name
        for name, version in sorted(pruned.items())
        if version <= there and not (repository / name).exists()
    )


def _place(workspace: Workspace) -> Path:
    return workspace.root / RECORD
