"""Contents: the bytes of an edition's resources, from the source's files or out of its packs.

What is published is never unpacked to be kept: old files are put together from chunk packs when an
update needs them, large ones into a scratch file that is mapped, small ones in memory.
"""

import mmap
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from tempfile import TemporaryFile
from typing import Protocol

from sync.chunker import Buffer
from sync.digest import Digest, sha256
from sync.directory import Stored, pack_name
from sync.errors import Fault, FormatError, InputRefused
from sync.feed import Resource
from sync.pack import Group, Table, open_group
from sync.recipe import Chunk, ChunkId, Chunks, whole

IN_MEMORY = 8 * 2**20
"""Resources up to so many bytes are read whole; longer ones are mapped."""
START = 64
GROUPS = 32
"""Decoded groups kept, at most 1 MiB each."""


class Contents(Protocol):
    """Gives the bytes of resources."""

    def read(self, resource: Resource) -> Buffer:
        """All of them; raises FormatError or InputRefused if they are not to be had."""
        ...

    def start(self, resource: Resource) -> bytes:
        """The first bytes, at least 16 if there are as many."""
        ...


class Find(Protocol):
    """Finds files of a repository by their names (``workspace.Shelf``)."""

    def find(self, name: str) -> Path:
        """Where it is; raises FormatError."""
        ...


def changed(path: Path, what: str) -> InputRefused:
    """The error for a source file that is not what the feed was compiled from."""
    fault = Fault(str(path), what, "run `kexia publish release` again when it is at rest")
    return InputRefused(f"{path.name}: {what}", faults=(fault,))


class FileContents:
    """Resources that are files somebody else may write at any time."""

    def __init__(self, paths: Mapping[Digest, Path]) -> None:
        self._paths = paths

    def read(self, resource: Resource) -> Buffer:
        """The file's bytes; raises InputRefused if they are not those the feed names."""
        path = self._paths[resource.digest]
        try:
            data = _read(path, resource.size)
        except (OSError, ValueError) as error:  # ValueError: there is nothing to map any more
            raise changed(path, "cannot be read any more") from error
        if sha256(memoryview(data)) != resource.digest:
            raise changed(path, "changed while the edition was made of it")
        return data

    def start(self, resource: Resource) -> bytes:
        """The file's first bytes."""
        path = self._paths[resource.digest]
        try:
            with path.open("rb") as file:
                return file.read(START)
        except OSError as error:
            raise changed(path, "cannot be read any more") from error


def _read(path: Path, size: int) -> Buffer:
    if size <= IN_MEMORY:
        return path.read_bytes()
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


class PackedContents:
    """Resources in the chunk packs of an edition."""

    def __init__(self, tables: Iterable[Table], shelf: Find) -> None:
        self._shelf = shelf
        self._places: dict[ChunkId, tuple[Stored, Group, int]] = {}
        self._recipes: dict[Digest, Chunks] = {}
        self._plain: OrderedDict[Digest, bytes] = OrderedDict()
        for table in tables:
            for chunk, group, start in table.places():
                self._places.setdefault(chunk.id, (table.pack, group, start))
            for recipe in table.recipes:
                self._recipes.setdefault(recipe.resource, recipe.chunks)

    def read(self, resource: Resource) -> Buffer:
        """The resource put together from its chunks."""
        chunks = self._chunks(resource)
        if resource.size <= IN_MEMORY:
            return b"".join(map(self._chunk, chunks))
        with TemporaryFile() as file:
            for chunk in chunks:
                file.write(self._chunk(chunk))
            file.flush()
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def start(self, resource: Resource) -> bytes:
        """The first chunk's first bytes."""
        for chunk in self._chunks(resource):
            return self._chunk(chunk)[:START]
        return b""

    def _chunks(self, resource: Resource) -> Iterable[Chunk]:
        if resource.digest in self._recipes:
            return self._recipes[resource.digest]
        return [Chunk(whole(resource.digest), resource.size)] if resource.size else []

    def _chunk(self, chunk: Chunk) -> bytes:
        if chunk.id not in self._places:
            raise FormatError(
                f"no pack holds chunk {chunk.id.hex()} of the edition before",
                hint="copy the repository back from a mirror or a backup",
            )
        pack, group, start = self._places[chunk.id]
        return self._group(pack, group)[start : start + chunk.length]

    def _group(self, pack: Stored, group: Group) -> bytes:
        if group.digest in self._plain:
            self._plain.move_to_end(group.digest)
            return self._plain[group.digest]
        with self._shelf.find(pack_name(pack)).open("rb") as file:
            file.seek(group.offset)
            stored = file.read(group.stored)
        self._plain[group.digest] = open_group(group, stored, what=pack_name(pack))
        if len(self._plain) > GROUPS:
            self._plain.popitem(last=False)
        return self._plain[group.digest]
