from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import canonical, compression
from sync.errors import FormatError, ProofFailed
from sync.stick import backup, report, sealing
from sync.stick.backup import Backup
from sync.stick.report import Report, SyncResult

GOLDEN = Path(__file__).parents[1] / "golden"
MOMENT = datetime(2026, 11, 23, 6, tzinfo=UTC)


def sample() -> Report:
    return Report(
        box="0123456789abcdef",
        name="青山教学点",
        made_at=MOMENT,
        epoch=7,
        sequence=18,
        versions={"kexia": "0.1.0", "python": "3.13.5", "kernel": "6.12"},
        generation=12,
        editions={"43/math-1a": 3, "43/music-1a": 1},
        free=12_345_678_901,
        warnings=1,
        syncs=(
            SyncResult(MOMENT, 4, 12, 0, (("43", 4), ("", 8))),
            SyncResult(None, 0, 12, 98_304),
        ),
        failures={"43": 5},
    )


def test_the_golden_report_is_read_and_reproduced() -> None:
    data = (GOLDEN / "report-1.zst").read_bytes()
    assert report.decode(data) == sample()
    assert report.encode(sample()) == data


TEXTS = st.text(max_size=12).filter(str.isprintable)
COUNTS = st.integers(0, 2**63 - 1)
TIMES = st.none() | st.datetimes(timezones=st.just(UTC)).map(lambda one: one.replace(microsecond=0))
SYNCS = st.builds(
    SyncResult,
    at=TIMES,
    exit_code=COUNTS,
    generation=COUNTS,
    bytes_fetched=COUNTS,
    problems=st.lists(st.tuples(TEXTS, COUNTS), max_size=3).map(tuple),
)
REPORTS = st.builds(
    Report,
    box=st.binary(min_size=8, max_size=8).map(bytes.hex),
    name=TEXTS,
    made_at=TIMES,
    epoch=COUNTS,
    sequence=COUNTS,
    versions=st.dictionaries(TEXTS, TEXTS, max_size=3),
    generation=COUNTS,
    editions=st.dictionaries(TEXTS, COUNTS, max_size=5),
    free=COUNTS,
    warnings=COUNTS,
    syncs=st.lists(SYNCS, max_size=4).map(tuple),
    failures=st.dictionaries(TEXTS, COUNTS, max_size=3),
)


@given(REPORTS)
def test_what_was_written_is_read(made: Report) -> None:
    assert report.decode(report.encode(made)) == made


def test_a_report_too_long_is_shortened_and_says_so() -> None:
    rng = Random(1)
    many = {f"43/{rng.randbytes(8).hex()}": rng.getrandbits(40) for _ in range(900)}
    made = replace(sample(), editions=many, syncs=sample().syncs * 10)
    stored = report.encode(made)
    found = report.decode(stored)
    assert len(stored) <= report.MAX_STORED
    assert found.shortened
    assert found.free == made.free


def test_the_longest_report_fits_for_all_recipients() -> None:
    longest = report.MAX_STORED + sealing.PAPER_BYTES
    sealed = sealing.sealed_size(longest, sealing.MAX_RECIPIENTS) + sealing.PAPER_BYTES
    assert sealed <= report.MAX_SEALED


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", "kexia-report-2"),
        ("box", "x"),
        ("name", "a\nb"),
        ("made_at", "yesterday"),
        ("free", -1),
        ("editions", {"43/a": "1"}),
        ("editions", []),
        ("syncs", [{}] * 21),
        ("syncs", [{}]),
        ("versions", {"kexia": "\x1b[2J"}),
        ("shortened", 1),
        ("warnings", None),
    ],
)
def test_reports_that_are_none_are_refused(field: str, value: object) -> None:
    changed = {**report.value(sample()), field: value}
    with pytest.raises(FormatError):
        report.decode(compression.compress(canonical.dumps(changed)))


def test_no_report_is_unpacked_beyond_its_bound() -> None:
    for data in (compression.compress(bytes(2**24)), bytes(report.MAX_STORED + 1), b""):
        with pytest.raises(FormatError):
            report.decode(data)


# Backups, as papers hold them


def saved() -> Backup:
    return Backup("青山教学点", MOMENT, b"SQLite format 3\0" + bytes(4080))


def test_the_golden_backup_is_read_and_reproduced() -> None:
    data = (GOLDEN / "backup-1.bin").read_bytes()
    assert backup.decode(data) == saved()
    assert backup.encode(saved()) == data


@given(st.binary(max_size=500), TEXTS, TIMES)
def test_a_backup_comes_back(database: bytes, name: str, made_at: datetime | None) -> None:
    made = Backup(name, made_at, database)
    assert backup.decode(backup.encode(made)) == made


def test_backups_that_are_none_are_refused() -> None:
    good = backup.encode(saved())
    for old, new in (
        (b"backup-1", b"backup-2"),
        (b'"size":4096', b'"size":4095'),
        (b'"size":4096', b'"size":99999999999'),
        (b'"made_at":"2026', b'"made_at":"yyyy'),
        ("青山".encode(), b"\x1b\x1b"),
    ):
        assert old in good
        with pytest.raises(FormatError):
            backup.decode(good.replace(old, new))
    for data in (b"", good[:-1], good + b"x"):
        with pytest.raises(FormatError):
            backup.decode(data)
    other = backup.encode(replace(saved(), database=b"x" * 4096))
    with pytest.raises(ProofFailed):
        backup.decode(good[: good.rindex(b"\n") + 1] + other[other.rindex(b"}\n") + 2 :])
