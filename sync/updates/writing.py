"""The index of an update pack, written: groups as numbers. Pure."""

from collections.abc import Sequence

from sync.digest import Digest
from sync.updates import varint
from sync.updates.numbers import Form, Kind, Numbering
from sync.updates.parts import (
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


def write_index(known: Numbering, groups: Sequence[UpdateGroup]) -> bytes:
    """The index; groups at home 0 lie in the pack in their order."""
    return _Writer(known).index(groups)


class _Writer:
    def __init__(self, known: Numbering) -> None:
        self._known = known
        self._numbers = known.numbers()
        self._last = 0
        self._builds: dict[int, Build] = {}

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
        is_whole = (span.start, span.length) == (0, size)
        place = varint.write(span.start) + varint.write(span.length)
        if isinstance(span.opened, Differenced):
            return number + bytes([Form.STEPS]) + place
        if not span.streams:
            return number + (bytes([Form.WHOLE]) if is_whole else bytes([Form.RANGE]) + place)
        form = bytes([Form.OPENED]) if is_whole else bytes([Form.OPENED_RANGE]) + place
        return number + form + _streams(span.streams)

    def _part(self, part: Part) -> bytes:
        head = self._number(part.resource.digest)
        build = self._builds.setdefault(self._last, Build(part.resource.size))
        segments = [self._segment(segment, build) for segment in part.segments]
        return head + varint.write(len(segments)) + b"".join(segments)

    def _segment(self, segment: Segment, build: Build) -> bytes:
        left = build.left
        build.add(segment)
        match segment:
            case Literal(length) if length == left:  # the usual case, in one byte
                return bytes([Kind.REST])
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


def _streams(streams: Sequence[Inflated]) -> bytes:
    """Each begins so many bytes after the one before it ended."""
    records = [varint.write(len(streams))]
    at = 0
    for one in streams:
        numbers = (one.start - at, one.length, one.size)
        records += [*map(varint.write, numbers), bytes([one.wrap]), _streams(one.streams)]
        at = one.start + one.length
    return b"".join(records)


def _record(data: bytes) -> bytes:
    return varint.write(len(data)) + data
