"""The trust state of one publisher as a folder of files, and what damage in it looks like.

::

    root_history/N.root.json · timestamp.json · snapshot.json · targets.json · editor.json ·
    reviewer.json · rollout.json · withdraw.json      metadata, as the publisher signed it
    directory · rollout · withdraw · roots/<code>.root.json · config/recipients.json      targets
    floor.json      what must never be seen less of, and the digest of each file above
"""

from pathlib import Path

from sync.digest import sha256
from sync.directory import MAX_SIZE
from sync.errors import FormatError, TrustRefused
from sync.files import disk_errors
from sync.trust import floor as floors
from sync.trust.floor import Floor
from sync.trust.root import Root

ROOTS = "roots"
DIRECTORY, ROLLOUT, WITHDRAW = "directory", "rollout", "withdraw"
MEND = "sync again, what is damaged is fetched anew; or go back to the previous generation"


def root_path(version: int | str) -> str:
    """Where a root is kept, relative to the folder; for a pattern, all of them."""
    return f"root_history/{version}.root.json"


def read_kept(folder: Path, path: str, *, limit: int = MAX_SIZE) -> bytes:
    """A file of the trust state; raises TrustRefused if it is missing or longer than ``limit``."""
    with disk_errors(folder / path):
        try:
            with (folder / path).open("rb") as file:
                data = file.read(limit + 1)
        except FileNotFoundError as error:
            raise TrustRefused(f"{folder / path} is missing", hint=MEND) from error
    if len(data) > limit:
        raise FormatError(f"{folder / path} is longer than {limit} bytes", hint=MEND)
    return data


def read_floor(folder: Path, root: Root) -> Floor:
    """The floor of ``root``'s publisher; raises TrustRefused if it is missing or damaged."""
    floor = floors.decode(read_kept(folder, floors.NAME, limit=floors.MAX_SIZE))
    if floor.publisher_id != root.publisher_id:
        raise TrustRefused(
            f"{folder} is of publisher {floor.publisher_id}, not of {root.publisher_id}",
            hint="was the configured root exchanged? subscribe to the new publisher",
        )
    return floor


def damaged_files(folder: Path, floor: Floor) -> tuple[str, ...]:
    """The files that are missing or not what the floor says."""
    return tuple(path for path in sorted(floor.files) if not _holds(folder, path, floor))


def _holds(folder: Path, path: str, floor: Floor) -> bool:
    try:
        return sha256(read_kept(folder, path)) == floor.files[path]
    except TrustRefused:
        return False
