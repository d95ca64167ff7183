"""Random histories of a collection: what teachers do to their files from week to week."""

import tarfile
import zipfile
import zlib
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from random import Random

from sync import feed as feeds
from sync.deflate import Wrap, deflate
from sync.digest import Digest, sha256
from sync.directory import CollectionEntry
from sync.library import Store
from sync.pack import decode_group
from sync.plan import FromGroup, FromSeed, FromSteps, Piece, Plan, Remade
from sync.publish import stage
from sync.updates.parts import Differenced, Inflated, Span
from sync.updates.steps import steps, summed
from tests.kit.packed import noise, text
from tests.kit.province import Province

COLLECTION = "43/music-1a"
Files = dict[str, bytes]


def archive(members: Files, *, level: int = 6, stored: bool = False) -> bytes:
    """A ZIP, as a DOCX or PPTX is one; the same bytes every time."""
    out = BytesIO()
    method = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(out, "w", method, compresslevel=None if stored else level) as file:
        for name, data in members.items():
            file.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data, method, level)
    return out.getvalue()


def tarred(members: Files) -> bytes:
    """A TAR; the same bytes every time."""
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as file:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, BytesIO(data))
    return out.getvalue()


def gzipped(data: bytes, level: int = 6) -> bytes:
    """A gzip file made by this machine's zlib in one go."""
    maker = zlib.compressobj(level, zlib.DEFLATED, -15)
    end = zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")
    return b"\x1f\x8b\x08\0\0\0\0\0\0\3" + maker.compress(data) + maker.flush() + end


def edited(rng: Random, data: bytes) -> bytes:
    """A few places changed, cut out or put in."""
    for _ in range(rng.randint(1, 4)):
        at = rng.randint(0, len(data))
        gone = rng.choice([0, 0, 3, 400])
        data = (
            data[:at] + rng.choice([b"", b"new", text(rng.randint(0, 99), 90)]) + data[at + gone :]
        )
    return data or b"x"


def _content(kind: str, seed: int, size: int) -> bytes:
    match kind:
        case "txt":
            return text(seed, size)
        case "mp4":
            return b"\0\0\0\x18ftyp" + noise(seed, size * 10)
        case "bin":
            return noise(seed, size) + text(seed, size * 8) + noise(seed, size * 5)
        case _:
            return b""


class History:
    """Files of one collection; each ``step`` is another edition."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.files: Files = {}
        self._members: dict[str, Files] = {}
        self._gone: list[tuple[str, bytes]] = []
        self._count = 0
        for kind in ("txt", "txt", "mp4", "docx", "bin", "zip", "kit"):
            self._add(kind)

    def step(self) -> Files:
        """The files of the next edition."""
        for _ in range(self.rng.randint(1, 4)):
            self.rng.choice(
                [self._edit, self._edit, self._edit, self._new, self._drop, self._back]
            )()
        if not self.files:
            self._add("txt")
        return dict(self.files)

    def _edit(self) -> None:
        name = self.rng.choice(sorted(self.files))
        if name in self._members:
            members = self._members[name]
            member = self.rng.choice(sorted(members))
            members[member] = edited(self.rng, members[member])
            self.files[name] = self._zipped(name)
        else:
            self.files[name] = edited(self.rng, self.files[name])

    def _new(self) -> None:
        self._add(self.rng.choice(["txt", "mp4", "docx", "bin", "empty"]))

    def _drop(self) -> None:
        if len(self.files) > 2:
            name = self.rng.choice(sorted(self.files))
            self._gone.append((name, self.files.pop(name)))
            self._members.pop(name, None)

    def _back(self) -> None:
        if self._gone:
            name, data = self._gone.pop()
            self.files.setdefault(name, data)

    def _add(self, kind: str) -> None:
        self._count += 1
        name, seed = f"l{self._count}.{kind}", self.rng.randint(0, 2**30)
        if kind in ("docx", "zip", "kit"):
            sizes = [self.rng.randint(100, 20_000) for _ in range(4)]
            self._members[name] = {
                f"part{number}.xml": text(seed + number, size) for number, size in enumerate(sizes)
            }
            self.files[name] = self._zipped(name)
        else:
            self.files[name] = _content(kind, seed, self.rng.randint(200, 40_000))

    def _zipped(self, name: str) -> bytes:
        inner = self._members[name]
        level = 1 + len(name + str(self._count)) % 9
        if name.endswith(".zip"):
            return archive({"inner.docx": archive(inner), "note": b"n" * 500}, stored=True)
        if name.endswith(".kit"):
            packed = {f"{name}.gz": gzipped(data, level) for name, data in inner.items()}
            members = {
                "cover.png": noise(len(name), 5_000),
                "kit.tgz": gzipped(tarred(inner | packed)),
            }
            return archive(members, level=level)
        return archive(inner, level=level)


def publish(province: Province, files: Files) -> CollectionEntry:
    """The entry of the edition that holds ``files``, published for real."""
    province.publish({COLLECTION: files})
    entry = stage.base(province.workspace, province.roles).directory.entry(COLLECTION)
    assert entry is not None
    return entry


def feed_bytes(repository: Path, entry: CollectionEntry) -> bytes:
    """The entry's plain feed."""
    name = f"feeds/{entry.feed.stored.digest[:2]}/{entry.feed.stored.digest}"
    return feeds.open_stored((repository / name).read_bytes(), entry.feed)


def store_at(folder: Path, repository: Path, entry: CollectionEntry | None, files: Files) -> Store:
    """A box's store that holds one edition whole."""
    store = Store(folder)
    if entry is not None:
        plain = feed_bytes(repository, entry)
        store.feeds.put(entry.feed.plain.digest, plain)
        for data in set(files.values()):
            store.library.put(sha256(data), data)
    return store


def opened(data: bytes, streams: Sequence[Inflated]) -> bytes:
    """``data`` with its streams opened, from the last to the first."""
    for one in reversed(streams):
        end = one.start + one.length
        held = zlib.decompress(data[one.start : end], 15 if one.wrap is Wrap.ZLIB else -15)
        assert len(held) == one.size
        data = data[: one.start] + opened(held, one.streams) + data[end:]
    return data


class Executed:
    """What a plan makes from the bytes it says it fetches and the files it may use, in memory."""

    def __init__(self, plan: Plan, repository: Path, declared: dict[Digest, bytes]) -> None:
        self._plan = plan
        self._repository = repository
        self._fetched = {number for part in plan.ranges for number in part.groups}
        steps_taken = [step for one in plan.wanted for step in one.steps]
        known = {
            step.entry.feed.plain.digest: feeds.plain_bytes(step.head.feed) for step in steps_taken
        }
        self._files = {**known, **declared}
        self._wanted = {one.resource.digest: one for one in plan.assemblies}
        self._plain: dict[int, bytes] = {}

    def made(self) -> dict[Digest, bytes]:
        """Every resource of the plan."""
        return {digest: self._file(digest) for digest in self._wanted}

    def _file(self, digest: Digest) -> bytes:
        if digest not in self._files:
            self._files[digest] = b"".join(map(self._piece, self._wanted[digest].pieces))
        return self._files[digest]

    def _span(self, one: Span) -> bytes:
        data = self._file(one.digest)[one.start : one.start + one.length]
        if isinstance(one.opened, Differenced):
            return steps(data)
        return opened(data, one.opened)

    def _opened(self, number: int) -> bytes:
        if number not in self._plain:
            planned = self._plan.groups[number]
            assert number in self._fetched or planned.is_staged
            pack = (self._repository / planned.name).read_bytes()
            stored = pack[planned.group.offset : planned.end]
            assert sha256(stored) == planned.group.digest
            prefix = b"".join(map(self._span, planned.prefix))
            self._plain[number] = decode_group(planned.group, stored, prefix, what="group")
        return self._plain[number]

    def _piece(self, one: Piece) -> bytes:
        match one:
            case FromSeed(digest, start, length):
                return self._file(digest)[start : start + length]
            case FromGroup(number, start, length):
                return self._opened(number)[start : start + length]
            case Remade(pieces, size, how):
                made = b"".join(deflate(map(self._piece, pieces), how))
                assert len(made) == size
                return made
            case FromSteps(number, start, length):
                return summed(self._opened(number)[start : start + length])
