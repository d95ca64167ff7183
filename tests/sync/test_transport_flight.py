"""Short ranges together, long ones alone; always in order, whatever befalls one of them."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync.errors import BudgetSpent, NoSource, NotThere
from sync.transport.allowance import REQUEST, Allowance, Purse
from sync.transport.flight import FLIGHT, WORKERS, fly
from sync.transport.http import HttpTransport
from sync.transport.pool import Pool, Priced, Stream, set_aside
from tests.kit.faults import CutAfter, Fault, Silence, Status
from tests.kit.server import ALWAYS, FolderServer

DATA = Random(4).randbytes(3_000_000)


@dataclass(frozen=True)
class Part:
    offset: int
    length: int
    name: str = "packs/a"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("repository")
    (root / "packs").mkdir()
    (root / "packs" / "a").write_bytes(DATA)
    (root / "packs" / "b").write_bytes(DATA)
    return root


@pytest.fixture
def server(folder: Path) -> Iterator[FolderServer]:
    with FolderServer(folder) as running:
        yield running


SHORT = [Part(start, 20_000) for start in range(0, 240_000, 30_000)]


def test_short_ranges_are_under_way_together(server: FolderServer) -> None:
    server.fail("packs/*", Silence(0.2), times=ALWAYS)
    got = [b"".join(stream) for _, stream in fly(HttpTransport(server.url), SHORT)]
    assert got == [DATA[part.offset :][: part.length] for part in SHORT]
    assert server.record.most_open == WORKERS
    assert sorted(server.requests) == ["packs/a"] * len(SHORT)


def test_a_long_range_comes_alone_and_block_by_block(server: FolderServer) -> None:
    parts = [Part(0, FLIGHT + 1), Part(FLIGHT + 5, FLIGHT)]
    with closing(fly(HttpTransport(server.url), parts)) as flown:
        _, stream = next(flown)
        first = next(stream)
        assert 0 < len(first) < FLIGHT
        assert len(server.requests) == 1, "the next one waits for its turn"
        assert first + b"".join(stream) == DATA[: FLIGHT + 1]
        _, stream = next(flown)
        assert b"".join(stream) == DATA[FLIGHT + 5 :][:FLIGHT]


@given(
    st.lists(st.tuples(st.integers(0, 2_000_000), st.integers(1, FLIGHT + 100_000)), max_size=12)
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_every_byte_in_its_order(server: FolderServer, spans: list[tuple[int, int]]) -> None:
    parts = [Part(offset, length) for offset, length in spans]
    flown = [(part, b"".join(stream)) for part, stream in fly(HttpTransport(server.url), parts)]
    assert flown == [(part, DATA[part.offset :][: part.length]) for part in parts]


def test_an_error_comes_in_its_place_after_what_came(server: FolderServer) -> None:
    parts = [Part(0, 100_000), Part(0, 200_000, "packs/b"), Part(0, 9, "packs/none"), Part(5, 9)]
    server.fail("packs/b", CutAfter(70_000))
    with closing(fly(HttpTransport(server.url), parts)) as flown:
        assert b"".join(next(flown)[1]) == DATA[:100_000]
        got: list[bytes] = []
        with pytest.raises(NoSource):
            got.extend(next(flown)[1])
        assert b"".join(got) == DATA[:70_000]
        with pytest.raises(NotThere):
            next(next(flown)[1])
        assert b"".join(next(flown)[1]) == DATA[5:14]


def test_who_leaves_early_asks_for_no_more(server: FolderServer) -> None:
    server.fail("packs/*", Silence(0.1), times=ALWAYS)
    many = [Part(start, 100) for start in range(0, 60_000, 1000)]
    with closing(fly(HttpTransport(server.url), many)) as flown:
        b"".join(next(flown)[1])
    assert len(server.requests) < 20


def test_what_is_no_error_of_ours_is_raised_where_it_is_waited_for() -> None:
    class Broken(HttpTransport):
        def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:
            raise ZeroDivisionError(f"{name} {offset} {length}")

    with pytest.raises(ZeroDivisionError):
        next(fly(Broken("http://[::1]"), SHORT))


def test_the_one_to_blame_is_known(folder: Path, server: FolderServer) -> None:
    with FolderServer(folder) as far:
        pool = Pool([Priced(HttpTransport(server.url), 1), Priced(HttpTransport(far.url), 10)])
        _, stream = next(fly(pool, SHORT))
        assert isinstance(stream, Stream)
        assert stream.sources == (server.url,)
        assert set_aside(pool, stream, NoSource("it lies"))
        assert pool.dropped == ((server.url, "it lies"),)


@pytest.mark.parametrize("fault", [Fault(), Status(500), CutAfter(500)])
def test_a_budget_is_kept_by_ranges_at_once(server: FolderServer, fault: Fault) -> None:
    server.fail("packs/*", Silence(0.05), times=1)
    server.fail("packs/*", fault, times=1)
    budget = 5 * REQUEST + 70_000
    purse = Purse(budget)
    transport = Allowance(HttpTransport(server.url), purse)
    errors = []
    for _, stream in fly(transport, SHORT):
        try:
            b"".join(stream)
        except (BudgetSpent, NoSource) as error:
            errors.append(error)
    assert any(isinstance(error, BudgetSpent) for error in errors)
    assert purse.left >= 0
    assert purse.spent + purse.left == budget
    refusals = 2 * (fault == Status(500))  # their bodies are no content
    assert server.bytes - refusals + REQUEST * len(server.requests) <= budget
