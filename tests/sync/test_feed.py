from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import canonical, compression, feed
from sync.digest import sha256
from sync.directory import FeedRef, Stored
from sync.errors import FormatError
from sync.feed import Feed, Resource

GOLDEN = Path(__file__).parents[1] / "golden" / "feed-1.zst"


def sample() -> Feed:
    resources = tuple(Resource(sha256(bytes([n])), n * 1000) for n in range(5))
    return Feed("43/math-1a", 3, resources, '{"kind":"collection"}\n数学'.encode())


def test_golden_feed_is_read_and_reproduced() -> None:
    data = GOLDEN.read_bytes()
    stored, ref = feed.encode(sample())
    assert stored == data
    assert ref.stored == Stored(sha256(data), len(data))
    assert feed.decode(data, ref) == sample()


@given(
    st.lists(st.tuples(st.binary(max_size=4), st.integers(0, 2**63 - 1)), max_size=9),
    st.binary(max_size=300),
    st.integers(0, 2**40),
)
def test_what_was_written_is_read(
    parts: list[tuple[bytes, int]], lessons: bytes, edition: int
) -> None:
    unique = {sha256(data): Resource(sha256(data), size) for data, size in parts}
    value = Feed("43/x", edition, tuple(unique.values()), lessons)
    stored, ref = feed.encode(value)
    assert feed.decode(stored, ref) == value


def test_same_content_ignores_the_edition_only() -> None:
    value = sample()
    assert value.same_content(replace(value, edition=4))
    assert not value.same_content(replace(value, lessons=b""))
    assert not value.same_content(replace(value, resources=value.resources[:-1]))


def packed(plain: bytes) -> tuple[bytes, FeedRef]:
    stored = compression.compress(plain)
    return stored, FeedRef(Stored(sha256(stored), len(stored)), Stored(sha256(plain), len(plain)))


A = sha256(b"a")


def plain(lines: str = f"{A} 7\n", block: str = "L", **header: object) -> bytes:
    fields = {"collection": "43/x", "edition": 1, "lessons": 1, "resources": 1, **header}
    return feed.MAGIC + b"\n" + canonical.dumps(fields) + b"\n" + (lines + block).encode()


def test_unknown_header_fields_are_ignored() -> None:
    stored, ref = packed(plain(colour="red"))
    assert feed.decode(stored, ref) == Feed("43/x", 1, (Resource(A, 7),), b"L")


def test_unknown_format_asks_for_a_newer_box() -> None:
    stored, ref = packed(b"kexia-feed-2\n{}\n")
    with pytest.raises(FormatError, match="kexia-feed-2") as caught:
        feed.decode(stored, ref)
    assert "update" in caught.value.hint


@pytest.mark.parametrize(
    "data",
    [
        b"",
        feed.MAGIC + b"\n",
        feed.MAGIC + b"\n{}\n",
        plain(lessons=2),
        plain(block="LL"),
        plain(resources=2),
        plain(resources=feed.MAX_RESOURCES + 1),
        plain(collection=7),
        plain(edition=-1),
        plain(f"{A} 7\n{A} 8\n"),
        plain(f"{A} 07\n"),
        plain(f"{A} +7\n"),
        plain(f"{A} 1_0\n"),
        plain(f"{A} ٧\n"),
        plain(f"{A} {2**63}\n"),
        plain(f"{A} -1\n"),
        plain(f"{A.upper()} 7\n"),
        plain(f"{A}  7\n"),
        plain(f"{A} {'0' * 90}\n"),
    ],
)
def test_broken_feeds_are_refused(data: bytes) -> None:
    stored, ref = packed(data)
    with pytest.raises(FormatError):
        feed.decode(stored, ref)


def test_the_plain_digest_counts_too() -> None:
    stored, ref = packed(plain())
    with pytest.raises(FormatError, match="another digest"):
        feed.decode(stored, replace(ref, plain=replace(ref.plain, digest=A)))


def test_a_feed_that_would_not_fit_in_memory_is_refused_unread() -> None:
    stored, ref = packed(plain())
    with pytest.raises(FormatError, match="at most"):
        feed.decode(stored, replace(ref, plain=replace(ref.plain, size=feed.MAX_PLAIN + 1)))


@given(st.lists(st.binary(max_size=4), unique=True, max_size=9), st.binary(max_size=300))
def test_what_a_feed_lists_is_read_without_the_rest(parts: list[bytes], lessons: bytes) -> None:
    resources = tuple(Resource(sha256(data), len(data)) for data in parts)
    plain = feed.plain_bytes(Feed("43/x", 1, resources, lessons))
    assert feed.listed(plain) == {one.digest for one in resources}


@pytest.mark.parametrize(
    "data", [b"", b"kexia-feed-2\n{}\n", b"kexia-feed-1\n{}\n", b"kexia-feed-1"]
)
def test_what_is_no_feed_lists_nothing(data: bytes) -> None:
    with pytest.raises(FormatError):
        feed.listed(data)
