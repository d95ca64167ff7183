"""What groups are decoded with: read in place from held files, and each fault its own error."""

import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync.context import Contexts
from sync.deflate import Wrap
from sync.digest import Digest, sha256
from sync.errors import FormatError, KexiaError, ProofFailed
from sync.library import Batch, Store
from sync.updates.parts import Inflated, Span

PLAIN = bytes(range(250)) * 4
HELD = zlib.compress(b"y" * 500)
STREAM = (Inflated(0, len(HELD), Wrap.ZLIB, 500),)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    for data in (PLAIN, HELD):
        store.library.put(sha256(data), data)
    return store


@pytest.fixture
def batch(store: Store) -> Iterator[Batch]:
    with store.library.batch(named=lambda _: None) as batch:
        yield batch


def joined(store: Store, batch: Batch, *spans: Span) -> bytes:
    prefix = Contexts((), store, batch)._joined(spans)
    return b"" if prefix.dictionary is None else bytes(prefix.dictionary.as_bytes())


def test_spans_are_joined_in_their_order(store: Store, batch: Batch) -> None:
    spans = (Span(sha256(PLAIN), 10, 90), Span(sha256(HELD), 0, len(HELD), STREAM))
    assert joined(store, batch) == b""
    assert joined(store, batch, *spans) == PLAIN[10:100] + b"y" * 500


def test_a_file_that_waits_for_its_name_and_a_feed_are_read_too(store: Store, batch: Batch) -> None:
    made, feed = b"made a moment ago", b"a feed"
    with batch.receive(sha256(made)) as write:
        write(made)
    store.feeds.put(sha256(feed), feed)
    spans = (Span(sha256(made), 0, len(made)), Span(sha256(feed), 2, 4))
    assert joined(store, batch, *spans) == made + b"feed"
    assert b"".join(Contexts((), store, batch).read(sha256(made), 5, 3)) == made[5:8]


@pytest.mark.parametrize(
    ("span", "error"),
    [
        (Span(sha256(PLAIN), 990, 20), ProofFailed),
        (Span(Digest("0" * 64), 0, 3), ProofFailed),
        (Span(sha256(HELD), 0, len(HELD), (Inflated(0, len(HELD), Wrap.ZLIB, 499),)), FormatError),
        (Span(sha256(HELD), 0, len(HELD) + 5, STREAM), ProofFailed),
    ],
)
def test_what_cannot_be_read_is_told(
    store: Store, batch: Batch, span: Span, error: type[KexiaError]
) -> None:
    before = Span(sha256(PLAIN), 0, len(PLAIN))
    with pytest.raises(error):
        joined(store, batch, before, span)


def test_a_copy_beyond_the_end_of_a_file_is_told(store: Store, batch: Batch) -> None:
    blocks = Contexts((), store, batch).read(sha256(PLAIN), 990, 20)
    with pytest.raises(ProofFailed, match="ends too early"):
        b"".join(blocks)
