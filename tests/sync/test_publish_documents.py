"""Documents opened on both sides: what is sent makes the new one, the old one gives context."""

import zlib
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.deflate import deflate
from sync.publish.packs import documents, items
from sync.publish.packs.documents import Document, Sent, opened
from sync.publish.packs.groups import fill
from sync.publish.packs.items import Item, Nature, Old, make_item
from sync.updates.opened import given as given_bytes
from sync.updates.parts import (
    MAX_DEPTH,
    MAX_PAYLOAD,
    MAX_PREFIX,
    MAX_WORK,
    Build,
    Deflated,
    Literal,
    Segment,
    Span,
    taken,
)
from tests.kit.editions import archive, edited, gzipped, tarred
from tests.kit.packed import noise, resource, text

SCRIPTS = {f"{number}.js": text(number, 6_000) for number in range(5)}


def kit(scripts: dict[str, bytes], *, stored: bool = False, inner: int = 6) -> bytes:
    """Compressed scripts beside their plain ones, in a TAR, compressed, in a ZIP."""
    packed = {f"{name}.gz": gzipped(data, 9) for name, data in scripts.items()}
    members = dict(sorted((scripts | packed).items()))
    return archive({"kit.tgz": gzipped(tarred(members), inner)}, stored=stored)


def changed(number: int = 3) -> dict[str, bytes]:
    return SCRIPTS | {f"{number}.js": SCRIPTS[f"{number}.js"][:3000] + b"// edited" + text(9, 2000)}


def item(new: bytes, *olds: bytes) -> Item:
    before = [Old(resource(one), one) for one in olds]
    found = make_item(resource(new), new, Nature.DOCUMENT, before)
    assert found is not None
    return found


def made(one: Item) -> bytes:
    """What a box makes of it, and that it is made by the rules."""
    build = Build(one.resource.size)
    for segment in one.segments:
        build.add(segment)
    assert build.is_whole
    assert sum(map(taken, one.segments)) == len(one.payload)
    segments = list(one.segments)
    data, rest = _made(segments, one.payload, one.resource.size)
    assert not segments
    assert not rest
    return data


def _made(segments: list[Segment], payload: bytes, size: int) -> tuple[bytes, bytes]:
    data = b""
    while len(data) < size:
        match segments.pop(0):
            case Literal(length):
                data, payload = data + payload[:length], payload[length:]
            case Deflated(length, length_made, how):
                plain, payload = _made(segments, payload, length)
                stream = b"".join(deflate([plain], how))
                assert len(stream) == length_made
                data += stream
            case other:
                pytest.fail(f"a document has no {other}")
    return data, payload


def check(new: bytes, *olds: bytes) -> Item:
    one = item(new, *olds)
    assert made(one) == new
    held = {resource(old).digest: old for old in (*olds, new)}
    for context in (*one.builds_on, *one.offers):
        span = context.span
        data = held[span.digest][span.start : span.start + span.length]
        assert b"".join(given_bytes(span, [data])) == context.data
        assert len(context.data) == span.size <= MAX_PREFIX
        assert span.work <= MAX_WORK * span.size
    return one


def depth(one: Item) -> int:
    build = Build(one.resource.size)
    deepest = 0
    for segment in one.segments:
        build.add(segment)
        deepest = max(deepest, build.depth)
    return deepest


def depths(span: Span) -> int:
    return max((one.depth for one in span.streams), default=0)


@pytest.mark.parametrize("stored", [False, True])
def test_a_change_deep_inside_is_sent_alone(stored: bool) -> None:
    old, new = kit(SCRIPTS, stored=stored), kit(changed(), stored=stored)
    one = check(new, old)
    deepest = MAX_DEPTH - stored
    assert depth(one) == depths(one.builds_on[0].span) == depths(one.offers[0].span) == deepest
    assert changed()["3.js"] in one.payload.replace(changed()["3.js"], b"", 1)  # and in its .gz
    assert sum(isinstance(segment, Deflated) for segment in one.segments) == deepest
    assert gzipped(SCRIPTS["0.js"], 9) in one.payload  # as it was: not opened
    assert gzipped(SCRIPTS["0.js"], 9) in one.builds_on[0].data


def test_without_an_old_one_everything_is_opened() -> None:
    one = check(kit(SCRIPTS))
    assert one.builds_on == ()
    assert sum(isinstance(segment, Deflated) for segment in one.segments) == 2 + len(SCRIPTS)


def test_a_nest_deeper_than_may_be_stays_closed_further_in() -> None:
    for layers in range(1, 7):
        data = text(1, 9_000)
        for _ in range(layers):
            data = archive({"inner.zip": data})
        one = check(data)
        assert depth(one) == min(layers, MAX_DEPTH)


def unlike(plain: bytes) -> bytes:
    """A gzip file no parameters make again, as it is flushed in the middle."""
    maker = zlib.compressobj(6, zlib.DEFLATED, -15)
    half = len(plain) // 2
    made_of = maker.compress(plain[:half]) + maker.flush(zlib.Z_FULL_FLUSH)
    made_of += maker.compress(plain[half:]) + maker.flush()
    return gzipped(b"")[:10] + made_of + bytes(8)


def test_a_stream_that_cannot_be_made_again_stays_closed_with_all_it_holds() -> None:
    inner = gzipped(text(1, 9_000))
    for data, opens in (
        (archive({"a.gz": unlike(text(1, 9_000))}), 1),
        (archive({"a.gz": unlike(inner)}), 1),
        (unlike(inner), 0),
    ):
        assert depth(check(data)) == opens


def test_an_old_file_is_opened_as_deep_as_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = kit(SCRIPTS), kit(changed())
    limit = MAX_PREFIX
    for deep in (3, 2, 1, 0):
        monkeypatch.setattr(documents, "MAX_PREFIX", limit)
        span, data = opened(Document.of(resource(old), old), Document.of(resource(new), new).held())
        assert depths(span) == deep
        assert len(data) == span.size <= max(limit, len(old))
        limit = span.size - 1


def test_what_takes_too_much_work_is_not_opened_as_context(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_WORK", 1)
    one = item(kit(changed()), kit(SCRIPTS))
    assert [context.span.streams for context in (*one.builds_on, *one.offers)] == [(), ()]


def test_an_old_file_of_which_nothing_new_is_opened_is_context_as_it_is() -> None:
    old = archive({"a.xml": text(1, 5_000)})
    one = check(unlike(text(1, 5_000)), old)
    assert one.builds_on[0].span == Span(resource(old).digest, 0, len(old))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.booleans(), st.integers(1, 9))
def test_any_change_of_a_kit_comes_out(seed: int, stored: bool, inner: int) -> None:
    rng = Random(seed)
    name = rng.choice(sorted(SCRIPTS))
    other = SCRIPTS | {name: edited(rng, SCRIPTS[name])}
    check(kit(other, stored=stored, inner=inner), kit(SCRIPTS), archive(SCRIPTS))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_a_damaged_kit_comes_out_too(seed: int) -> None:
    rng = Random(seed)
    damaged = bytearray(kit(SCRIPTS, stored=rng.random() < 0.5))
    for _ in range(rng.randint(1, 4)):
        damaged[rng.randrange(len(damaged))] = rng.randrange(256)
    check(bytes(damaged), kit(SCRIPTS))


def test_a_stream_that_holds_more_than_a_group_goes_on_in_the_next() -> None:
    """And each group has the old file as context."""
    big = {"a.bin": noise(1, 9 * 2**20), "b.bin": noise(2, 9 * 2**20)}
    old = archive({"kit.tgz": gzipped(tarred(big | {"b.bin": big["b.bin"][:-9]}), 1)}, stored=True)
    new = archive({"kit.tgz": gzipped(tarred(big), 1)}, stored=True)
    item_made = _document(new, old)
    drafts = list(fill([item_made]))
    assert [draft.payload_size == MAX_PAYLOAD for draft in drafts] == [True, False]
    assert [list(draft.builds_on) for draft in drafts] == [[item_made.builds_on[0].span]] * 2
    build = Build(len(new))
    ends = [[build.add(segment) for segment in draft.parts[0].segments] for draft in drafts]
    assert sum(ends[0]) == 0
    assert sum(ends[1]) == 1
    assert build.is_whole


def _document(new: bytes, old: bytes) -> Item:
    """Longer than a file that is taken whole: only the streams' lengths matter here."""
    return items._document(resource(new), new, [Old(resource(old), old)])


def test_equal_documents_give_equal_items() -> None:
    old, new = kit(SCRIPTS), kit(changed())
    assert item(new, old) == item(new, old)
    sent = Sent()
    assert sent.put(new, Document.of(resource(new), new).streams, set())
