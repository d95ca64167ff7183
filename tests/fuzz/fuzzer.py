"""A small fuzzer for readers: it changes good files in the ways that break readers, and counts.

Seeded, so that a run can be repeated; aware of what is around a format (a frame, a length), so that
changes reach what lies within. Work is counted in calls of functions, memory by ``tracemalloc``:
a slow machine changes nothing.
"""

import sys
import tracemalloc
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import FrameType
from typing import Any

from sync.digest import sha256
from sync.errors import TrustRefused

CORPUS = Path(__file__).with_name("corpus")
LENGTHS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 2**31 - 1, 2**32 - 1, 2**63 - 1)
WORDS = (
    b"", b"\0", b"\xff" * 4, b"\x80" * 9, b"\xff" * 8 + b"\x7f", b"\n", b"/", b"../", b" ", b'"',
    b"{", b"[[", b"}", b"-1", b"9223372036854775808", b"1e999", b"\\u0000", b"null",
    b"\xf0\x9f\x8e\xb5", b"\xed\xa0\x80", b"[" * 5000,
)  # fmt: skip


class TooMuchWork(BaseException):
    """Not an Exception: nothing may swallow it."""


@dataclass(frozen=True)
class Target:
    """One reader: ``parse`` reads what ``wrap`` makes of a changed seed."""

    name: str
    seeds: tuple[bytes, ...]
    parse: Callable[[bytes], object]
    wrap: Callable[[bytes], bytes] = bytes
    memory: int = 2**20
    """Most bytes a small input may cost."""
    refusal: type[Exception] = TrustRefused


@dataclass
class Tally:
    """What a run came across."""

    read: int = 0
    refused: int = 0


def mutate(rng: Random, seeds: Sequence[bytes]) -> bytes:
    """One good file, changed in one to four places."""
    data = rng.choice(seeds)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        data = rng.choice(_CHANGES)(rng, data, rng.choice(seeds))
    return data[: 2**20]


def _flip(rng: Random, data: bytes, _other: bytes) -> bytes:
    if not data:
        return b"\0"
    changed = bytearray(data)
    changed[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _set(rng: Random, data: bytes, _other: bytes) -> bytes:
    at = rng.randint(0, len(data))
    return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]


def _word(rng: Random, data: bytes, _other: bytes) -> bytes:
    at, word = rng.randint(0, len(data)), rng.choice(WORDS)
    return data[:at] + word + data[at + rng.choice([0, 1, len(word)]) :]


def _number(rng: Random, data: bytes, _other: bytes) -> bytes:
    at, size = rng.randint(0, len(data)), rng.choice([1, 2, 4, 8])
    value = rng.choice(LENGTHS) & (1 << 8 * size) - 1
    return data[:at] + value.to_bytes(size, "little") + data[at + size :]


def _cut(rng: Random, data: bytes, _other: bytes) -> bytes:
    return data[: rng.randint(0, len(data))]


def _drop(rng: Random, data: bytes, _other: bytes) -> bytes:
    at = rng.randint(0, len(data))
    return data[:at] + data[at + rng.choice([1, 2, 8, 40, 80]) :]


def _double(rng: Random, data: bytes, _other: bytes) -> bytes:
    start = rng.randint(0, len(data))
    piece = data[start : start + rng.choice([1, 8, 40, 80, len(data)])]
    return data[:start] + piece * rng.choice([2, 2, 3, 50]) + data[start + len(piece) :]


def _splice(rng: Random, data: bytes, other: bytes) -> bytes:
    return data[: rng.randint(0, len(data))] + other[rng.randint(0, len(other)) :]


_CHANGES = (_flip, _set, _word, _number, _cut, _drop, _double, _splice)


def try_one(target: Target, data: bytes) -> bool:
    """True if it was read, False if refused as it should be; anything else is a fault.

    Raises AssertionError for too much memory, TooMuchWork, or whatever the reader lets out.
    """
    limit = 20_000 + 400 * len(data)
    given = target.wrap(data)
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    try:
        _counted(lambda: target.parse(given), limit)
        read = True
    except target.refusal:
        read = False
    peak = tracemalloc.get_traced_memory()[1] - before
    allowed = target.memory + 60 * (len(data) + len(given))
    assert peak <= allowed, f"{target.name}: {peak} bytes of memory for {len(data)} of input"
    return read


def _counted(action: Callable[[], object], limit: int) -> None:
    calls = 0

    def count(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")
        if calls > limit:
            raise TooMuchWork(f"more than {limit} calls")

    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(None)


def run(target: Target, inputs: Iterable[bytes]) -> Tally:
    """Try all; what fails is kept in the corpus, named by target and digest."""
    tally = Tally()
    tracemalloc.start()
    try:
        for data in inputs:
            try:
                if try_one(target, data):
                    tally.read += 1
                else:
                    tally.refused += 1
            except BaseException as error:
                path = CORPUS / f"{target.name}-{sha256(data)[:16]}"
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(data)
                raise AssertionError(f"{target.name}: {error!r}; input kept as {path}") from error
    finally:
        tracemalloc.stop()
    return tally


def kept(target: Target) -> list[bytes]:
    """Inputs that once failed."""
    return [path.read_bytes() for path in sorted(CORPUS.glob(f"{target.name}-*"))]
