"""The head of an update pack: the new feed, and what each group holds. Pure.

An update pack is a head and then groups without a gap. The signed directory names the head by
digest and length, the head proves each group; so a box takes the head, decides, and asks for the
groups it needs alone. ``docs/formats.md``, "Update pack", has it byte by byte.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property

from sync import compression
from sync.deflate import Parameters, Wrap
from sync.digest import Digest, sha256
from sync.directory import CollectionEntry, FeedRef
from sync.errors import FormatError
from sync.feed import MAX_PLAIN, Feed, Resource, parse_plain, plain_bytes
from sync.pack import Codec, Group
from sync.updates import varint
from sync.updates.parts import (
    MAX_PAYLOAD,
    MAX_PREFIX,
    Copy,
    Deflated,
    Differenced,
    Inflated,
    Literal,
    Part,
    Segment,
    Skip,
    Span,
    Summed,
    UpdateGroup,
)
from sync.updates.steps import WIDTH

VERSION = 1
MAGIC = b"KXUPDT\n"
MAX_HEAD = 64 * 2**20
"""Longest head a box reads, in bytes."""
MAX_INDEX = 16 * 2**20
"""Longest index, decompressed: enough for a million files; read, it takes some 40 times that."""
_HEADER = struct.Struct("<7sBII")
_TOO_OLD = "this box may be too old for this publisher; update its system"


class Kind(IntEnum):
    """Numbers of the kinds of segment; 4 is kept for JPEG XL."""

    WHOLE = 0
    LITERAL = 1
    COPY = 2
    DEFLATED = 3
    SKIP = 5
    STEPS = 6


class Form(IntEnum):
    """Numbers of the forms of span; a deflate stream's is INFLATED and its wrap."""

    WHOLE = 0
    RANGE = 1
    INFLATED = 2
    INFLATED_ZLIB = 3
    STEPS = 4


@dataclass(frozen=True, slots=True)
class Head:
    """What one update pack does."""

    feed: Feed
    groups: tuple[UpdateGroup, ...]
    unknown: int = 0
    """Groups of a kind this reader does not know; their resources come another way."""
    size: int = 0
    """Bytes of the head as stored."""
    end: int = 0
    """Bytes of the whole pack, which ends with its last group."""


@dataclass(frozen=True, slots=True)
class Base:
    """The edition a pack starts from: its feed, plain and read; nothing at all for a new box."""

    plain: bytes = b""
    feed: Feed | None = None

    @property
    def resources(self) -> tuple[Resource, ...]:
        """What the box holds then."""
        return self.feed.resources if self.feed else ()


def encode_head(base: Base, feed: Feed, groups: Sequence[UpdateGroup]) -> bytes:
    """Stored bytes of a head; groups at home 0 lie in the pack in their order."""
    plain = plain_bytes(feed)
    delta = compression.compress_with(base.plain, plain)
    index = compression.compress(_Writer(base, feed, plain).index(groups))
    return _HEADER.pack(MAGIC, VERSION, len(delta), len(index)) + delta + index


def decode_head(data: bytes, base: Base, entry: CollectionEntry) -> Head:
    """Read a proved head that leads from ``base`` to ``entry``'s edition; raises FormatError."""
    if not _HEADER.size <= len(data) <= MAX_HEAD:
        raise FormatError(f"update: its head has {len(data)} bytes, at most {MAX_HEAD} are allowed")
    magic, version, delta, index = _HEADER.unpack_from(data)
    if magic != MAGIC or version != VERSION:
        raise FormatError(
            f"update: starts with {data[:8]!r}, not {MAGIC!r} and version {VERSION}", hint=_TOO_OLD
        )
    if _HEADER.size + delta + index != len(data):
        raise FormatError("update: its head is not as long as it says")
    plain = _new_feed(data[_HEADER.size : _HEADER.size + delta], base, entry.feed)
    feed = parse_plain(plain)
    frame = data[_HEADER.size + delta :]
    size = compression.content_size(frame, limit=MAX_INDEX, what="update")
    reader = varint.Reader(compression.decompress(frame, size=size, what="update"), what="update")
    work = _Index(base, feed, plain, entry, start=len(data))
    groups, unknown = work.read(reader)
    return Head(feed, groups, unknown, len(data), work.end)


def _new_feed(frame: bytes, base: Base, ref: FeedRef) -> bytes:
    if ref.plain.size > MAX_PLAIN:
        raise FormatError(f"update: a feed of {ref.plain.size} bytes, at most {MAX_PLAIN}")
    plain = compression.decompress_with(base.plain, frame, size=ref.plain.size, what="feed")
    if sha256(plain) != ref.plain.digest:
        raise FormatError("update: leads to another feed than signed")
    return plain


class _Numbering:
    """Numbers of what spans may name: old resources, new ones, then the new feed itself."""

    def __init__(self, base: Base, feed: Feed, plain: bytes) -> None:
        self._old = base.resources
        held = set(base.resources)
        self._new = tuple(one for one in feed.resources if one not in held)
        self.feed = Resource(sha256(plain), len(plain))
        self.all: tuple[Resource, ...] = (*self._old, *self._new, self.feed)

    @property
    def first_new(self) -> int:
        """Number of the first resource the pack may yield."""
        return len(self._old)

    def numbers(self) -> dict[Digest, int]:
        """Digest → number."""
        return {resource.digest: number for number, resource in enumerate(self.all)}


class _Writer:
    def __init__(self, base: Base, feed: Feed, plain: bytes) -> None:
        self._known = _Numbering(base, feed, plain)
        self._numbers = self._known.numbers()
        self._last = 0

    def index(self, groups: Sequence[UpdateGroup]) -> bytes:
        records = [self._group(group) for group in groups]
        return b"".join([varint.write(len(records)), *(_record(each) for each in records)])

    def _group(self, one: UpdateGroup) -> bytes:
        self._last = 0  # so that a reader can pass over a group it does not know
        group = one.group
        place = [one.home, *([group.offset] if one.home else []), group.stored, group.plain]
        return b"".join(
            [
                bytes([group.codec]),
                *map(varint.write, place),
                bytes.fromhex(group.digest),
                varint.write(len(one.prefix)),
                *map(self._span, one.prefix),
                varint.write(len(one.parts)),
                *map(self._part, one.parts),
            ]
        )

    def _number(self, digest: Digest) -> bytes:
        """Neighbours follow each other, so what is written is the step from the last one."""
        number = self._numbers[digest]
        step, self._last = number - self._last, number
        return varint.write(varint.fold(step))

    def _span(self, span: Span) -> bytes:
        number = self._number(span.digest)
        size = self._known.all[self._last].size
        opened = span.opened
        form = Form.STEPS if isinstance(opened, Differenced) else Form.WHOLE
        if isinstance(opened, Inflated):
            form = Form(Form.INFLATED + opened.wrap)
        if form is Form.WHOLE and (span.start, span.length) == (0, size):
            return number + bytes([form])
        rest = [span.start, span.length]
        if isinstance(opened, Inflated):
            rest.append(opened.size)
        return number + bytes([form or Form.RANGE]) + b"".join(map(varint.write, rest))

    def _part(self, part: Part) -> bytes:
        head = self._number(part.resource.digest)
        if part.segments == (Literal(part.resource.size),):  # the usual case, in two bytes
            return head + varint.write(1) + bytes([Kind.WHOLE])
        return head + varint.write(len(part.segments)) + b"".join(map(self._segment, part.segments))

    def _segment(self, segment: Segment) -> bytes:
        match segment:
            case Literal(length):
                return bytes([Kind.LITERAL]) + varint.write(length)
            case Summed(length):
                return bytes([Kind.STEPS]) + varint.write(length)
            case Skip(length):
                return bytes([Kind.SKIP]) + varint.write(length)
            case Copy(span):
                return bytes([Kind.COPY]) + self._span(span)
            case Deflated(length, size, how):
                numbers = varint.write(length) + varint.write(size)
                made = bytes([how.wrap, how.level * 16 + how.memory, how.strategy, how.window])
                return bytes([Kind.DEFLATED]) + numbers + made


def _record(data: bytes) -> bytes:
    return varint.write(len(data)) + data


class _Unknown(Exception):
    """A group of a codec or with a segment of a kind that is not known here."""


class _Index:
    """Reads the groups, and refuses what a box could not follow safely."""

    def __init__(
        self, base: Base, feed: Feed, plain: bytes, entry: CollectionEntry, *, start: int
    ) -> None:
        self._known = _Numbering(base, feed, plain)
        self._packs = entry.packs
        self.end = start
        """Where the groups read so far end."""
        self._last = 0
        self._unknown = 0
        self._made: dict[int, int] = {}
        """Bytes made so far of each new resource, by its number."""

    def read(self, reader: varint.Reader) -> tuple[tuple[UpdateGroup, ...], int]:
        groups: list[UpdateGroup] = []
        for _ in range(reader.count(each=40)):
            record = reader.inner()
            codec, home, group = self._place(record)
            try:
                groups.append(self._group(record, codec, home, group))
            except _Unknown:
                self._unknown += 1
        if reader.left:
            raise reader.broken("goes on after its last group")
        return tuple(groups), self._unknown

    def _place(self, record: varint.Reader) -> tuple[int, int, Group]:
        """What every group says first, of whatever kind it is."""
        codec, home = record.take(1)[0], record.number()
        offset = record.number() if home else self.end
        stored, plain = record.number(), record.number()
        digest = Digest(record.take(32).hex())
        if not 0 < stored <= plain <= MAX_PAYLOAD:
            raise record.broken(f"a group has {plain} bytes, {stored} stored")
        if home > len(self._packs):
            raise record.broken(f"a group lies in pack {home} of {len(self._packs)}")
        if home and offset + stored > self._packs[home - 1].pack.size:
            raise record.broken("a group lies beyond the end of its pack")
        if not home:
            self.end += stored
        return codec, home, Group(digest, offset, stored, plain, Codec.RAW)

    def _group(self, record: varint.Reader, codec: int, home: int, group: Group) -> UpdateGroup:
        if codec not in tuple(Codec):
            raise _Unknown
        group = replace(group, codec=Codec(codec))
        self._last = 0
        prefix = tuple(self._span(record) for _ in range(record.count(each=2)))
        parts = tuple(self._part(record) for _ in range(record.count(each=3)))
        one = UpdateGroup(group, home, prefix, parts)
        self._check(one, record)
        for part in parts:
            number = self._numbers[part.resource.digest]
            self._made[number] = self._made.get(number, 0) + part.size
            if self._made[number] > part.resource.size:
                raise record.broken(f"makes too much of {part.resource.digest[:16]}…")
        return one

    def _check(self, one: UpdateGroup, record: varint.Reader) -> None:
        if record.left:
            raise record.broken("a group goes on after its parts")
        stored = max((span.length for span in one.prefix), default=0)
        if sum(span.size for span in one.prefix) > MAX_PREFIX or stored > MAX_PREFIX:
            raise record.broken(f"a group's prefix has more than {MAX_PREFIX} bytes")
        if sum(part.payload for part in one.parts) != one.group.plain:
            raise record.broken("a group's parts do not add up to its payload")
        raw = one.group.codec is Codec.RAW
        if raw and (one.prefix or one.group.stored != one.group.plain):
            raise record.broken("a raw group is not as long as it says, or has a prefix")

    @cached_property
    def _numbers(self) -> dict[Digest, int]:
        return self._known.numbers()

    def _resource(self, record: varint.Reader) -> tuple[int, Resource]:
        number = self._last + varint.unfold(record.number())
        if not 0 <= number < len(self._known.all):
            raise record.broken(f"names file {number} of {len(self._known.all)}")
        self._last = number
        return number, self._known.all[number]

    def _span(self, record: varint.Reader) -> Span:
        resource = self._held(record)
        form = record.take(1)[0]
        if form == Form.WHOLE:
            return Span(resource.digest, 0, resource.size)
        start, length = record.number(), record.number()
        if start + length > resource.size:
            raise record.broken(f"reaches beyond the end of {resource.digest[:16]}…")
        return Span(resource.digest, start, length, self._opened(record, form, length))

    def _held(self, record: varint.Reader) -> Resource:
        """A file the box has by then."""
        number, resource = self._resource(record)
        new = self._known.first_new <= number < len(self._known.all) - 1
        if new and self._made.get(number, 0) != resource.size:
            if self._unknown:
                raise _Unknown  # perhaps one of those makes it
            raise record.broken("uses a file before it is made")
        return resource

    def _opened(
        self, record: varint.Reader, form: int, length: int
    ) -> Inflated | Differenced | None:
        if form == Form.RANGE:
            return None
        if form == Form.STEPS:
            if not length or length % WIDTH:
                raise record.broken(f"{length} bytes are no 32-bit numbers")
            return Differenced()
        if form - Form.INFLATED not in tuple(Wrap):
            raise _Unknown
        return Inflated(Wrap(form - Form.INFLATED), record.number())

    def _part(self, record: varint.Reader) -> Part:
        number, resource = self._resource(record)
        if not self._known.first_new <= number < len(self._known.all) - 1:
            raise record.broken("yields a file that is there already")
        count = record.count()
        segments = tuple(self._segment(record, resource) for _ in range(count))
        return Part(resource, segments)

    def _segment(self, record: varint.Reader, resource: Resource) -> Segment:
        match record.take(1)[0]:
            case Kind.WHOLE:
                return Literal(resource.size)
            case Kind.LITERAL:
                return Literal(record.number())
            case Kind.SKIP:
                return Skip(record.number())
            case Kind.COPY:
                span = self._span(record)
                if span.opened or span.digest == self._known.feed.digest:
                    raise record.broken("copies what is no plain file")
                return Copy(span)
            case kind:
                return self._remade(record, kind)

    def _remade(self, record: varint.Reader, kind: int) -> Segment:
        """A segment that is made again from its payload."""
        if kind == Kind.STEPS:
            length = record.number()
            if not length or length % WIDTH:
                raise record.broken(f"{length} bytes are no 32-bit numbers")
            return Summed(length)
        if kind != Kind.DEFLATED:
            raise _Unknown
        length, size = record.number(), record.number()
        wrap, effort, strategy, window = record.take(4)
        if wrap not in tuple(Wrap):
            raise _Unknown
        how = Parameters(Wrap(wrap), effort >> 4, effort & 15, strategy, window)
        return Deflated(length, size, how)
