import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync import compression, feed
from sync.deflate import Parameters, Wrap
from sync.digest import sha256
from sync.directory import CollectionEntry
from sync.errors import FormatError
from sync.feed import Feed, Resource, plain_bytes
from sync.pack import Codec, Group
from sync.updates import head as heads
from sync.updates import varint
from sync.updates.head import Base, Head, decode_head, encode_head
from sync.updates.numbers import Form, Kind
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
    taken,
)
from sync.updates.steps import WIDTH
from tests.kit.heads import (
    HEADER,
    Raw,
    base_of,
    entry_of,
    feed_of,
    head_of,
    index_of,
    joined,
    lying,
    named,
    number,
    pack_of,
    record,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "update-1.pack"
INDEX = "4db0901c388acbcb8b6c6a758eb1ab3fe8df1481efd03bdf30bf06435f4082d4"
"""SHA-256 of the golden index before it is compressed."""
OLD = named("old", 5000)
OTHER = named("other old", 300)
KEPT = named("kept", 7)
NEW = named("new", 1000)
LATER = named("later", 2000)
PICTURE = named("picture", 400)
BASE = base_of([OLD, OTHER, KEPT])
FEED = feed_of([KEPT, NEW, LATER, PICTURE])
PACK = pack_of(5000)
ENTRY = entry_of(FEED, [PACK])
PDF = Parameters(Wrap.ZLIB, 6, 9, 1, 14)
RAW = Parameters(Wrap.RAW, 9, 8)
NESTED = (Inflated(0, 90, Wrap.RAW, 80), Inflated(100, 200, Wrap.ZLIB, 500))
LAST = Inflated(200, 60, Wrap.ZLIB, 250)


def whole(one: Resource) -> Span:
    return Span(one.digest, 0, one.size)


def group_of(data: bytes, plain: int, codec: Codec = Codec.ZSTD, *, offset: int = 0) -> Group:
    return Group(sha256(data), offset, len(data), plain, codec)


def sample() -> tuple[UpdateGroup, ...]:
    """One of every kind: spans whole, part, opened (twice, in one), part opened, new, of the feed;
    each segment, streams in one and over two groups; each home."""
    first = UpdateGroup(
        group_of(b"first group", 1100),
        0,
        (
            whole(OLD),
            Span(OTHER.digest, 10, 200),
            Span(OTHER.digest, 8, 40, Differenced()),
            Span(OLD.digest, 0, 5000, (Inflated(100, 50, Wrap.RAW, 300, NESTED), LAST)),
            Span(OLD.digest, 4000, 900, (LAST,)),
            Span(ENTRY.feed.plain.digest, 0, ENTRY.feed.plain.size),
        ),
        (
            Part(NEW, (Literal(1000),)),
            Part(
                LATER,
                (Literal(40), Deflated(50, 30, PDF), Literal(50), Copy(Span(OLD.digest, 7, 900))),
            ),
            Part(LATER, (Deflated(30, 30, RAW), Literal(5), Deflated(12, 20, PDF), Literal(5))),
        ),
    )
    rest = (Skip(3), Literal(7), Literal(5), Summed(400), Literal(600))
    second = UpdateGroup(group_of(b"x" * 500, 1015), 0, (whole(NEW),), (Part(LATER, rest),))
    picture = UpdateGroup(
        group_of(b"p" * 600, 600, Codec.RAW, offset=4400),
        1,
        (),
        (Part(PICTURE, (Skip(100), Literal(400), Skip(100))),),
    )
    return first, second, picture


def placed(groups: tuple[UpdateGroup, ...], head: bytes) -> tuple[UpdateGroup, ...]:
    """The groups with the offsets that follow from the head's length."""
    at = len(head)
    found = []
    for one in groups:
        found.append(one if one.home else replace(one, group=replace(one.group, offset=at)))
        at += 0 if one.home else one.group.stored
    return tuple(found)


def test_golden_update_pack_is_read_and_reproduced() -> None:
    data = GOLDEN.read_bytes()
    written = encode_head(BASE, FEED, sample())
    assert written + b"first group" + b"x" * 500 == data
    head = decode_head(data[: len(written)], BASE, ENTRY)
    assert head == Head(FEED, placed(sample(), written), 0, len(written), len(data))


def test_the_golden_index_is_the_same_whatever_zstd_wrote_it() -> None:
    assert sha256(plain_index(GOLDEN.read_bytes())) == INDEX


def read(index: bytes) -> Head:
    return decode_head(head_of(BASE, FEED, index), BASE, ENTRY)


def moved(step: int) -> bytes:
    return number(varint.fold(step))


def whole_span(step: int = 0) -> bytes:
    """The span of a whole file, ``step`` numbers after the one named last."""
    return moved(step) + b"\0"


def part(step: int, *segments: bytes) -> bytes:
    return moved(step) + number(len(segments)) + b"".join(segments)


def literal(length: int) -> bytes:
    return bytes([Kind.LITERAL]) + number(length)


def skip(length: int) -> bytes:
    return bytes([Kind.SKIP]) + number(length)


def copy(span: bytes) -> bytes:
    return bytes([Kind.COPY]) + span


def span(step: int, form: int, *numbers: int) -> bytes:
    return moved(step) + bytes([form]) + b"".join(map(number, numbers))


GOOD = Raw(parts=(part(3, literal(10)),))
"""Ten bytes of NEW: files 0 to 2 are old, 3 to 5 new, 6 is the feed."""


def test_a_hand_written_index_is_read() -> None:
    head = read(index_of([GOOD]))
    assert head.groups[0].parts == (Part(NEW, (Literal(10),)),)
    assert head.unknown == 0


def stream(length: int, size: int, *, level: int = 6, strategy: int = 0, window: int = 15) -> bytes:
    """The stream that what follows makes, ``length`` bytes."""
    how = bytes([1, level * 16 + 8, strategy, window])
    return bytes([Kind.DEFLATED]) + number(length) + number(size) + how


Opened = tuple[Any, ...]
"""Start, length, size, then the streams in it."""


def streams(*found: Opened) -> bytes:
    data = number(len(found))
    at = 0
    for start, length, size, *inner in found:
        data += number(start - at) + number(length) + number(size) + b"\0" + streams(*inner)
        at = start + length
    return data


def opens(*found: Opened) -> bytes:
    """The span of all of OLD with streams opened."""
    return moved(0) + b"\2" + streams(*found)


def opens_part(start: int, length: int, *found: Opened) -> bytes:
    """The same of some of OLD."""
    return span(0, Form.OPENED_RANGE, start, length) + streams(*found)


def nest(depth: int) -> Opened:
    return (0, 9, 9, *([nest(depth - 1)] if depth > 1 else []))


UNENDED = Raw(parts=(part(3, stream(11, 1000), literal(10)),))
"""NEW would be as long as it should be, but its stream goes on."""
MADE = Raw(parts=(part(3, bytes([Kind.REST])),), stored=1000, plain=1000)
"""All of NEW."""
FALSE: list[tuple[list[Raw], str]] = [
    ([Raw(parts=(part(7, literal(10)),))], "names file 7 of 7"),
    ([Raw(parts=(number(1) + number(1) + literal(10),))], "names file -1"),
    ([Raw(parts=(part(2, literal(10)),))], "there already"),
    ([Raw(parts=(part(6, literal(10)),))], "there already"),
    ([replace(GOOD, stored=0)], "0 stored"),
    ([replace(GOOD, stored=11)], "11 stored"),
    ([replace(GOOD, plain=MAX_PAYLOAD + 1)], "a group has"),
    ([replace(GOOD, home=2)], "pack 2 of 1"),
    ([replace(GOOD, home=1, offset=4991)], "beyond the end of its pack"),
    ([replace(GOOD, rest=b"x")], "goes on after"),
    ([replace(GOOD, prefix=(whole_span(),))], "raw group"),
    ([replace(GOOD, stored=9)], "raw group"),
    ([Raw(parts=(part(3, literal(9)),))], "do not add up"),
    ([Raw(parts=(part(3, literal(10), literal(1)),))], "do not add up"),
    ([Raw(parts=(part(3, skip(11)),))], "do not add up"),
    ([Raw(parts=())], "promises 1 records"),
    ([Raw(parts=(part(3, bytes([Kind.REST])),))], "do not add up"),
    # spans of what is held
    ([replace(GOOD, codec=1, prefix=(span(0, 1, 4990, 11),))], "beyond the end"),
    ([replace(GOOD, codec=1, prefix=(span(0, 1, 2**62, 2**62),))], "beyond the end"),
    ([replace(GOOD, codec=1, prefix=(span(0, 1, 4990, 11),))], "beyond the end"),
    ([replace(GOOD, codec=1, prefix=(opens((0, 9, MAX_PREFIX + 1)),))], "prefix has more"),
    ([replace(GOOD, codec=1, prefix=(opens((4992, 9, 9)),))], "beyond the end of what it lies in"),
    ([replace(GOOD, codec=1, prefix=(opens((0, 9, 9), (4999, 2, 2)),))], "beyond the end of what"),
    ([replace(GOOD, codec=1, prefix=(opens((0, 9, 9, (0, 10, 9))),))], "beyond the end of what"),
    ([replace(GOOD, codec=1, prefix=(opens(nest(4)),))], "lies in more than 2 others"),
    ([replace(GOOD, codec=1, prefix=(opens((0, 4999, 900)),))], "opens 5900 bytes for 901"),
    ([replace(GOOD, codec=1, prefix=(opens((0, 9, 2**40, (0, 2**40, 9))),))], "opens 109951"),
    ([replace(GOOD, codec=1, prefix=(span(0, 0),) * 7000)], "prefix has more"),
    ([replace(GOOD, codec=1, prefix=(opens_part(4990, 11, (0, 9, 9)),))], "beyond the end"),
    ([replace(GOOD, codec=1, prefix=(opens_part(9, 2**62, (0, 9, 9)),))], "beyond the end"),
    ([replace(GOOD, codec=1, prefix=(opens_part(9, 8, (0, 9, 9)),))], "beyond the end of what"),
    ([replace(GOOD, codec=1, prefix=(opens_part(0, 900, (0, 899, 9)),))], "opens 909 bytes for 10"),
    ([replace(GOOD, codec=1, prefix=(opens_part(0, 9, nest(4)),))], "lies in more than 2 others"),
    (
        [Raw(parts=(part(3, literal(10), copy(moved(-3) + opens_part(0, 9, (0, 9, 9))[1:])),))],
        "no plain",
    ),
    ([Raw(parts=(part(3, literal(10), copy(span(-3, 1, 4000, 1001))),))], "beyond the end"),
    ([Raw(parts=(part(3, literal(10), copy(span(3, 0))),))], "no plain file"),
    (
        [Raw(parts=(part(3, literal(10), copy(moved(-3) + b"\2" + streams((0, 9, 9)))),))],
        "no plain",
    ),
    # what is not made yet, or never
    ([replace(GOOD, codec=1, prefix=(whole_span(4),))], "before it is made"),
    ([Raw(parts=(part(3, literal(10), copy(span(0, 0))),))], "before it is made"),
    ([GOOD, replace(GOOD, codec=1, prefix=(whole_span(3),))], "before it is made"),
    # too much
    ([MADE, GOOD], "makes too much"),
    ([Raw(parts=(part(3, literal(10), copy(span(-3, 1, 0, 991))),))], "makes too much"),
    ([Raw(parts=(part(3, literal(10), copy(span(-3, 0))),))], "makes too much"),
    ([Raw(parts=(part(3, stream(10, 1001), literal(10)),))], "too much of a resource"),
    ([Raw(parts=(part(3, stream(10, 9, level=10), literal(10)),))], "no such"),
    ([Raw(parts=(part(3, stream(10, 9, strategy=5), literal(10)),))], "no such"),
    ([Raw(parts=(part(3, stream(10, 9, window=8), literal(10)),))], "no such"),
    # streams in streams
    ([Raw(parts=(part(3, stream(9, 9), literal(10)),))], "too much of a stream"),
    ([Raw(parts=(part(3, stream(10, 9), stream(10, 11), literal(10)),))], "too much of a stream"),
    ([Raw(parts=(part(3, *[stream(10, 10)] * 4, literal(10)),))], "lies in more than 2 others"),
    ([Raw(parts=(part(3, stream(20, 9), copy(span(-3, 1, 0, 10)), literal(10)),))], "of a copy"),
    ([UNENDED, replace(GOOD, codec=1, prefix=(whole_span(3),))], "before it is made"),
]


@pytest.mark.parametrize(("raws", "why"), FALSE, ids=[str(n) for n in range(len(FALSE))])
def test_every_broken_bound_is_refused(raws: list[Raw], why: str) -> None:
    with pytest.raises(FormatError, match=why):
        read(index_of(raws))


def test_a_nest_as_deep_as_may_be_is_read() -> None:
    inner = part(3, *[stream(10, 10)] * 3, literal(10))
    head = read(index_of([Raw(codec=1, prefix=(opens(nest(3)),), parts=(inner,))]))
    [one] = head.groups
    assert one.prefix[0].streams[0].depth == 3
    assert one.parts[0].segments[3] == Literal(10)


def test_what_is_opened_is_bounded_by_what_it_gives() -> None:
    """A stream of gigabytes that is said to hold a few bytes would be read before it is opened."""
    base = base_of([named("video", 2**31)])
    prefix = (opens((0, 2**31, 9)),)
    index = index_of([replace(GOOD, codec=1, parts=(part(2, literal(10)),), prefix=prefix)])
    with pytest.raises(FormatError, match="opens 2147483657 bytes for 9"):
        decode_head(head_of(base, FEED, index), base, ENTRY)


@pytest.mark.parametrize(
    "unknown",
    [
        replace(GOOD, codec=2, stored=9),
        replace(GOOD, codec=255, parts=(), rest=b"whatever a later version says"),
        replace(GOOD, parts=(part(3, b"\4" + number(10)),)),
        replace(GOOD, parts=(part(3, b"\7"),)),
        replace(GOOD, codec=1, prefix=(number(0) + b"\5" + number(0) * 3,)),
        replace(GOOD, parts=(part(3, b"\3" + number(10) + number(9) + bytes([2, 0, 0, 15])),)),
        replace(GOOD, codec=1, prefix=(moved(0) + b"\2\1\0\7\7\2\0",)),
    ],
    ids=["codec", "all", "jpeg xl", "segment", "form", "wrap", "wrap opened"],
)
def test_a_group_of_an_unknown_kind_is_passed_over(unknown: Raw) -> None:
    head = read(index_of([GOOD, unknown, GOOD]))
    assert head.unknown == 1
    assert [one.parts for one in head.groups] == [(Part(NEW, (Literal(10),)),)] * 2
    assert [one.group.offset for one in head.groups] == [
        head.size,
        head.size + 10 + unknown.stored,
    ]
    assert head.end == head.size + 20 + unknown.stored


def test_what_builds_on_an_unknown_group_is_passed_over_too() -> None:
    unknown = replace(MADE, codec=2)
    after = Raw(codec=1, prefix=(whole_span(3),), parts=(part(1, literal(10)),))
    head = read(index_of([unknown, after, replace(GOOD, parts=(part(4, literal(10)),))]))
    assert head.unknown == 2
    assert [one.parts for one in head.groups] == [(Part(LATER, (Literal(10),)),)]


@pytest.mark.parametrize(
    "after",
    [literal(10), bytes([Kind.REST])],
    ids=["more than there is room for", "as much as seems to be left"],
)
def test_a_stream_whose_beginning_is_unknown_is_passed_over(after: bytes) -> None:
    """Begun in a group of an unknown kind, it cannot be told where it ends."""
    fitting = Raw(parts=(part(3, literal(995)),), stored=995, plain=995)
    head = read(index_of([fitting, replace(GOOD, codec=2), Raw(parts=(part(3, after),)), LAST_ONE]))
    assert head.unknown == 2
    assert [one.parts[0].resource for one in head.groups] == [NEW, LATER]


LAST_ONE = Raw(parts=(part(4, literal(10)),))


@pytest.mark.parametrize(
    "index",
    [b"", number(1), number(2) + record(GOOD.data), index_of([GOOD]) + b"x", number(2**40)],
    ids=["nothing", "no group", "one short", "more", "many"],
)
def test_an_index_of_another_length_is_refused(index: bytes) -> None:
    with pytest.raises(FormatError, match=r"^update: "):
        read(index)


def test_another_version_asks_for_a_newer_box() -> None:
    data = bytearray(encode_head(BASE, FEED, ()))
    for place, value in ((7, 2), (0, 0)):
        changed = data.copy()
        changed[place] = value
        with pytest.raises(FormatError, match="version 1") as caught:
            decode_head(bytes(changed), BASE, ENTRY)
        assert "update" in caught.value.hint


def test_a_head_that_leads_to_another_feed_is_refused() -> None:
    other = feed_of([KEPT], edition=2)
    with pytest.raises(FormatError, match="signed"):
        decode_head(encode_head(BASE, other, ()), BASE, ENTRY)


def test_a_head_is_read_with_its_own_base_only() -> None:
    other = base_of([OTHER, OLD])
    with pytest.raises(FormatError, match="feed"):
        decode_head(encode_head(BASE, FEED, ()), other, ENTRY)


def test_from_nothing() -> None:
    groups = (UpdateGroup(group_of(b"abc", 7, Codec.ZSTD), 0, (), (Part(KEPT, (Literal(7),)),)),)
    data = encode_head(Base(), FEED, groups)
    assert decode_head(data, Base(), ENTRY).groups == placed(groups, data)


def peak(action: Callable[[], object]) -> int:
    """Most bytes of memory that ``action``, which is refused, takes."""
    tracemalloc.start()
    try:
        with pytest.raises(FormatError):
            action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_bombs_are_refused_before_memory_is_taken() -> None:
    bomb = compression.compress(bytes(feed.MAX_PLAIN + 1), level=1)
    index = compression.compress(bytes(heads.MAX_INDEX + 1), level=1)
    delta = compression.compress_with(BASE.plain, plain_bytes(FEED))
    assert peak(lambda: decode_head(joined(delta, index), BASE, ENTRY)) < 2**20
    assert peak(lambda: decode_head(joined(bomb, bomb), BASE, ENTRY)) < 2**20
    signed = replace(ENTRY, feed=lying(ENTRY.feed, feed.MAX_PLAIN + 1))
    assert peak(lambda: decode_head(joined(bomb, bomb), BASE, signed)) < 2**20


def test_a_promise_of_many_groups_takes_no_memory() -> None:
    index = number(2**60) + bytes(1000)
    assert peak(lambda: read(index)) < 2**20
    inner = Raw(parts=(number(6) + number(2**60),))
    assert peak(lambda: read(index_of([inner]))) < 2**20


def within_bounds(head: Head, base: Base, entry: CollectionEntry) -> None:
    """What a box may rely on, whatever the head says."""
    assert sha256(plain_bytes(head.feed)) == entry.feed.plain.digest
    known = {one.digest: one.size for one in (*base.resources, *head.feed.resources)}
    known[entry.feed.plain.digest] = entry.feed.plain.size
    held = {one.digest for one in base.resources} | {entry.feed.plain.digest}
    made: dict[str, Build] = {}
    for one in head.groups:
        assert 0 < one.group.stored <= one.group.plain <= MAX_PAYLOAD
        assert sum(each.size for each in one.prefix) <= MAX_PREFIX
        assert sum(each.payload for each in one.parts) == one.group.plain
        if one.home:
            assert one.group.offset + one.group.stored <= entry.packs[one.home - 1].pack.size
        for each in one.spans():
            assert each.work <= MAX_WORK * each.size
            assert all(stream.depth <= MAX_DEPTH for stream in each.streams)
            assert each.start + each.length <= known[each.digest]
            assert each.digest in held or made[each.digest].is_whole
        for each_part in one.parts:
            digest = each_part.resource.digest
            assert digest not in held
            build = made.setdefault(digest, Build(known[digest]))
            for segment in each_part.segments:
                build.add(segment)
                assert build.depth <= MAX_DEPTH


def test_cut_anywhere_it_is_refused() -> None:
    data = encode_head(BASE, FEED, sample())
    for length in range(len(data)):
        with pytest.raises(FormatError):
            decode_head(data[:length], BASE, ENTRY)
    with pytest.raises(FormatError):
        decode_head(data + b"x", BASE, ENTRY)


@pytest.mark.thorough
def test_a_flipped_bit_is_refused_or_stays_within_bounds() -> None:
    """Of the head as stored, and of its index before it is compressed."""
    data = encode_head(BASE, FEED, sample())
    for place in range(len(data) * 8):
        check_flipped(flipped(data, place))
    index = plain_index(data)
    for place in range(len(index) * 8):
        check_flipped(head_of(BASE, FEED, flipped(index, place)))
    for length in range(len(index)):
        with pytest.raises(FormatError):
            read(index[:length])


def flipped(data: bytes, place: int) -> bytes:
    changed = bytearray(data)
    changed[place // 8] ^= 1 << place % 8
    return bytes(changed)


def plain_index(data: bytes) -> bytes:
    *_, delta, length = HEADER.unpack_from(data)
    frame = data[HEADER.size + delta :][:length]
    size = compression.content_size(frame, limit=99999, what="x")
    return compression.decompress(frame, size=size, what="x")


def check_flipped(data: bytes) -> None:
    try:
        head = decode_head(data, BASE, ENTRY)
    except FormatError:
        return
    within_bounds(head, BASE, ENTRY)


SIZES = st.integers(0, 2**20)
RESOURCES = st.lists(
    st.builds(named, st.text(max_size=3), st.integers(1, 2**20)),
    max_size=6,
    unique_by=lambda one: one.digest,
)
HOW = st.builds(
    Parameters,
    st.sampled_from(Wrap),
    st.integers(0, 9),
    st.integers(1, 9),
    st.integers(0, 4),
    st.integers(9, 15),
)


@st.composite
def spans(draw: st.DrawFn, held: list[Resource], *, opened: bool) -> Span:
    one = draw(st.sampled_from(held))
    if opened and draw(st.booleans()):
        begin = draw(st.sampled_from([0, draw(st.integers(0, one.size))]))
        size = one.size - begin
        span = Span(one.digest, begin, size, draw(nests(size, MAX_DEPTH)))
        if span.work <= MAX_WORK * span.size:
            return span
    if draw(st.booleans()):
        return whole(one)
    start = draw(st.integers(0, one.size))
    length = draw(st.integers(0, one.size - start))
    numbers = opened and length and not length % WIDTH
    return Span(one.digest, start, length, Differenced() if numbers else ())


@st.composite
def nests(draw: st.DrawFn, size: int, depth: int) -> tuple[Inflated, ...]:
    """Streams in ``size`` bytes, in order, and those in them."""
    found = []
    at = 0
    for _ in range(draw(st.integers(0, 2)) if depth else 0):
        start = draw(st.integers(at, size))
        at = draw(st.integers(start, size))
        holds = draw(SIZES)
        inner = draw(nests(holds, depth - 1))
        found.append(Inflated(start, at - start, draw(st.sampled_from(Wrap)), holds, inner))
    return tuple(found)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Base, Feed, tuple[UpdateGroup, ...]]:
    """A base, a feed, and groups that make some of what is new, each in its turn."""
    every = draw(RESOURCES)
    cut = draw(st.integers(0, len(every)))
    old, new = every[:cut], every[cut:]
    kept = draw(st.lists(st.sampled_from(old), unique=True)) if old else []
    base = base_of(old) if draw(st.booleans()) or old else Base()
    target = feed_of([*kept, *new])
    held = [*old, entry_feed(target)]
    groups: list[UpdateGroup] = []
    for one in new:
        segments = draw(segments_of(one, held, len(old)))
        for each in draw(cuts(segments)):
            payload = Part(one, each).payload
            codec = draw(st.sampled_from(Codec))
            prefix = draw(st.lists(spans(held, opened=True), max_size=3)) if codec else []
            stored = payload if codec is Codec.RAW else draw(st.integers(1, payload))
            group = Group(sha256(b"%d" % len(groups)), 0, stored, payload, codec)
            groups.append(UpdateGroup(group, 0, tuple(prefix), (Part(one, each),)))
        held.append(one)
    return base, target, tuple(groups)


@st.composite
def cuts(draw: st.DrawFn, segments: tuple[Segment, ...]) -> list[tuple[Segment, ...]]:
    """The segments in one or two groups, each of which has payload."""
    at = draw(st.integers(0, len(segments)))
    halves = [segments[:at], segments[at:]]
    return halves if all(any(map(taken, half)) for half in halves) else [segments]


def entry_feed(target: Feed) -> Resource:
    plain = plain_bytes(target)
    return Resource(sha256(plain), len(plain))


@st.composite
def segments_of(
    draw: st.DrawFn, one: Resource, held: list[Resource], feed_at: int
) -> tuple[Segment, ...]:
    """Segments that make ``one``, with at least a byte of payload."""
    files = [each for each in held if each.size > 1 and each != held[feed_at]]
    return (*draw(runs(one.size, files, 0)), Literal(1))


@st.composite
def runs(draw: st.DrawFn, size: int, files: list[Resource], depth: int) -> list[Segment]:
    """Segments that make ``size`` bytes but for one, streams within streams among them."""
    left = size
    found: list[Segment] = []
    while left > 1 and draw(st.booleans()):
        kind = draw(st.sampled_from(["literal", "skip", "steps", "deflated", "copy"]))
        length = draw(st.integers(1, left - 1))
        if kind == "literal":
            found.append(Literal(length))
        elif kind == "skip":
            found.append(Skip(length))
            continue
        elif kind == "steps" and length >= WIDTH:
            found.append(Summed(length - length % WIDTH))
        elif kind == "deflated" and depth < MAX_DEPTH:
            holds = draw(st.integers(0, 2**17))
            found.append(Deflated(holds, length, draw(HOW)))
            found += draw(runs(holds, files, depth + 1)) + [Literal(1)] * bool(holds)
            left -= length
            continue
        elif kind == "copy" and files and not depth:
            span_of = draw(spans(files, opened=False))
            if not 0 < span_of.length < left:
                continue
            found.append(Copy(span_of))
        else:
            continue
        left -= found[-1].size
    return [*found, Literal(left - 1)] if left > 1 else found


@settings(max_examples=80)
@given(histories())
def test_what_was_written_is_read(
    history: tuple[Base, Feed, tuple[UpdateGroup, ...]],
) -> None:
    base, target, groups = history
    data = encode_head(base, target, groups)
    assert encode_head(base, target, groups) == data
    head = decode_head(data, base, entry_of(target))
    assert head.groups == placed(groups, data)
    assert (head.feed, head.unknown, head.size) == (target, 0, len(data))
    assert head.end == len(data) + sum(one.group.stored for one in groups)
    within_bounds(head, base, entry_of(target))
