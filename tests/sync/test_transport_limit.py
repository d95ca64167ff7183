"""The rate cap: what it lets through in its time, alone and shared."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.box.programmes import real_machine
from appliance.config import BoxConfig, BoxPaths, Uplink, save
from appliance.update.sources import Network, Sources
from sync.transport.base import BLOCK
from sync.transport.http import HttpTransport
from sync.transport.limit import SMALLEST, Bucket, Limit
from sync.transport.web import Web
from tests.kit.server import FolderServer

DATA = Random(5).randbytes(400_000)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FolderServer]:
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "file").write_bytes(DATA)
    with FolderServer(tmp_path / "repo") as server:
        yield server


class Clock:
    """Time that passes only in sleep."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def bucket(rate: int) -> tuple[Bucket, Clock]:
    clock = Clock()
    return Bucket(rate, clock=clock, sleep=clock.sleep), clock


@given(
    rate=st.integers(1, 10**8),
    steps=st.lists(st.tuples(st.floats(0, 10), st.integers(0, 10**6)), max_size=50),
)
def test_never_more_than_the_rate_and_a_burst(rate: int, steps: list[tuple[float, int]]) -> None:
    cap, clock = bucket(rate)
    taken, began = 0, clock.now
    for idle, count in steps:
        clock.now += idle
        cap.take(count)
        taken += count
        assert taken <= rate * (clock.now - began) * (1 + 1e-6) + cap.burst + 1


@given(rate=st.integers(1, 10**8), counts=st.lists(st.integers(1, 10**6), max_size=50))
def test_a_line_in_use_is_used_whole(rate: int, counts: list[int]) -> None:
    cap, clock = bucket(rate)
    began = clock.now
    for count in counts:
        cap.take(count)
    assert clock.now - began <= sum(counts) / rate * (1 + 1e-6) + 1e-3


def test_blocks_fit_the_rate() -> None:
    assert bucket(100)[0].block == SMALLEST
    assert bucket(200_000)[0].block == 50_000
    assert bucket(10**9)[0].block == BLOCK
    with pytest.raises(ValueError, match="above 0"):
        bucket(0)


def test_a_stream_comes_in_small_even_steps(server: FolderServer) -> None:
    cap, clock = bucket(40_000)
    limit = Limit(HttpTransport(server.url), cap)  # reads large blocks all the same
    last = clock.now
    for block in limit.stream("file", offset=0, length=len(DATA)):
        assert len(block) <= 10_000
        assert clock.now - last <= 0.26
        last = clock.now
    assert clock.now - 100 == pytest.approx(len(DATA) / 40_000, abs=0.5)


def test_whole_files_are_paid_for_too(server: FolderServer) -> None:
    cap, clock = bucket(40_000)
    assert Limit(HttpTransport(server.url), cap).read("file", limit=len(DATA)) == DATA
    assert clock.now - 100 == pytest.approx(10, abs=0.5)


def test_real_time_shared_by_several_transports(server: FolderServer) -> None:
    shared = Bucket(400_000, clock=time.monotonic, sleep=time.sleep)
    web = Web(block=shared.block)
    began = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        limits = [Limit(HttpTransport(server.url, web=web), shared) for _ in range(2)]
        every = pool.map(
            lambda limit: b"".join(limit.stream("file", offset=0, length=len(DATA))), limits
        )
        assert list(every) == [DATA, DATA]
    took = time.monotonic() - began
    assert 1.6 <= took < 6  # 2 s less the first burst; above, a loaded machine


def test_the_box_caps_web_servers_together_and_media_not(
    server: FolderServer, tmp_path: Path
) -> None:
    cap, clock = bucket(40_000)
    network = Network(rng=Random(1), sleep=clock.sleep, web=Web(block=cap.block), bucket=cap)
    sources = Sources(network, [str(tmp_path / "repo")])
    for source in sources.own([server.url, f"{server.url}/.."[:-3]]):
        source.transport.read("file", limit=len(DATA))
    assert clock.now - 100 == pytest.approx(20, abs=0.5)
    media = sources.own([str(tmp_path / "repo")])[0].transport
    assert media.read("file", limit=len(DATA)) == DATA
    assert clock.now - 100 == pytest.approx(20, abs=0.5)


def test_kexia_toml_decides_how_the_network_is_used(tmp_path: Path) -> None:
    save(BoxPaths(tmp_path), BoxConfig(network=Uplink(100, "http://10.0.0.2:3128")))
    network = real_machine(BoxPaths(tmp_path)).network
    assert network.bucket is not None
    assert network.bucket.rate == 102_400
    assert network.web.block == network.bucket.block == 25_600
    assert network.web.proxy == "http://10.0.0.2:3128"
    save(BoxPaths(tmp_path), BoxConfig())
    network = real_machine(BoxPaths(tmp_path)).network
    assert (network.bucket, network.web.block, network.web.proxy) == (None, BLOCK, "")
