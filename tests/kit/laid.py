"""Sticks as a test needs them: raw resources laid out by hand, whole or with something wrong."""

import shutil
from collections.abc import Collection, Iterable
from pathlib import Path

from sync.digest import Digest, sha256, sharded
from sync.stick.concatenation import WHOLE, Entry, encode_table
from sync.stick.layout import CONCATENATIONS, RESOURCES, publisher_folder

FIRST_ROOT = "metadata/1.root.json"


def lay_files(folder: Path, contents: Collection[bytes]) -> list[Path]:
    """Each as a file of its own, below a publisher's folder of a stick."""
    paths = [folder / RESOURCES / sharded(sha256(data)) for data in contents]
    for path, data in zip(paths, contents, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return paths


def lay_concatenation(folder: Path, contents: Iterable[bytes], number: int = 0) -> Path:
    """All in one concatenation, with its table."""
    listed = list(contents)
    path = folder / CONCATENATIONS / f"{number}.cat"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(listed))
    table = encode_table(Entry(Digest(sha256(data)), len(data)) for data in listed)
    path.with_suffix(".tab").write_bytes(table)
    return path


def lay_stick(folder: Path, repository: Path, contents: Iterable[bytes]) -> Path:
    """A stick with a repository's signed lists and feeds, and ``contents`` as they are; the
    publisher's folder.
    """
    below = folder / publisher_folder(sha256((repository / FIRST_ROOT).read_bytes())[:16])
    for name in ("metadata", "targets", "feeds"):
        shutil.copytree(repository / name, below / name, dirs_exist_ok=True)
    listed = list(contents)
    lay_concatenation(below, [data for data in listed if len(data) < WHOLE])
    lay_files(below, [data for data in listed if len(data) >= WHOLE])
    return below
