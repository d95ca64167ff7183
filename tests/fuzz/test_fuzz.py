"""No reader crashes, hangs or takes more memory than it may, whatever it is given."""

import os
import tracemalloc
from collections.abc import Iterator
from random import Random
from time import process_time

import pytest

from tests.fuzz.fuzzer import Tally, Target, TooMuchWork, kept, mutate, run, try_one
from tests.fuzz.targets import TARGETS

SECONDS = int(os.environ.get("KEXIA_FUZZ_SECONDS", "3600"))
"""CPU seconds of the long run, all readers together."""
QUICK = 150
"""Inputs for each reader in the short run."""
by_name = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)


@by_name
def test_good_files_are_read(target: Target) -> None:
    tally = run(target, target.seeds)
    assert tally == Tally(read=len(target.seeds), refused=0)


@by_name
def test_inputs_that_once_failed(target: Target) -> None:
    run(target, kept(target))


@by_name
def test_a_short_run(target: Target) -> None:
    rng = Random(target.name)
    tally = run(target, (mutate(rng, target.seeds) for _ in range(QUICK)))
    assert tally.read + tally.refused == QUICK


@by_name
@pytest.mark.slow
@pytest.mark.timeout(0)
def test_a_long_run(target: Target) -> None:
    seed = int.from_bytes(os.urandom(8))
    print(f"{target.name}: seed {seed}")  # noqa: T201 - to repeat a run that failed
    run(target, for_a_while(Random(seed), target, SECONDS / len(TARGETS)))


def for_a_while(rng: Random, target: Target, seconds: float) -> Iterator[bytes]:
    """Changed files, and changes of those changes, until so much CPU time is spent."""
    end = process_time() + seconds
    seeds = [*target.seeds, *kept(target)]
    while process_time() < end:
        found = mutate(rng, seeds)
        yield found
        if rng.random() < 0.01 and len(seeds) < 500:
            seeds.append(found[:20_000])


def tried(target: Target, data: bytes) -> bool:
    tracemalloc.start()
    try:
        return try_one(target, data)
    finally:
        tracemalloc.stop()


def test_the_fuzzer_notices_what_it_is_for() -> None:
    hungry = Target("x", (b"",), lambda _: bytes(2**23))
    with pytest.raises(AssertionError, match="bytes of memory"):
        tried(hungry, b"")

    def spin(data: bytes) -> None:
        for _ in range(10**6):
            len(data)

    with pytest.raises(TooMuchWork):
        tried(Target("x", (b"",), spin), b"")
    with pytest.raises(ZeroDivisionError):
        tried(Target("x", (b"",), lambda data: 1 // len(data)), b"")
