"""A stick as a folder: files written durably, read back from the medium, stale ones removed.

The stick may come back from anywhere, so no symbolic link on it is followed, and nothing is removed
but what an earlier preparation wrote.
"""

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path, PurePosixPath

from appliance.technician.items import Item, Run
from appliance.technician.listing import Kind, walk
from sync.chunker import Buffer
from sync.errors import FormatError, InputRefused, MediumFailing, NotThere
from sync.files import durable_file, forget, partial_of, sync_folder
from sync.publish.order import rank
from sync.stick.concatenation import CONCATENATION, MAX_TABLE, TABLE, decode_table
from sync.stick.layout import CONCATENATIONS, ROOT, publisher_folder
from sync.transport.volume import VolumeTransport

BLOCK = 2**20
_OURS = re.compile(
    rf"{ROOT}/[0-9a-f]{{16}}/(?P<inner>(metadata|targets|feeds|resources)/.+|"
    rf"{CONCATENATIONS}/[0-9]+\.(cat|tab))"
)
_LISTS = ("metadata/", "targets/", "feeds/")


class StickFolder:
    """The stick mounted at ``root``, or a plain folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def has(self, item: Item) -> bool:
        """Whether a regular file of the right length is there; its bytes are proved later."""
        return self.size(item.name) == item.size

    def size(self, name: str) -> int | None:
        """Bytes of the regular file of that name; None if there is none."""
        try:
            found = self._place(name).lstat()
        except OSError:
            return None
        return found.st_size if stat.S_ISREG(found.st_mode) else None

    def write(self, name: str, blocks: Iterable[Buffer]) -> None:
        """Write a file durably; raises NoRoom, MediumFailing, and what ``blocks`` raises."""
        path = self._place(name)
        with suppress(FileNotFoundError):
            partial_of(path).unlink()  # perhaps a link somebody laid there
        with durable_file(path) as file:
            for block in blocks:
                file.write(block)

    def write_small(self, name: str, data: bytes) -> None:
        """Write a file of known bytes."""
        self.write(name, (data,))

    def proves(self, item: Item, advance: Callable[[int], None]) -> bool:
        """Read the file from the medium, past what the kernel keeps of it, and prove each piece."""
        path = self._place(item.name)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return False
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            forget(descriptor)
            try:
                return all(
                    _proves(file.read, piece.digest, piece.size, advance) for piece in item.pieces
                ) and not file.read(1)
            except OSError as error:
                raise MediumFailing(
                    f"{path}: reading it back failed ({error.strerror})",
                    hint="the stick is failing; use another one",
                ) from error

    def runs(self, publisher_id: str) -> Mapping[int, Run]:
        """What the concatenations here hold, by their number, as their tables say."""
        folder = publisher_folder(publisher_id)
        found: dict[int, Run] = {}
        for name in self._names(f"{folder}/{CONCATENATIONS}"):
            if name.endswith(CONCATENATION) and _OURS.fullmatch(name):
                run = self._run(name)
                if run is not None:
                    found[int(PurePosixPath(name).stem)] = run
        return found

    def _run(self, name: str) -> Run | None:
        """What a concatenation holds, as its table says; None if they do not fit each other."""
        try:
            table = VolumeTransport(self.root).read(_table_of(name), limit=MAX_TABLE)
            run = decode_table(table)
        except (NotThere, FormatError):
            return None
        return run if self.size(name) == sum(entry.size for entry in run) else None

    def holds_lessons(self) -> bool:
        """Whether any file is here that a preparation may have written."""
        return any(map(_is_ours, self._names(ROOT)))

    def stale(self, items: Sequence[Item]) -> tuple[str, ...]:
        """Files of an earlier preparation that are not among ``items``.

        Also concatenations that hold something else: half of the old one beside half of the new
        would be of no use.
        """
        kept: set[str] = set()
        for item in items:
            if item.name.endswith(CONCATENATION) and self._run(item.name) == item.pieces:
                kept |= {item.name, _table_of(item.name)}
            elif not item.name.endswith((CONCATENATION, TABLE)):
                kept.add(item.name)
        ours = (name for name in self._names(ROOT) if name not in kept and _is_ours(name))
        return tuple(sorted(ours))

    def remove(self, names: Iterable[str]) -> None:
        """Remove files, and the folders that become empty."""
        folders: set[Path] = set()
        for name in names:
            path = self._place(name)
            path.unlink(missing_ok=True)
            folders.add(path.parent)
        for folder in sorted(folders, reverse=True):
            with suppress(OSError):
                sync_folder(folder)
                folder.rmdir()

    def _place(self, name: str) -> Path:
        """Where a file lies; raises InputRefused if a link or a file is in the way."""
        path = self.root
        *folders, last = PurePosixPath(name).parts
        for part in folders:
            path = path / part
            with suppress(FileNotFoundError):
                if not stat.S_ISDIR(path.lstat().st_mode):
                    raise InputRefused(
                        f"{path} is no folder",
                        hint="remove it from the stick, or use another stick",
                    )
        return path / last

    def _names(self, below: str) -> Iterator[str]:
        """Names of regular files below a folder; no link is followed."""
        self._place(f"{below}/any")
        return (each.name for each in walk(self.root, below) if each.kind is Kind.FILE)


def _proves(
    read: Callable[[int], bytes], digest: str, size: int, advance: Callable[[int], None]
) -> bool:
    proof = sha256()
    while size:
        block = read(min(BLOCK, size))
        if not block:
            return False
        proof.update(block)
        advance(len(block))
        size -= len(block)
    return proof.hexdigest() == digest


def _table_of(name: str) -> str:
    return name.removesuffix(CONCATENATION) + TABLE


def _is_ours(name: str) -> bool:
    match = _OURS.fullmatch(name.removesuffix(".partial"))
    if match is None:
        return False
    return match["inner"].startswith(CONCATENATIONS) or rank(match["inner"]) is not None


def is_list(name: str) -> bool:
    """Whether it leads to content: metadata, a signed list, a feed."""
    return name[len(ROOT) + 18 :].startswith(_LISTS)
