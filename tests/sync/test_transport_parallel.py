"""Ranges fetched ahead: in order, bounded, and cleanly given up."""

import threading
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from random import Random
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.errors import NoSource
from sync.transport.base import Transport
from sync.transport.http import HttpTransport
from sync.transport.parallel import MOST_AHEAD, RangeRequest, ahead
from sync.transport.retry import Retry
from sync.transport.volume import VolumeTransport
from tests.kit.faults import CutAfter, Fault, Silence, Slow, Status
from tests.kit.server import ALWAYS, FolderServer

DATA = Random(11).randbytes(3_000_000)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FolderServer]:
    (tmp_path / "file").write_bytes(DATA)
    with FolderServer(tmp_path) as server:
        yield server


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert workers() == []


def workers() -> list[str]:
    return [item.name for item in threading.enumerate() if item.name.startswith("range-")]


def cut(count: int, size: int = 100_000) -> list[RangeRequest]:
    return [RangeRequest("file", number * size, size) for number in range(count)]


def expected(ranges: list[RangeRequest]) -> list[bytes]:
    return [DATA[item.offset : item.offset + item.length] for item in ranges]


def test_gives_every_range_in_order(server: FolderServer) -> None:
    ranges = [*cut(20), RangeRequest("file", 7, 0), RangeRequest("file", 0, len(DATA))]
    got = [b"".join(blocks) for blocks in ahead(HttpTransport(server.url), ranges)]
    assert got == expected(ranges)
    assert list(ahead(HttpTransport(server.url), [])) == []


@settings(max_examples=40, deadline=None)
@given(
    ranges=st.lists(st.tuples(st.integers(0, len(DATA) - 1), st.integers(0, 600_000)), max_size=12),
    count=st.integers(1, 5),
    window=st.integers(0, 10**6),
    left=st.sets(st.integers(0, 11)),
)
def test_any_window_gives_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    ranges: list[tuple[int, int]],
    count: int,
    window: int,
    left: set[int],
) -> None:
    """Also where the reader gives some ranges up after their first block."""
    folder = tmp_path_factory.getbasetemp()
    (folder / "file").write_bytes(DATA)
    wanted = [RangeRequest("file", start, min(n, len(DATA) - start)) for start, n in ranges]
    sources = ahead(VolumeTransport(folder), wanted, workers=count, window=window)
    for number, blocks in enumerate(sources):
        got = b"".join(islice(blocks, 1) if number in left else blocks)
        whole = expected(wanted)[number]
        assert whole.startswith(got) if number in left else got == whole


def test_hides_the_delay_of_the_line(server: FolderServer) -> None:
    server.fail("file", Silence(0.1), times=ALWAYS)
    took = []
    for count in (1, 3):
        began = time.monotonic()
        got = [
            b"".join(blocks) for blocks in ahead(HttpTransport(server.url), cut(9), workers=count)
        ]
        took.append(time.monotonic() - began)
        assert got == expected(cut(9))
    assert took[1] < 0.7 * took[0]
    assert server.record.most_open <= 4


def test_holds_no_more_than_the_window(server: FolderServer) -> None:
    """A reader that stands still stops the line: what was fetched is bounded."""
    ranges = cut(10, 300_000)
    counting = Counting(HttpTransport(server.url))
    with closing(generator(counting, ranges, window=400_000)) as outer:
        blocks = next(outer)
        first = next(blocks)
        time.sleep(0.5)
        # one block in hand, the window, one more for the range whose turn it is, and in each
        # worker's hand one that waits for room
        assert counting.bytes <= 400_000 + 5 * 262_144
        held = counting.bytes
        time.sleep(0.2)
        assert counting.bytes == held
        assert first + b"".join(blocks) == DATA[:300_000]
        assert [b"".join(item) for item in outer] == expected(ranges)[1:]


def test_tiny_ranges_are_bounded_by_number(server: FolderServer) -> None:
    counting = Counting(HttpTransport(server.url))
    with closing(generator(counting, cut(300, 10))) as outer:
        next(next(outer))
        time.sleep(0.5)
        assert counting.requests <= MOST_AHEAD
        assert len(list(outer)) == 299


def test_what_arrived_comes_before_the_error(server: FolderServer) -> None:
    server.fail("file", Fault())
    server.fail("file", CutAfter(70_000))
    server.fail("file", Status(500), times=ALWAYS)
    outer = ahead(HttpTransport(server.url), cut(5), workers=1)
    assert b"".join(next(outer)) == DATA[:100_000]
    received: list[bytes] = []
    with pytest.raises(NoSource) as caught:
        received.extend(next(outer))
    assert b"".join(received) == DATA[100_000:170_000]
    with pytest.raises(NoSource) as again:
        next(outer)
    assert again.value is caught.value
    assert list(outer) == []


def test_an_error_ends_all_that_is_under_way(server: FolderServer) -> None:
    server.fail("file", CutAfter(10))
    server.fail("file", Slow(10**6), times=ALWAYS)
    transport = Counting(HttpTransport(server.url))
    with pytest.raises(NoSource):
        all(b"".join(blocks) for blocks in ahead(transport, cut(1) + cut(9, 300_000)))
    deadline = time.monotonic() + 5
    while workers() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert transport.open == 0
    assert transport.requests < 10  # the broken one is among the first three to arrive


def test_leaving_early_closes_all_streams(server: FolderServer) -> None:
    transport = Counting(HttpTransport(server.url))
    outer = generator(transport, cut(10, 300_000))
    next(next(outer))
    outer.close()
    assert transport.open == 0
    assert workers() == []


def test_resumes_inside(server: FolderServer) -> None:
    server.fail("file", CutAfter(30_000), times=8)
    patient = Retry(HttpTransport(server.url), rng=Random(1), sleep=lambda _: None)
    assert [b"".join(item) for item in ahead(patient, cut(8))] == expected(cut(8))


def test_an_error_nobody_foresaw_reaches_the_reader(tmp_path: Path) -> None:
    class Broken(VolumeTransport):
        def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:
            raise ZeroDivisionError(f"{name} {offset} {length}")

    outer = ahead(Broken(tmp_path), cut(3))
    with pytest.raises(ZeroDivisionError):
        b"".join(next(outer))


def generator(
    transport: Transport, ranges: list[RangeRequest], window: int = 2**22
) -> Generator[Iterator[bytes], None, None]:
    return cast("Generator[Iterator[bytes], None, None]", ahead(transport, ranges, window=window))


class Counting:
    """Counts bytes, requests and streams that are open now."""

    def __init__(self, inner: HttpTransport) -> None:
        self._inner = inner
        self._lock = threading.Lock()
        self.label = inner.label
        self.bytes = self.requests = self.open = 0

    def read(self, name: str, *, limit: int) -> bytes:
        return self._inner.read(name, limit=limit)

    def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:
        with self._lock:
            self.open += 1
            self.requests += 1
        try:
            for block in self._inner.stream(name, offset=offset, length=length):
                with self._lock:
                    self.bytes += len(block)
                yield block
        finally:
            with self._lock:
                self.open -= 1
