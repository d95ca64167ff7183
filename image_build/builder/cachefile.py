"""The cache as one file, carried to a machine without network: written, and read with suspicion.

A tar whose first member lists every file with size and SHA-256. Nothing is believed for being in
it: lists are proved by Debian's signature and packages by lists when they are used.
"""

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from sync.errors import FormatError, InputRefused, ProofFailed
from sync.files import durable_file
from sync.progress import Progress, Silent

FORMAT = "kexia-image-cache-1"
CONTENTS = "kexia-image-cache.json"
MAX_CONTENTS = 16 << 20
MAX_FILES = 50_000
MAX_FILE = 4 << 30
SILENT = Silent()
_BLOCK = 1 << 20
_PART = r"[A-Za-z0-9%~][A-Za-z0-9+.:_~%=@-]{0,250}"
_NAME = re.compile(
    rf"debian/[a-z]{{2,20}}-[a-z0-9]{{2,10}}/(sources\.list|(lists|debs)/{_PART})"
    rf"|wheels/{_PART}/{_PART}\.whl"
)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_PASSED_OVER = ("lock", "pkgcache.bin", "srcpkgcache.bin")


@dataclass(frozen=True, slots=True)
class Listed:
    """One file of a cache: size in bytes, SHA-256."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Carried:
    """What an export or import came to."""

    files: int
    bytes: int
    new: int
    """Files that were not there before (import)."""


def export_cache(cache: Path, target: Path, progress: Progress = SILENT) -> Carried:
    """Write everything a build needs from ``cache`` to ``target``; the same cache, the same bytes.

    Raises InputRefused when the cache holds nothing.
    """
    names = sorted(_names(cache))
    if not names:
        raise InputRefused(f"{cache} holds nothing to carry", hint="build an image first")
    total = sum((cache / name).stat().st_size for name in names)
    progress.step("cache read", total=total)
    listed = {name: _describe(cache / name, progress) for name in names}
    progress.step("cache written", total=total)
    with durable_file(target) as file, tarfile.open(fileobj=file, mode="w") as tar:
        value = {
            "format": FORMAT,
            "files": {n: {"size": each.size, "sha256": each.sha256} for n, each in listed.items()},
        }
        data = (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()
        tar.addfile(_member(CONTENTS, len(data)), io.BytesIO(data))
        for name, each in listed.items():
            with (cache / name).open("rb") as source:
                tar.addfile(_member(name, each.size), source)
            progress.advance(each.size)
    return Carried(len(listed), total, 0)


def import_cache(source: Path, cache: Path, progress: Progress = SILENT) -> Carried:
    """Take the files of ``source`` into ``cache``, each only whole.

    Raises InputRefused when it is none of ours, FormatError for a name or size that is not allowed,
    ProofFailed for bytes that are not those listed; what was taken before stays.
    """
    new = count = 0
    try:
        with source.open("rb") as file, tarfile.open(fileobj=file, mode="r|") as tar:
            listed = _read_contents(tar, source)
            total = sum(each.size for each in listed.values())
            progress.step("cache", total=total)
            while (member := tar.next()) is not None:
                count += 1
                name, promised = member.name, listed.pop(member.name, None)
                if promised is None or not member.isreg() or member.size != promised.size:
                    raise FormatError(f"{source}: {name} is not as its list says")
                stream = tar.extractfile(member)
                if stream is not None and _take(stream, cache / name, promised):
                    new += 1
                progress.advance(promised.size)
    except (tarfile.TarError, EOFError, OverflowError, ValueError) as error:
        raise InputRefused(f"{source} is no whole cache file: {error}") from error
    if listed:
        raise InputRefused(f"{source} ends before {next(iter(listed))}", hint="copy it again")
    return Carried(count, total, new)


def parse_contents(data: bytes) -> Mapping[str, Listed]:
    """The list at the beginning; raises FormatError."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"the list of the cache file is no JSON: {error}") from error
    files = value.get("files") if isinstance(value, dict) else None
    if not isinstance(files, dict) or value.get("format") != FORMAT or len(files) > MAX_FILES:
        raise FormatError(f"the list of the cache file is not of format {FORMAT}")
    return {str(name): _parsed(str(name), each) for name, each in files.items()}


def _parsed(name: str, value: object) -> Listed:
    if not _NAME.fullmatch(name):
        raise FormatError(f"no name of a cache: {name[:100]!r}")
    match value:
        case {"size": int(size), "sha256": str(sha256)} if (
            0 <= size <= MAX_FILE and _SHA256.fullmatch(sha256) and size is not True
        ):
            return Listed(size, sha256)
    raise FormatError(f"{name}: no size and SHA-256")


def _read_contents(tar: tarfile.TarFile, source: Path) -> dict[str, Listed]:
    first = tar.next()
    if first is None or first.name != CONTENTS or not 0 < first.size <= MAX_CONTENTS:
        raise InputRefused(
            f"{source} is no cache file of kexia image", hint="kexia image cache export FILE"
        )
    stream = tar.extractfile(first)
    if stream is None:
        raise InputRefused(f"{source} is no cache file of kexia image")
    return dict(parse_contents(stream.read(MAX_CONTENTS)))


def _take(stream: IO[bytes], path: Path, promised: Listed) -> bool:
    """Write one file, unless it is there; of one that is another nothing is left: ProofFailed."""
    if path.is_file() and _describe(path, SILENT) == promised:
        return False
    digest = hashlib.sha256()
    with durable_file(path) as file:
        while block := stream.read(_BLOCK):
            digest.update(block)
            file.write(block)
        if digest.hexdigest() != promised.sha256:
            raise ProofFailed(f"{path.name} has not the digest it was packed with")
    return True


def _names(cache: Path) -> Iterator[str]:
    for path in cache.rglob("*"):
        name = path.relative_to(cache).as_posix()
        if path.is_file() and path.name not in _PASSED_OVER and _NAME.fullmatch(name):
            yield name


def _describe(path: Path, progress: Progress) -> Listed:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
            progress.advance(len(block))
    return Listed(size, digest.hexdigest())


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    return member
