"""SHA256SUMS: every artifact of a build by its digest, as sha256sum writes and checks it."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from sync.digest import Digest
from sync.errors import FormatError, UsageError
from sync.files import disk_errors
from sync.progress import Progress

FILE = "SHA256SUMS"
MAX_SUMS = 2**20
_LINE = re.compile(r"([0-9a-f]{64}) [ *]([A-Za-z0-9][A-Za-z0-9._+-]{0,200})")
_BLOCK = 2**20


def encode(digests: Mapping[str, Digest]) -> bytes:
    """The file's bytes: a line ``digest  name`` each, by name."""
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests)).encode()


def decode(data: bytes) -> dict[str, Digest]:
    """Digests by name; raises FormatError for what ``encode`` would not write."""
    if len(data) > MAX_SUMS:
        raise FormatError(f"{FILE} is longer than any we write")
    found: dict[str, Digest] = {}
    for number, line in enumerate(_lines(data), start=1):
        match = _LINE.fullmatch(line)
        if match is None or match[2] in found:
            raise FormatError(f"{FILE} line {number} is no digest and name of its own")
        found[match[2]] = Digest(match[1])
    return found


def digest_of(path: Path, progress: Progress) -> Digest:
    """SHA-256 of a file; raises UsageError if it cannot be read, MediumFailing."""
    hashed = hashlib.sha256()
    try:
        file = path.open("rb")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    with file, disk_errors(path):
        while block := file.read(_BLOCK):
            hashed.update(block)
            progress.advance(len(block))
    return Digest(hashed.hexdigest())


def artifacts(folder: Path) -> list[Path]:
    """Files of a build that are given away: all but hidden ones and the sums, by name."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and not path.name.startswith((".", FILE)) and path.suffix != ".partial"
    )


def _lines(data: bytes) -> Iterator[str]:
    try:
        text = data.decode("ascii")
    except UnicodeDecodeError as error:
        raise FormatError(f"{FILE} is not plain ASCII") from error
    yield from text.splitlines()
