"""What every transport must do, whatever lies below it."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from sync.errors import FormatError, NoSource, NotThere
from sync.transport.archive import ArchiveTransport
from sync.transport.base import BLOCK, Transport
from sync.transport.http import HttpTransport
from sync.transport.limit import Bucket, Limit
from sync.transport.locate import open_transport
from sync.transport.meter import Meter
from sync.transport.pool import Pool, Priced
from sync.transport.retry import Retry
from sync.transport.subtree import Subtree
from sync.transport.volume import VolumeTransport
from sync.transport.web import Web
from tests.kit.server import FolderServer
from tests.kit.sticks import write_archive

BIG = Random(7).randbytes(3 * BLOCK + 12_345)
FILES = {
    "metadata/timestamp.json": b'{"signed": {}}',
    "packs/ab/abcd.pack": BIG,
    "targets/empty": b"",
    "targets/with space+%41~!$&'()*,;=:@.txt": b"odd",
}


PLAIN = {name: data for name, data in FILES.items() if "%" not in name}
"""Names that an archive may hold."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tmp_path = tmp_path_factory.mktemp("sources")
    for name, data in FILES.items():
        for above in (tmp_path / "repo", tmp_path / "repo" / "mirrors" / "0123"):
            (above / name).parent.mkdir(parents=True, exist_ok=True)
            (above / name).write_bytes(data)
    (tmp_path / "empty").mkdir()
    write_archive(tmp_path / "repo.kexia", PLAIN)
    write_archive(tmp_path / "stick.kexia", {f"KEXIA/0123/{name}": PLAIN[name] for name in PLAIN})
    return tmp_path


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[FolderServer]:
    with FolderServer(folder / "repo") as server:
        yield server


Make = Callable[[Path, FolderServer], Transport]


def _impatient(inner: Transport) -> Retry:
    return Retry(inner, rng=Random(1), sleep=lambda _: None)


def _wide() -> Bucket:
    return Bucket(10**9, clock=time.monotonic, sleep=time.sleep)


KINDS: dict[str, Make] = {
    "volume": lambda folder, _: VolumeTransport(folder / "repo"),
    "http": lambda _, server: HttpTransport(server.url),
    "opened folder": lambda folder, _: open_transport(folder / "repo"),
    "opened url": lambda _, server: open_transport(server.url + "/"),
    "subtree of a volume": lambda folder, _: Subtree(
        VolumeTransport(folder / "repo"), "mirrors/0123/"
    ),
    "subtree of http": lambda _, server: Subtree(HttpTransport(server.url), "mirrors/0123"),
    "archive": lambda folder, _: ArchiveTransport(folder / "repo.kexia"),
    "opened archive": lambda folder, _: open_transport(folder / "repo.kexia"),
    "subtree of an archive": lambda folder, _: Subtree(
        ArchiveTransport(folder / "stick.kexia"), "KEXIA/0123"
    ),
    "retry": lambda _, server: _impatient(HttpTransport(server.url)),
    "meter": lambda _, server: Meter(HttpTransport(server.url)),
    "limit": lambda _, server: Limit(HttpTransport(server.url), _wide()),
    "limit of small blocks": lambda _, server: Limit(
        HttpTransport(server.url, web=Web(block=5000)), _wide()
    ),
    "pool": lambda folder, server: Pool(
        [
            Priced(HttpTransport(server.url), 10),
            Priced(VolumeTransport(folder / "empty"), 0),
        ]
    ),
    "as a box stacks them": lambda folder, server: Pool(
        [
            Priced(VolumeTransport(folder / "empty"), 0),
            Priced(_impatient(Meter(HttpTransport(server.url))), 10),
        ]
    ),
}


@pytest.fixture(params=KINDS)
def transport(request: pytest.FixtureRequest, folder: Path, server: FolderServer) -> Transport:
    return KINDS[request.param](folder, server)


@pytest.mark.parametrize("name", PLAIN)
def test_reads_whole_files(transport: Transport, name: str) -> None:
    assert transport.read(name, limit=len(FILES[name])) == FILES[name]


def test_refuses_files_longer_than_the_limit(transport: Transport) -> None:
    with pytest.raises(FormatError, match=r"packs/ab/abcd\.pack is longer than the 100 bytes"):
        transport.read("packs/ab/abcd.pack", limit=100)
    with pytest.raises(FormatError):
        transport.read("packs/ab/abcd.pack", limit=len(BIG) - 1)


@pytest.mark.parametrize(
    "name", ["packs/ab/none.pack", "none/ab", "metadata", "targets/empty/below", "packs/ab"]
)
def test_says_what_is_not_there(transport: Transport, name: str) -> None:
    with pytest.raises(NotThere) as caught:
        transport.read(name, limit=100)
    assert caught.value.exit_code == 4
    with pytest.raises(NotThere):
        list(transport.stream(name, offset=0, length=1))


@pytest.mark.parametrize(
    "name", ["../repo/targets/empty", "packs/../targets/empty", "/etc/passwd", "", "a//b", "./a"]
)
def test_never_leaves_the_repository(transport: Transport, name: str) -> None:
    with pytest.raises(NotThere):
        transport.read(name, limit=10_000)
    with pytest.raises(NotThere):
        list(transport.stream(name, offset=0, length=1))


@pytest.mark.parametrize(
    ("offset", "length"),
    [
        (0, len(BIG)),
        (0, 1),
        (len(BIG) - 1, 1),
        (BLOCK - 1, 2),
        (17, 2 * BLOCK),
        (BLOCK, BLOCK),
        (5, 0),
    ],
)
def test_streams_exactly_what_was_asked(transport: Transport, offset: int, length: int) -> None:
    blocks = list(transport.stream("packs/ab/abcd.pack", offset=offset, length=length))
    assert b"".join(blocks) == BIG[offset : offset + length]
    assert all(0 < len(block) <= BLOCK for block in blocks)


@pytest.mark.parametrize("offset", [len(BIG) - 100, len(BIG), len(BIG) + 5])
def test_says_when_a_file_is_too_short(transport: Transport, offset: int) -> None:
    received: list[bytes] = []
    with pytest.raises(NoSource) as caught:
        received.extend(transport.stream("packs/ab/abcd.pack", offset=offset, length=200))
    assert BIG[offset:].startswith(b"".join(received))
    assert caught.value.hint


def test_a_stream_may_be_left_early(transport: Transport) -> None:
    stream = transport.stream("packs/ab/abcd.pack", offset=0, length=len(BIG))
    assert BIG.startswith(next(iter(stream)))
    stream.close()  # type: ignore[attr-defined]  # every transport's stream is a generator
    assert transport.read("targets/empty", limit=1) == b""


def test_serves_several_threads(transport: Transport) -> None:
    def fetch(number: int) -> bool:
        offset = number * 1000
        stream = transport.stream("packs/ab/abcd.pack", offset=offset, length=200_000)
        return b"".join(stream) == BIG[offset : offset + 200_000]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(fetch, range(24)))


def test_has_a_label(transport: Transport, folder: Path, server: FolderServer) -> None:
    assert str(folder) in transport.label or server.url in transport.label
