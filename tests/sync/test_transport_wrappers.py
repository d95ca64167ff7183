"""Transports around transports, over a server that fails on order."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import FormatError, MediumFailing, NoSource, NotThere
from sync.transport.base import Transport
from sync.transport.http import HttpTransport
from sync.transport.meter import Meter
from sync.transport.pool import Pool, Priced
from sync.transport.retry import BASE, LONGEST, Retry
from sync.transport.volume import VolumeTransport
from tests.kit.faults import CutAfter, Fault, Hangup, Status
from tests.kit.server import ALWAYS, FolderServer

DATA = Random(3).randbytes(900_000)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FolderServer]:
    (tmp_path / "file").write_bytes(DATA)
    with FolderServer(tmp_path) as server:
        yield server


class Naps:
    def __init__(self) -> None:
        self.taken: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


def test_retry_resumes_where_it_broke_off(server: FolderServer) -> None:
    server.fail("file", CutAfter(200_000))
    server.fail("file", Hangup())
    server.fail("file", CutAfter(300_000))
    naps = Naps()
    retry = Retry(HttpTransport(server.url), rng=Random(1), sleep=naps)
    assert b"".join(retry.stream("file", offset=0, length=len(DATA))) == DATA
    assert [asked.range for asked in server.record.asked] == [
        "bytes=0-899999",
        "bytes=200000-899999",
        "bytes=200000-899999",
        "bytes=500000-899999",
    ]
    assert len(naps.taken) == 3


def test_retry_gives_up_without_progress(server: FolderServer) -> None:
    server.fail("file", Status(503), times=ALWAYS)
    naps = Naps()
    retry = Retry(HttpTransport(server.url), rng=Random(1), sleep=naps, attempts=3)
    for action in (
        lambda: retry.read("file", limit=len(DATA)),
        lambda: list(retry.stream("file", offset=0, length=10)),
    ):
        server.reset()
        with pytest.raises(NoSource, match="503"):
            action()
        assert len(server.requests) == 3
    assert len(naps.taken) == 4


def test_retry_goes_on_as_long_as_bytes_come(server: FolderServer) -> None:
    server.fail("file", CutAfter(100_000), times=ALWAYS)
    retry = Retry(HttpTransport(server.url), rng=Random(1), sleep=Naps(), attempts=2)
    assert b"".join(retry.stream("file", offset=0, length=len(DATA))) == DATA


def test_retry_takes_answers_for_answers(server: FolderServer) -> None:
    naps = Naps()
    retry = Retry(HttpTransport(server.url), rng=Random(1), sleep=naps)
    with pytest.raises(NotThere):
        retry.read("none", limit=1)
    with pytest.raises(NotThere):
        list(retry.stream("none", offset=0, length=1))
    with pytest.raises(FormatError):
        retry.read("file", limit=1)
    assert len(server.requests) == 3
    assert naps.taken == []


@given(seed=st.integers(), attempts=st.integers(1, 12))
def test_pauses_grow_with_jitter_and_are_bounded(seed: int, attempts: int) -> None:
    naps = Naps()
    retry = Retry(
        VolumeTransport(Path("/nonexistent")), rng=Random(seed), sleep=naps, attempts=attempts
    )
    with pytest.raises(NoSource):
        retry.read("file", limit=1)
    assert len(naps.taken) == attempts - 1
    for number, nap in enumerate(naps.taken):
        assert 0 <= nap <= min(LONGEST, BASE * 2**number)


def test_boxes_do_not_knock_in_step() -> None:
    pauses = []
    for seed in (1, 2):
        naps = Naps()
        retry = Retry(VolumeTransport(Path("/nonexistent")), rng=Random(seed), sleep=naps)
        with pytest.raises(NoSource):
            retry.read("file", limit=1)
        pauses.append(naps.taken)
    assert pauses[0] != pauses[1]


def test_meter_counts_what_came(server: FolderServer) -> None:
    meter = Meter(HttpTransport(server.url))
    meter.read("file", limit=len(DATA))
    assert (meter.requests, meter.bytes) == (1, len(DATA))
    server.fail("file", CutAfter(1000))
    with pytest.raises(NoSource):
        list(meter.stream("file", offset=0, length=5000))
    assert (meter.requests, meter.bytes) == (2, len(DATA) + 1000)
    with pytest.raises(NotThere):
        meter.read("none", limit=1)
    assert (meter.requests, meter.bytes) == (3, len(DATA) + 1000)
    assert server.bytes - len(b"<h1>404</h1>") == meter.bytes


def test_meter_inside_retry_counts_attempts(server: FolderServer) -> None:
    server.fail("file", CutAfter(200_000))
    meter = Meter(HttpTransport(server.url))
    retry = Retry(meter, rng=Random(1), sleep=Naps())
    assert b"".join(retry.stream("file", offset=0, length=len(DATA))) == DATA
    assert (meter.requests, meter.bytes) == (2, len(DATA))


def in_turn(sources: list[Transport]) -> Pool:
    """Asked in this order."""
    return Pool([Priced(one, cost) for cost, one in enumerate(sources)])


def test_first_asks_the_next_where_one_breaks_off(server: FolderServer, tmp_path: Path) -> None:
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick" / "file").write_bytes(DATA[:400_000])
    first = in_turn([VolumeTransport(tmp_path / "stick"), HttpTransport(server.url)])
    assert b"".join(first.stream("file", offset=100, length=800_000)) == DATA[100:800_100]
    assert server.bytes == 400_100


def test_first_leaves_the_second_alone(server: FolderServer, tmp_path: Path) -> None:
    first = in_turn([VolumeTransport(tmp_path), HttpTransport(server.url)])
    assert first.read("file", limit=len(DATA)) == DATA
    assert b"".join(first.stream("file", offset=5, length=10)) == DATA[5:15]
    assert server.requests == []


@pytest.mark.parametrize(
    ("fault", "kind"), [(Fault(), NotThere), (Status(500), NoSource)], ids=["missing", "silent"]
)
def test_first_raises_the_most_telling(
    server: FolderServer, tmp_path: Path, fault: Fault, kind: type[NoSource]
) -> None:
    (tmp_path / "stick").mkdir()
    server.fail("none", fault, times=ALWAYS)
    first = in_turn([HttpTransport(server.url), VolumeTransport(tmp_path / "stick")])
    with pytest.raises(NoSource) as caught:
        first.read("none", limit=1)
    assert type(caught.value) is kind
    with pytest.raises(NoSource) as caught:
        list(first.stream("none", offset=0, length=1))
    assert type(caught.value) is kind


class FailingStick(VolumeTransport):
    """A stick with a bad block under every file."""

    def read(self, name: str, *, limit: int) -> bytes:
        raise MediumFailing(f"{self.label}: reading {name} (up to {limit} bytes) failed")


def test_first_passes_a_failing_stick_over(server: FolderServer, tmp_path: Path) -> None:
    failing = FailingStick(tmp_path)
    assert in_turn([failing, HttpTransport(server.url)]).read("file", limit=len(DATA)) == DATA
    with pytest.raises(MediumFailing):
        in_turn([failing, HttpTransport(server.url)]).read("none", limit=1)


def test_first_needs_a_source() -> None:
    with pytest.raises(ValueError, match="needs a source"):
        Pool([])
