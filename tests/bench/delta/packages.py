"""Where a series comes from: releases of public packages, fetched by name, proved by digest."""

import re
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sync.run import run

FETCH_SECONDS = 900


class WrongArchive(Exception):
    """A fetched release is not the one that the series pins."""


@dataclass(frozen=True)
class Release:
    """One release of one package: ``client`` is npm, wheel or sdist."""

    client: str
    package: str
    version: str
    sha256: str


def fetch(release: Release, cache: Path) -> Path:
    """The release's archive, from the cache or by its registry's ordinary client, proved.

    Raises WrongArchive; a wrong file stays out of the cache.
    """
    place = cache / f"{release.sha256}.archive"
    if not place.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            archive = _download(release, Path(folder))
            check(archive, release)
            archive.rename(place)
    check(place, release)
    return place


def check(archive: Path, release: Release) -> None:
    """Raise WrongArchive unless ``archive`` is what the series pins."""
    found = digest(archive)
    if found != release.sha256:
        raise WrongArchive(
            f"{release.package} {release.version} is {found}, the series pins {release.sha256}"
        )


def digest(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(release: Release, folder: Path) -> Path:
    if release.client == "npm":
        words: list[str | Path] = ["npm", "pack", "--silent", "--pack-destination", folder]
        words.append(f"{release.package}@{release.version}")
    else:
        choice = "--only-binary" if release.client == "wheel" else "--no-binary"
        words = ["python3", "-m", "pip", "download", "-q", "--no-deps", choice, release.package]
        words += ["-d", folder, f"{release.package}=={release.version}"]
    run(words, timeout=FETCH_SECONDS)
    [archive] = [
        path for path in folder.iterdir() if path.suffix in {".tgz", ".whl", ".gz", ".zip"}
    ]
    return archive


def unpack(archive: Path, keep: str, target: Path) -> None:
    """Lay the archive's files whose names match ``keep`` (a regular expression) below ``target``.

    The version in a folder's name is dropped, as a folder of lessons would not carry it.
    """
    wanted = re.compile(keep)
    for name, data in _members(archive):
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise WrongArchive(f"{archive}: {name} leaves the folder")
        if wanted.search(name):
            place = target / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as whole:
            for info in whole.infolist():
                if not info.is_dir():
                    name = re.sub(r"^[^/]+-[^/]+\.(data|dist-info)/", r"\1/", info.filename)
                    yield name, whole.read(info)
        return
    with tarfile.open(archive) as tape:
        for member in tape:
            file = tape.extractfile(member) if member.isfile() else None
            if file is not None:
                yield member.name.partition("/")[2], file.read()


def remove(folder: Path) -> None:
    """Remove a folder if it is there."""
    shutil.rmtree(folder, ignore_errors=True)
