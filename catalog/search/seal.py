"""What makes an index whole: the list of its files, and which rows of the catalogue it speaks of.

``seal.json``, canonical JSON: ``{"format": "kexia-index-1", "files": {name: [size, crc32]},
"collections": {id: revision}}``. CRC-32, because this guards against torn writes and failing
cards; against hands, the generation's own seal has SHA-256.
"""

import shutil
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from catalog.errors import IndexDamaged
from sync import canonical
from sync.errors import FormatError
from sync.files import disk_errors, make_folder, write_durably

FORMAT = "kexia-index-1"
"""Goes up whenever a text gives other tokens than before: older indexes are then built anew."""

SEAL = "seal.json"

_BLOCK = 1 << 20
_MAX_SEAL = 1 << 20


@dataclass(frozen=True, slots=True)
class Seal:
    """A finished index: its files and what they were made from."""

    format: str
    files: dict[str, tuple[int, int]]
    """Size in bytes and CRC-32 by name."""
    collections: dict[str, str]
    """Revision of each collection's rows (``Catalogue.revisions``)."""


def write_seal(folder: Path, collections: dict[str, str], format_: str) -> None:
    """Seal the index in ``folder``; the last thing written."""
    files = {path.name: measure(path) for path in _files(folder)}
    record = {
        "format": format_,
        "files": {name: list(measured) for name, measured in files.items()},
        "collections": collections,
    }
    write_durably(folder / SEAL, canonical.dumps(record))


def check_seal(folder: Path, format_: str) -> Seal:
    """Read the seal and every file; raises IndexDamaged if anything is not as it was sealed."""
    seal = _read(folder / SEAL)
    if seal.format != format_:
        raise _damaged(folder, f"it has format {seal.format[:40]!r}, not {format_}")
    if {path.name for path in _files(folder)} != set(seal.files):
        raise _damaged(folder, "files are missing or there are more than were sealed")
    for name, measured in seal.files.items():
        try:
            whole = measure(folder / name) == measured
        except OSError as error:
            raise _damaged(folder, f"{name} cannot be read ({error.strerror})") from error
        if not whole:
            raise _damaged(folder, f"{name} is not as it was sealed")
    return seal


def link_files(previous: Path, target: Path) -> dict[str, str]:
    """Hard links to the files of a whole index; the revisions it holds, none if it is damaged."""
    try:
        seal = check_seal(previous, FORMAT)
    except (IndexDamaged, OSError):
        return {}
    for name in seal.files:
        link_file(previous / name, target / name)
    return seal.collections


def link_file(source: Path, target: Path) -> None:
    """The same file under another name; a copy on a file system without hard links."""
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)


@contextmanager
def new_folder(target: Path) -> Iterator[None]:
    """A new folder for an index, gone if the block fails."""
    make_folder(target)
    try:
        with disk_errors(target):
            yield
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise


def measure(path: Path) -> tuple[int, int]:
    """Size and CRC-32 of a file."""
    size, crc = 0, 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            size += len(block)
            crc = zlib.crc32(block, crc)
    return size, crc


def _files(folder: Path) -> Iterable[Path]:
    return sorted(path for path in folder.iterdir() if path.name != SEAL)


def _read(path: Path) -> Seal:
    try:
        with path.open("rb") as file:
            record = canonical.as_object(canonical.loads(file.read(_MAX_SEAL), what=path.name))
        files = canonical.as_object(record["files"])
        collections = canonical.as_object(record["collections"])
        return Seal(
            canonical.as_text(record["format"]),
            {name: _measured(value) for name, value in files.items()},
            {name: canonical.as_text(value) for name, value in collections.items()},
        )
    except (OSError, KeyError, TypeError, ValueError, FormatError) as error:
        raise _damaged(path.parent, f"its seal cannot be read ({error})") from error


def _measured(value: object) -> tuple[int, int]:
    size, crc = map(canonical.as_count, canonical.as_list(value))
    return size, crc


def _damaged(folder: Path, fact: str) -> IndexDamaged:
    return IndexDamaged(
        f"search index {folder}: {fact}",
        hint="it is rebuilt from the catalogue; until then titles are searched",
    )
