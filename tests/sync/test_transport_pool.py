"""A pool of sources: the cheapest gives, the dead and the lying are set aside once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from sync.errors import FormatError, MediumFailing, NoSource, NotThere, ProofFailed
from sync.transport.http import HttpTransport
from sync.transport.pool import Pool, Priced
from sync.transport.volume import VolumeTransport
from tests.kit.faults import CutAfter, Status
from tests.kit.server import ALWAYS, FolderServer

DATA = Random(9).randbytes(900_000)


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[FolderServer, FolderServer]]:
    (tmp_path / "file").write_bytes(DATA)
    with FolderServer(tmp_path) as near, FolderServer(tmp_path) as far:
        yield near, far


@pytest.fixture
def pool(servers: tuple[FolderServer, FolderServer], tmp_path: Path) -> Pool:
    near, far = servers
    (tmp_path / "stick").mkdir()
    return Pool(
        [
            Priced(HttpTransport(far.url), 10),
            Priced(HttpTransport(near.url), 1),
            Priced(VolumeTransport(tmp_path / "stick"), 0),
        ]
    )


def all_of(pool: Pool) -> bytes:
    return b"".join(pool.stream("file", offset=0, length=len(DATA)))


def test_the_cheapest_gives(
    pool: Pool, servers: tuple[FolderServer, FolderServer], tmp_path: Path
) -> None:
    near, far = servers
    assert pool.read("file", limit=len(DATA)) == DATA
    stream = pool.stream("file", offset=5, length=100)
    assert stream.source == ""
    assert b"".join(stream) == DATA[5:105]
    assert (stream.source, stream.sources) == (near.url, (near.url,))
    assert far.requests == []
    (tmp_path / "stick" / "file").write_bytes(DATA)
    near.reset()
    assert all_of(pool) == DATA
    assert near.requests == []
    assert pool.label == f"{tmp_path / 'stick'}, {near.url}, {far.url}"


def test_equal_costs_keep_their_order(servers: tuple[FolderServer, FolderServer]) -> None:
    near, far = servers
    for first, second in ((near, far), (far, near)):
        pool = Pool([Priced(HttpTransport(item.url), 10) for item in (first, second)])
        stream = pool.stream("file", offset=0, length=9)
        list(stream)
        assert stream.source == first.url


def test_the_next_goes_on_from_the_byte_reached(
    pool: Pool, servers: tuple[FolderServer, FolderServer]
) -> None:
    near, far = servers
    near.fail("file", CutAfter(400_000))
    stream = pool.stream("file", offset=0, length=len(DATA))
    assert b"".join(stream) == DATA
    assert stream.sources == (near.url, far.url)
    assert far.record.asked[0].range == "bytes=400000-899999"
    assert not pool.dropped


def test_two_failures_in_a_row_set_a_source_aside(
    pool: Pool, servers: tuple[FolderServer, FolderServer]
) -> None:
    near, far = servers
    near.fail("file", Status(500))
    near.fail("ok", Status(404))
    assert all_of(pool) == DATA
    with pytest.raises(NotThere):
        pool.read("ok", limit=1)  # an answer: it is alive
    near.fail("file", Status(500), times=ALWAYS)
    assert all_of(pool) == DATA
    assert not pool.dropped
    assert pool.read("file", limit=len(DATA)) == DATA
    assert [label for label, _ in pool.dropped] == [near.url]
    assert "status 500" in pool.dropped[0][1]
    near.heal()
    near.reset()
    assert all_of(pool) == DATA
    assert near.requests == []
    assert [item.label for item in pool.healthy()][-1] == far.url


def test_a_success_is_new_credit(pool: Pool, servers: tuple[FolderServer, FolderServer]) -> None:
    near, _ = servers
    for _ in range(3):
        near.fail("file", Status(500))
        assert all_of(pool) == DATA
        near.heal()
        assert all_of(pool) == DATA
    assert not pool.dropped


def test_who_lies_is_set_aside_at_once(
    pool: Pool, servers: tuple[FolderServer, FolderServer]
) -> None:
    near, far = servers
    pool.blame(near.url, ProofFailed("file is not what was promised"))
    pool.blame(near.url, ProofFailed("a second complaint is not told"))
    pool.blame("http://nobody", ProofFailed("not ours"))
    assert pool.dropped == ((near.url, "file is not what was promised"),)
    assert all_of(pool) == DATA
    assert (len(near.requests), len(far.requests)) == (0, 1)


def test_who_is_blamed_during_a_stream_is_not_asked_for_the_rest(
    pool: Pool, servers: tuple[FolderServer, FolderServer]
) -> None:
    near, far = servers
    near.fail("file", CutAfter(400_000))
    stream = pool.stream("file", offset=0, length=len(DATA))
    next(stream)
    pool.blame(far.url, ProofFailed("lies"))
    with pytest.raises(NoSource, match="broke off"):
        list(stream)
    assert far.requests == []


def test_a_file_too_long_convicts_only_beside_another(
    pool: Pool, servers: tuple[FolderServer, FolderServer], tmp_path: Path
) -> None:
    near, _ = servers
    with pytest.raises(FormatError, match="longer than"):
        pool.read("file", limit=10)
    assert not pool.dropped
    stick = tmp_path / "stick" / "file"
    stick.write_bytes(DATA + b"more")
    assert pool.read("file", limit=len(DATA)) == DATA
    assert [label for label, _ in pool.dropped] == [str(stick.parent)]
    assert "longer than" in pool.dropped[0][1]
    assert near.requests == ["file", "file"]


def test_when_all_are_set_aside(pool: Pool) -> None:
    for source in pool.healthy():
        pool.blame(source.label, ProofFailed(f"{source.label} lies"))
    for action in (
        lambda: pool.read("file", limit=1),
        lambda: list(pool.stream("file", offset=0, length=1)),
    ):
        with pytest.raises(
            NoSource, match=r"every source was set aside: .* lies; .* lies"
        ) as caught:
            action()
        assert not isinstance(caught.value, NotThere)
        assert caught.value.hint


def test_a_failing_stick_is_set_aside_too(
    servers: tuple[FolderServer, FolderServer], tmp_path: Path
) -> None:
    class Failing(VolumeTransport):
        def read(self, name: str, *, limit: int) -> bytes:
            raise MediumFailing(f"{self.label}: reading {name} failed ({limit})")

    near, _ = servers
    pool = Pool([Priced(HttpTransport(near.url), 10), Priced(Failing(tmp_path), 0)])
    for _ in range(2):
        assert pool.read("file", limit=len(DATA)) == DATA
    assert pool.dropped == ((str(tmp_path), f"{tmp_path}: reading file failed (900000)"),)


def test_many_threads(pool: Pool, servers: tuple[FolderServer, FolderServer]) -> None:
    near, _ = servers
    near.fail("file", Status(500), times=ALWAYS)
    with ThreadPoolExecutor(6) as threads:
        assert list(threads.map(lambda _: all_of(pool), range(12))) == [DATA] * 12
    assert [label for label, _ in pool.dropped] == [near.url]


def test_needs_a_source() -> None:
    with pytest.raises(ValueError, match="needs a source"):
        Pool([])
