"""The files of an ESP, out of an image or a card: names and digests, by mtools."""

import re
from collections.abc import Iterator
from pathlib import Path

from sync.digest import Digest, sha256
from sync.errors import FormatError
from sync.run import ProgramFailed, run

MAX_FILES = 2000
_SECONDS = 120.0
_PATH = re.compile(r"::/(.+)")


def files(volume: Path) -> dict[str, Digest]:
    """Digest of each file on the FAT volume in ``volume``, by path; raises FormatError."""
    return {path: sha256(read(volume, path)) for path in _paths(volume)}


def read(volume: Path, path: str) -> bytes:
    """The bytes of a file on it; raises FormatError."""
    try:
        return run(["mtype", "-i", volume, f"::/{path}"], timeout=_SECONDS).stdout
    except ProgramFailed as error:
        raise FormatError(f"the boot partition's file {path[:80]} cannot be read") from error


def _paths(volume: Path) -> Iterator[str]:
    try:
        told = run(["mdir", "-/", "-b", "-a", "-i", volume, "::/"], timeout=_SECONDS)
    except ProgramFailed as error:
        raise FormatError("the boot partition holds no FAT file system") from error
    lines = told.stdout.decode("utf-8", "replace").splitlines()
    if len(lines) > MAX_FILES:
        raise FormatError("the boot partition holds more files than any of ours")
    for line in lines:
        match = _PATH.fullmatch(line.strip())
        if match is not None and not match[1].endswith("/"):
            yield match[1]
