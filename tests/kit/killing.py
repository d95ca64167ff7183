"""Kill -9 at any moment: runs a function in a process of its own and ends it without warning.

Processes are forked from a server that has imported everything already, so that the moment of the
kill falls into the work and not into the start of an interpreter.
"""

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from random import Random

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["appliance.box.works", "tests.kit.province"])


class Ended(Enum):
    """How a run ended."""

    BY_ITSELF = "by itself"
    KILLED = "killed"


@dataclass
class Killer:
    """Draws the moments; the same seed draws the same."""

    rng: Random
    kills: int = 0

    def measure(self, work: Callable[..., None], *arguments: object) -> float:
        """Seconds an undisturbed run takes; the run must succeed."""
        process = _start(work, arguments)
        began = time.monotonic()
        process.join()
        assert process.exitcode == 0, f"{work.__name__} failed by itself"
        return time.monotonic() - began

    def strike(self, seconds: float, work: Callable[..., None], *arguments: object) -> Ended:
        """Run ``work`` and kill it at a moment drawn from 0 to ``seconds``."""
        process = _start(work, arguments)
        process.join(self.rng.uniform(0, seconds))
        if process.exitcode is not None:
            assert process.exitcode == 0, f"{work.__name__} failed by itself"
            return Ended.BY_ITSELF
        process.kill()
        process.join()
        self.kills += 1
        return Ended.KILLED


def _start(
    work: Callable[..., None], arguments: tuple[object, ...]
) -> multiprocessing.context.ForkServerProcess:
    process = _CONTEXT.Process(target=work, args=arguments)
    process.start()
    return process
