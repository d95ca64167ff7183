from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import compression
from sync.errors import FormatError
from sync.stick import have
from sync.stick.have import HaveList, Held

GOLDEN = Path(__file__).parents[1] / "golden" / "have-1.zst"
MOMENT = datetime(2026, 11, 23, 6, tzinfo=UTC)
SUBJECTS = ("chinese", "math", "english", "music", "art", "science", "morality", "sport")


def feed(name: str) -> bytes:
    return sha256(name.encode()).digest()[:16]


def sample() -> HaveList:
    held = (Held(feed("a")), Held(feed("b"), (0, 7, 8, 400)), Held(feed("c"), (31,)))
    return HaveList(
        box="0123456789abcdef",
        name="青山教学点",
        made_at=MOMENT,
        epoch=2**63 - 1,
        sequence=17,
        publishers=("00ff00ff00ff00ff", "1a2b3c4d5e6f7081"),
        subscriptions=("43/math-1a", "43/music-1a", "430121/local"),
        wants=(("43/math-1b", "l3"),),
        held=tuple(sorted(held, key=lambda one: one.feed)),
    )


def large(rng: Random) -> HaveList:
    """120 collections of 6 levels: a point of all grades and subjects, with its county's own."""
    ids = [f"43/{subject}-{grade}{term}" for subject in SUBJECTS for grade in range(1, 7)
           for term in "ab"]  # fmt: skip
    ids += [f"430121/{subject}-local-{grade}" for subject in SUBJECTS for grade in range(1, 4)]
    held = [Held(feed(one)) for one in ids[:110]]
    held += [Held(feed(one), tuple(sorted(rng.sample(range(600), 40)))) for one in ids[110:]]
    return HaveList(
        box="0123456789abcdef",
        name="湖南省长沙县青山镇中心小学石板冲教学点",
        made_at=MOMENT,
        epoch=rng.getrandbits(63),
        sequence=100_000,
        publishers=tuple(sorted(feed(code).hex()[:16] for code in ("cn", "43", "430121"))),
        subscriptions=tuple(sorted(ids)),
        wants=tuple(sorted((rng.choice(ids), f"l{number}") for number in range(20))),
        held=tuple(sorted(held, key=lambda one: one.feed)),
    )


IDS = st.binary(min_size=8, max_size=8).map(bytes.hex)
NAMES = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,20}", fullmatch=True)
COLLECTIONS = st.builds(lambda code, name: f"{code}/{name}", st.sampled_from(["43", "cn"]), NAMES)
PLACES = st.sets(st.integers(0, 5000), min_size=1, max_size=40).map(lambda one: tuple(sorted(one)))
LISTS = st.builds(
    HaveList,
    box=IDS,
    name=st.text(max_size=20).filter(str.isprintable),
    made_at=st.none()
    | st.datetimes(timezones=st.just(UTC)).map(lambda one: one.replace(microsecond=0)),
    epoch=st.integers(0, 2**63 - 1),
    sequence=st.integers(0, 2**63 - 1),
    publishers=st.sets(IDS, max_size=3).map(lambda one: tuple(sorted(one))),
    subscriptions=st.sets(COLLECTIONS, max_size=9).map(lambda one: tuple(sorted(one))),
    wants=st.sets(st.tuples(COLLECTIONS, NAMES), max_size=9).map(lambda one: tuple(sorted(one))),
    held=st.dictionaries(st.binary(min_size=16, max_size=16), st.none() | PLACES, max_size=9).map(
        lambda one: tuple(Held(feed, one[feed]) for feed in sorted(one))
    ),
)


def test_the_golden_list_is_read_and_reproduced() -> None:
    data = GOLDEN.read_bytes()
    assert have.decode(data) == sample()
    assert have.encode(sample()) == data


@given(LISTS)
def test_what_was_written_is_read(made: HaveList) -> None:
    assert have.decode(have.encode(made)) == made


@given(LISTS, st.randoms())
def test_the_order_in_which_a_box_lists_things_is_no_part_of_it(
    made: HaveList, rng: Random
) -> None:
    shuffled = replace(
        made,
        publishers=tuple(rng.sample(made.publishers, len(made.publishers))),
        subscriptions=tuple(rng.sample(made.subscriptions, len(made.subscriptions))),
        wants=tuple(rng.sample(made.wants, len(made.wants))),
        held=tuple(rng.sample(made.held, len(made.held))),
    )
    assert have.encode(shuffled) == have.encode(made)


def test_a_box_with_120_collections_needs_less_than_4_kib() -> None:
    made = large(Random(1))
    assert len(made.held) == 120
    assert len(made.subscriptions) == 120
    assert len(have.encode(made)) <= 4096


def test_what_does_not_fit_is_left_out_largest_first() -> None:
    rng = Random(2)
    partly = [Held(feed(str(one)), tuple(sorted(rng.sample(range(9000), 90 * (one + 1)))))
              for one in range(12)]  # fmt: skip
    made = HaveList("0" * 16, "x", None, 1, 1, held=(Held(feed("whole")), *partly))
    stored = have.encode_within(made, 4096)
    kept = have.decode(stored).held
    assert len(stored) <= 4096
    assert 2 <= len(kept) < 13
    assert {one.feed for one in kept} == {
        feed("whole"),
        *(one.feed for one in partly[: len(kept) - 1]),
    }
    assert have.decode(have.encode_within(made, 16384)).held == tuple(
        sorted(made.held, key=lambda one: one.feed)
    )


def test_a_list_that_cannot_be_shortened_is_refused() -> None:
    whole = tuple(Held(feed(str(one))) for one in range(2000))
    with pytest.raises(FormatError, match="at most"):
        have.encode_within(HaveList("0" * 16, "x", None, 1, 1, held=whole))


def test_a_box_missing_more_than_can_be_said_still_writes_its_list() -> None:
    much = Held(feed("much"), tuple(range(have.MAX_MISSING)))
    made = HaveList("0" * 16, "x", None, 1, 1, held=(much, Held(feed("more"), (1,))))
    assert have.decode(have.encode_within(made)).held == (Held(feed("more"), (1,)),)


def changed(plain: bytes, old: bytes, new: bytes) -> bytes:
    assert plain.count(old) == 1
    return plain.replace(old, new)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"kexia-have-1", b"kexia-have-2"),
        (b'"box":"0123456789abcdef"', b'"box":"0123456789ABCDEF"'),
        (b'"held":3', b'"held":2'),
        (b'"held":3', b'"held":4000000000'),
        (b'"epoch":9223372036854775807', b'"epoch":9223372036854775808'),
        (b'"sequence":17', b'"sequence":-1'),
        (b"2026-11-23T06:00:00Z", b"2026-11-23 06:00:00Z"),
        (b"2026-11-23T06:00:00Z", b"2026-13-23T06:00:00Z"),
        (b'"43/math-1a","43/music-1a"', b'"43/music-1a","43/math-1a"'),
        (b'"43/math-1a","43/music-1a"', b'"43/math-1a","43/math-1a"'),
        (b'"43/math-1a",', b'"43/../1a",'),
        (b'["43/math-1b","l3"]', b'["43/math-1b"]'),
        (b'["43/math-1b","l3"]', b'"43"'),
        ("青山".encode(), b"\x7f"),
        ("青山".encode(), "\u202e".encode()),
        ("青山".encode(), b"x" * 300),
    ],
)
def test_lists_that_are_none_are_refused(old: bytes, new: bytes) -> None:
    with pytest.raises(FormatError):
        have.parse_plain(changed(have.plain_bytes(sample()), old, new))


def test_a_bitmap_has_one_spelling() -> None:
    plain = have.plain_bytes(HaveList("0" * 16, "x", None, 1, 1, held=(Held(feed("a"), (3,)),)))
    assert plain.endswith(b"\x01\0\0\0\x08")
    for tail in (b"\x02\0\0\0\x08\0", b"\x01\0\0\0\0", b"\x01\0\0\0\x08\x08", b"\x02\0\0\0\x08"):
        with pytest.raises(FormatError):
            have.parse_plain(plain[:-5] + tail)


@pytest.mark.parametrize("places", [(), (2, 1), (1, 1), (-1, 3), (2**40,)])
def test_places_nobody_can_mean_are_not_written(places: tuple[int, ...]) -> None:
    with pytest.raises(FormatError):
        have.encode(HaveList("0" * 16, "x", None, 1, 1, held=(Held(feed("a"), places),)))


def test_no_list_is_unpacked_beyond_its_bound() -> None:
    with pytest.raises(FormatError, match="at most"):
        have.decode(compression.compress(bytes(2**24)))
    with pytest.raises(FormatError, match="at most"):
        have.decode(bytes(have.MAX_STORED + 1))


@given(st.text())
def test_any_name_can_be_made_one_that_is_written(name: str) -> None:
    made = HaveList("0" * 16, have.printable_name(name), None, 1, 1)
    assert have.decode(have.encode(made)) == made
