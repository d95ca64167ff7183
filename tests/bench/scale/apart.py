"""Work in a process of its own, so that its CPU and memory are known as its own."""

import json
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from sync.run import run

KEXIA = Path(sys.executable).with_name("kexia")
HOURS = 12 * 3600.0


@dataclass(frozen=True, slots=True)
class Ran:
    """One command that ended well."""

    told: dict[str, Any]
    cpu: float
    """Seconds, user and system, of the command and its children."""
    peak: float
    """MB resident at the most."""


class CommandFailed(Exception):
    """A command ended with an error; the text is all it said."""


def kexia(*words: str | Path) -> Ran:
    """Run one command of ours; raises CommandFailed."""
    said, cpu, peak = apart(_command, tuple(map(str, words)))
    if isinstance(said, str):
        raise CommandFailed(said)
    return Ran(said, cpu, peak)


def _command(words: tuple[str, ...]) -> tuple[dict[str, Any] | str, float, float]:
    done = run([KEXIA, *words, "--json"], timeout=HOURS, accept=tuple(range(256)))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.code:
        text = (done.stdout + done.stderr).decode(errors="replace")[-3000:]
        return f"{words[:2]} ended with {done.code}: {text}", 0.0, 0.0
    value: dict[str, Any] = json.loads(done.stdout.decode().strip().splitlines()[-1])
    return value, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def apart(work: Callable[..., Any], *arguments: object) -> Any:
    """What ``work`` returns, in a new process; raises EOFError if it ends without."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(theirs, work, arguments))
    process.start()
    theirs.close()
    value = ours.recv()
    process.join()
    return value


def _run(pipe: Connection, work: Callable[..., Any], arguments: tuple[object, ...]) -> None:
    pipe.send(work(*arguments))
