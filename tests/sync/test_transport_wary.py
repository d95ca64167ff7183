"""A source nobody vouches for: nothing unproved passes, a fault ends it and costs little."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.digest import Digest, sha256, sharded
from sync.errors import FormatError, KexiaError, NoSource, NotThere
from sync.recipe import Chunk, Chunks, chunk_id
from sync.transport.deadline import Deadline, TooSlow
from sync.transport.http import HttpTransport
from sync.transport.meter import Meter
from sync.transport.wary import Proof, Wary, digest_in
from sync.transport.web import Timeouts, Web

CHUNK = 10_000
LONG = Random(5).randbytes(23 * CHUNK + 77)
SHORT = b"short file"
CAP = 64 * 1024


class Memory:
    """Files in memory; hands out what it is told to instead of the truth."""

    label = "memory"

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.spoil: Callable[[bytes], bytes] = lambda data: data
        self.error: KexiaError | None = None
        self.given = 0

    def read(self, name: str, *, limit: int) -> bytes:
        data = self._file(name)
        if len(data) > limit:
            raise FormatError("too long")
        self.given += len(data)
        return data

    def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:
        data = self._file(name)[offset : offset + length]
        for start in range(0, len(data), 4096):
            self.given += len(data[start : start + 4096])
            yield data[start : start + 4096]
        if len(data) < length:
            raise NoSource("ended early")

    def _file(self, name: str) -> bytes:
        if self.error is not None:
            raise self.error
        if name not in self.files:
            raise NotThere(name)
        return self.spoil(self.files[name])


def named(data: bytes, folder: str = "resources") -> str:
    return f"{folder}/{sharded(sha256(data))}"


def pieces(data: bytes) -> Chunks:
    cut = [data[start : start + CHUNK] for start in range(0, len(data), CHUNK)]
    return Chunks.of(Chunk(chunk_id(each), len(each)) for each in cut)


def proofs(digest: Digest) -> Proof | None:
    if digest == sha256(LONG):
        return Proof(len(LONG), pieces(LONG))
    return Proof(len(SHORT)) if digest == sha256(SHORT) else None


@pytest.fixture
def memory() -> Memory:
    return Memory({named(LONG): LONG, named(SHORT): SHORT, "metadata/timestamp.json": b"{}"})


def wary(memory: Memory) -> tuple[Wary, list[KexiaError]]:
    faults: list[KexiaError] = []
    made = Wary(memory, cap=CAP, on_fault=faults.append)
    made.proofs = proofs
    return made, faults


@given(st.integers(0, len(LONG)), st.integers(0, len(LONG)))
def test_any_range_of_a_long_file_comes_proved(offset: int, length: int) -> None:
    source, faults = wary(Memory({named(LONG): LONG}))
    length = min(length, len(LONG) - offset)
    got = b"".join(source.stream(named(LONG), offset=offset, length=length))
    assert got == LONG[offset : offset + length]
    assert faults == []


@given(st.integers(0, len(LONG) - 1))
def test_one_wrong_byte_is_seen_within_its_chunk(at: int) -> None:
    memory = Memory({named(LONG): LONG})
    memory.spoil = lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    source, faults = wary(memory)
    got: list[bytes] = []
    stream = source.stream(named(LONG), offset=0, length=len(LONG))
    with pytest.raises(NoSource):
        drain(stream, got)
    assert b"".join(got) == LONG[: at // CHUNK * CHUNK], (
        "what was proved stays good, nothing else passes"
    )
    assert memory.given <= at + CHUNK + 2 * 4096
    assert len(faults) == 1


def test_after_a_fault_nothing_more_is_asked(memory: Memory) -> None:
    memory.spoil = lambda data: bytes(len(data))
    source, faults = wary(memory)
    for _ in range(3):
        with pytest.raises(NoSource, match="not what its name says"):
            list(source.stream(named(SHORT), offset=0, length=len(SHORT)))
    with pytest.raises(NoSource, match="not what its name says"):
        source.read("metadata/timestamp.json", limit=100)
    assert len(faults) == 1
    assert memory.given == len(SHORT)


def test_a_long_file_nobody_can_prove_is_not_there(memory: Memory) -> None:
    source, faults = wary(memory)
    source.proofs = lambda _: Proof(len(LONG))
    with pytest.raises(NotThere):
        list(source.stream(named(LONG), offset=0, length=len(LONG)))
    source.proofs = lambda _: None
    with pytest.raises(NotThere):
        list(source.stream(named(LONG), offset=0, length=len(LONG)))
    assert (memory.given, faults) == (0, [])


def test_a_short_file_is_fetched_once_for_all_its_ranges(memory: Memory) -> None:
    source, _ = wary(memory)
    got = [b"".join(source.stream(named(SHORT), offset=at, length=1)) for at in range(5)]
    assert b"".join(got) == SHORT[:5]
    assert memory.given == len(SHORT)


def test_looking_for_a_file_costs_a_byte(memory: Memory) -> None:
    source, faults = wary(memory)
    with pytest.raises(FormatError):
        source.read(named(LONG), limit=0)
    with pytest.raises(NotThere):
        source.read(named(b"other"), limit=0)
    assert (memory.given, faults) == (1, [])


def test_silence_ends_it_too_but_is_no_lie(memory: Memory) -> None:
    memory.error = NoSource("gone")
    source, faults = wary(memory)
    for _ in range(4):
        with pytest.raises(NoSource):
            source.read("metadata/timestamp.json", limit=10)
    assert [type(fault) for fault in faults] == [NoSource]


def test_what_somebody_above_found_out_ends_it(memory: Memory) -> None:
    source, faults = wary(memory)
    source.give_up(NoSource("mixed versions"))
    source.give_up(NoSource("again"))
    with pytest.raises(NoSource, match="mixed versions"):
        source.read("metadata/timestamp.json", limit=10)
    assert len(faults) == 1


@pytest.mark.parametrize(
    ("name", "is_named"),
    [
        (named(SHORT), True),
        (f"repositories/0123/{named(SHORT, 'feeds')}", True),
        (f"targets/{sha256(SHORT)}.directory", True),
        (f"targets/roots/{sha256(SHORT)}.4301.root.json", True),
        (f"targets/config/{sha256(SHORT)}.recipients.json", True),
        (f"targets/config/deeper/{sha256(SHORT)}.recipients.json", False),
        ("metadata/timestamp.json", False),
        ("metadata/1.root.json", False),
        (f"packs/{sharded(sha256(SHORT))}.pack", False),
    ],
)
def test_which_names_are_proofs(name: str, is_named: bool) -> None:
    assert (digest_in(name) == sha256(SHORT)) is is_named


def drain(stream: Iterator[bytes], got: list[bytes]) -> None:
    for block in stream:
        got.append(block)


class Hanging(Memory):
    """Gives its first block, and then waits for as long as it is let."""

    def __init__(self) -> None:
        super().__init__({})
        self.let = threading.Event()

    def read(self, name: str, *, limit: int) -> bytes:  # noqa: ARG002
        self.let.wait(30)
        return b""

    def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:  # noqa: ARG002
        yield b"first"
        self.let.wait(30)
        yield b"last"


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    made = Hanging()
    yield made
    made.let.set()


def test_who_hangs_is_given_up(hanging: Hanging) -> None:
    source = Deadline(hanging, ticks=time.monotonic, grace=0.05, least=10**9)
    with pytest.raises(TooSlow):
        source.read("x", limit=10)
    got: list[bytes] = []
    with pytest.raises(TooSlow):
        drain(source.stream("x", offset=0, length=9), got)
    assert got == [b"first"] or got == []


def test_a_fault_of_speed_ends_a_wary_source(hanging: Hanging) -> None:
    faults: list[KexiaError] = []
    slow = Deadline(hanging, ticks=time.monotonic, grace=0.05, least=10**9)
    source = Wary(slow, on_fault=faults.append)
    with pytest.raises(NoSource):
        source.read("metadata/timestamp.json", limit=10)
    assert [type(fault) for fault in faults] == [TooSlow]


def test_the_readers_own_pauses_do_not_count(memory: Memory) -> None:
    ticks = iter(range(0, 10**6, 1))
    source = Deadline(memory, ticks=lambda: float(next(ticks)) / 1e6, grace=5.0)
    got = b""
    for block in source.stream(named(LONG), offset=0, length=len(LONG)):
        got += block
    assert got == LONG


def test_leaving_a_stream_ends_the_reading(memory: Memory) -> None:
    meter = Meter(memory)
    source = Deadline(meter, ticks=time.monotonic)
    stream = source.stream(named(LONG), offset=0, length=len(LONG))
    next(stream)
    stream.close()  # type: ignore[attr-defined]  # a generator
    for thread in threading.enumerate():
        if thread.name == "deadline":
            thread.join(5)
            assert not thread.is_alive()
    assert meter.bytes < len(LONG)


def test_errors_pass_through(memory: Memory) -> None:
    source = Deadline(memory, ticks=time.monotonic)
    with pytest.raises(NotThere):
        source.read("none", limit=10)
    with pytest.raises(NotThere):
        list(source.stream("none", offset=0, length=10))


@pytest.fixture
def dripping() -> Iterator[str]:
    """A server that sends a byte of its headers now and then, and never comes to their end."""
    ended = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        line, _ = listening.accept()
        with line, contextlib.suppress(OSError):
            line.sendall(b"HTTP/1.1 200 OK\r\nX-Drip: ")
            while not ended.wait(0.05):
                line.sendall(b"a")

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    ended.set()
    thread.join(10)
    listening.close()


def test_headers_that_drip_end_it(dripping: str) -> None:
    """Each single read of the connection is answered in time, so its own limits never end."""
    plain = HttpTransport(dripping, web=Web(timeouts=Timeouts(connect=5, read=5), redirects=0))
    source = Wary(Deadline(plain, ticks=time.monotonic, grace=0.3))
    with pytest.raises(NoSource, match="too slowly"):
        source.read("metadata/timestamp.json", limit=1000)
    assert isinstance(source.fault, TooSlow)
