"""The index of an update pack, read: what each group holds, within what a box can follow. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sync.deflate import Parameters, Wrap
from sync.digest import Digest
from sync.directory import PackRef
from sync.errors import FormatError
from sync.feed import Resource
from sync.pack import Codec, Group
from sync.updates import varint
from sync.updates.numbers import Form, Kind, Numbering
from sync.updates.parts import (
    MAX_DEPTH,
    MAX_PAYLOAD,
    MAX_PREFIX,
    MAX_WORK,
    Build,
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


@dataclass(frozen=True, slots=True)
class Index:
    """What an index says."""

    groups: tuple[UpdateGroup, ...]
    unknown: int
    """Groups of a kind this reader does not know."""
    end: int
    """Where the last group of the pack itself ends."""


def read_index(known: Numbering, packs: Sequence[PackRef], data: bytes, *, start: int) -> Index:
    """Read an index whose groups follow each other from ``start``; raises FormatError."""
    work = _Index(known, packs, start=start)
    groups, unknown = work.read(varint.Reader(data, what="update"))
    return Index(groups, unknown, work.end)


class _Unknown(Exception):
    """A group of a codec or with a segment of a kind that is not known here."""


class _Index:
    """Reads the groups, and refuses what a box could not follow safely."""

    def __init__(self, known: Numbering, packs: Sequence[PackRef], *, start: int) -> None:
        self._known = known
        self._packs = packs
        self.end = start
        """Where the groups read so far end."""
        self._last = 0
        self._unknown = 0
        self._builds: dict[int, Build] = {}
        """How far each new resource has come, by its number."""
        self._begun: dict[int, Build] = {}
        """The same of those that the group being read yields, counted if it is read whole."""

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
        self._begun = {}
        prefix = tuple(self._span(record) for _ in range(record.count(each=2)))
        parts = tuple(self._part(record) for _ in range(record.count(each=3)))
        one = UpdateGroup(group, home, prefix, parts)
        self._check(one, record)
        self._builds |= self._begun
        return one

    def _check(self, one: UpdateGroup, record: varint.Reader) -> None:
        if record.left:
            raise record.broken("a group goes on after its parts")
        if sum(span.size for span in one.prefix) > MAX_PREFIX:
            raise record.broken(f"a group's prefix has more than {MAX_PREFIX} bytes")
        if sum(part.payload for part in one.parts) != one.group.plain:
            if self._unknown:
                raise _Unknown  # how much is left to be made is known to one of those
            raise record.broken("a group's parts do not add up to its payload")
        raw = one.group.codec is Codec.RAW
        if raw and (one.prefix or one.group.stored != one.group.plain):
            raise record.broken("a raw group is not as long as it says, or has a prefix")

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
        if form == Form.OPENED:
            streams = self._streams(record, resource.size, depth=1)
            return _bounded(Span(resource.digest, 0, resource.size, streams), record)
        if form not in (Form.RANGE, Form.STEPS, Form.OPENED_RANGE):
            raise _Unknown
        start, length = record.number(), record.number()
        if start + length > resource.size:
            raise record.broken(f"reaches beyond the end of {resource.digest[:16]}…")
        if form == Form.RANGE:
            return Span(resource.digest, start, length)
        if form == Form.OPENED_RANGE:
            streams = self._streams(record, length, depth=1)
            return _bounded(Span(resource.digest, start, length, streams), record)
        return Span(resource.digest, start, _numbers(record, length), Differenced())

    def _streams(self, record: varint.Reader, size: int, *, depth: int) -> tuple[Inflated, ...]:
        """Streams in ``size`` bytes, in order; each with those in what it holds."""
        found: list[Inflated] = []
        count = record.count(each=5)
        if count and depth > MAX_DEPTH:
            raise record.broken(f"opens a stream that lies in more than {MAX_DEPTH - 1} others")
        at = 0
        for _ in range(count):
            start, length, held = at + record.number(), record.number(), record.number()
            at = start + length
            if at > size:
                raise record.broken("opens a stream beyond the end of what it lies in")
            wrap = record.take(1)[0]
            if wrap not in tuple(Wrap):
                raise _Unknown
            inner = self._streams(record, held, depth=depth + 1)
            found.append(Inflated(start, length, Wrap(wrap), held, inner))
        return tuple(found)

    def _held(self, record: varint.Reader) -> Resource:
        """A file the box has by then."""
        number, resource = self._resource(record)
        new = self._known.first_new <= number < len(self._known.all) - 1
        if new and not (number in self._builds and self._builds[number].is_whole):
            if self._unknown:
                raise _Unknown  # perhaps one of those makes it
            raise record.broken("uses a file before it is made")
        return resource

    def _part(self, record: varint.Reader) -> Part:
        number, resource = self._resource(record)
        if not self._known.first_new <= number < len(self._known.all) - 1:
            raise record.broken("yields a file that is there already")
        if number not in self._begun:
            known = self._builds.get(number)
            self._begun[number] = known.copy() if known else Build(resource.size)
        build = self._begun[number]
        return Part(resource, tuple(self._segment(record, build) for _ in range(record.count())))

    def _segment(self, record: varint.Reader, build: Build) -> Segment:
        segment = self._read_segment(record, build.left)
        try:
            build.add(segment)
        except FormatError as error:
            if self._unknown:
                raise _Unknown from error  # perhaps what goes before is in one of those
            raise record.broken(error.fact) from error
        return segment

    def _read_segment(self, record: varint.Reader, left: int) -> Segment:
        """One segment; ``left``: bytes to come of what it is in."""
        match record.take(1)[0]:
            case Kind.REST:
                return Literal(left)
            case Kind.LITERAL:
                return Literal(record.number())
            case Kind.SKIP:
                return Skip(record.number())
            case Kind.STEPS:
                return Summed(_numbers(record, record.number()))
            case Kind.COPY:
                span = self._span(record)
                if span.opened or span.digest == self._known.feed.digest:
                    raise record.broken("copies what is no plain file")
                return Copy(span)
            case Kind.DEFLATED:
                length, size = record.number(), record.number()
                return Deflated(length, size, _parameters(record.take(4)))
            case _:
                raise _Unknown


def _bounded(span: Span, record: varint.Reader) -> Span:
    """An opened span, unless opening it is out of proportion to what it gives."""
    if span.work > MAX_WORK * span.size:
        raise record.broken(f"opens {span.work} bytes for {span.size}")
    return span


def _numbers(record: varint.Reader, length: int) -> int:
    """The length of a run of 32-bit numbers."""
    if not length or length % WIDTH:
        raise record.broken(f"{length} bytes are no 32-bit numbers")
    return length


def _parameters(four: bytes) -> Parameters:
    wrap, effort, strategy, window = four
    if wrap not in tuple(Wrap):
        raise _Unknown
    return Parameters(Wrap(wrap), effort >> 4, effort & 15, strategy, window)
