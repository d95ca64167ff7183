"""The transports' contract over a box next door: what its peer port answers, plain and as used."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from appliance.onlink import PeerPolicy
from sync.digest import sha256, sharded
from sync.errors import KexiaError
from sync.transport.base import Transport
from sync.transport.deadline import Deadline
from sync.transport.http import HttpTransport
from sync.transport.wary import Proof, Wary
from tests.contract.test_transports import (  # noqa: F401 - the suite, run over the fixtures below
    FILES,
    test_a_stream_may_be_left_early,
    test_has_a_label,
    test_never_leaves_the_repository,
    test_reads_whole_files,
    test_refuses_files_longer_than_the_limit,
    test_says_what_is_not_there,
    test_says_when_a_file_is_too_short,
    test_serves_several_threads,
    test_streams_exactly_what_was_asked,
)
from tests.kit.boxes import BoxUnderTest
from tests.kit.neighbours import CounterServer
from tests.kit.province import Province

pytestmark = pytest.mark.thorough
NAMES = {name: f"resources/{sharded(sha256(data))}" for name, data in FILES.items()}
CONTENT = {f"l{number}.pdf": data for number, data in enumerate(FILES.values())}


@dataclass(frozen=True)
class Renamed:
    """The suite's names for files that a box knows by their digests."""

    inner: Transport

    @property
    def label(self) -> str:
        return self.inner.label

    def read(self, name: str, *, limit: int) -> bytes:
        try:
            return self.inner.read(NAMES.get(name, name), limit=limit)
        except KexiaError as error:
            raise type(error)(error.fact.replace(NAMES.get(name, name), name)) from error

    def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:
        yield from self.inner.stream(NAMES.get(name, name), offset=offset, length=length)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("peer")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[CounterServer]:
    province = Province.create(folder)
    province.publish({"43/a": CONTENT})
    box = BoxUnderTest.create(folder / "box", province.root).subscribe("43/a")
    box.set_peers(PeerPolicy(serve=True))
    box.sync(province.repository)
    with CounterServer(box.paths) as server:
        yield server


@pytest.fixture(params=["plain", "as a box uses it"])
def transport(request: pytest.FixtureRequest, server: CounterServer) -> Transport:
    plain = HttpTransport(server.url)
    if request.param == "plain":
        return Renamed(plain)
    wary = Wary(Deadline(plain, ticks=time.monotonic, grace=30.0))
    sizes = {sha256(data): len(data) for data in FILES.values()}
    wary.proofs = lambda digest: Proof(sizes[digest]) if digest in sizes else None
    return Renamed(wary)
