"""What every command shares: progress on a terminal, JSON for scripts, one line for an error."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, NoReturn, TextIO

import typer

from sync.errors import InputRefused, KexiaError
from sync.progress import Progress, Silent

Json = Annotated[
    bool,
    typer.Option("--json", help="One JSON object at the end; progress as JSON lines on stderr"),
]

EXIT_CODES = """
Exit codes: 0 done · 1 fault of ours · 2 wrong usage · 3 input refused · 4 no source reachable ·
5 trust refused · 6 no room · 7 someone else holds the lease · 8 a medium is failing ·
9 incomplete, continues later · 130 interrupted.
"""


def say(text: str) -> None:
    """A line for a person."""
    sys.stdout.write(text + "\n")


def result(value: dict[str, object], *, as_json: bool, text: Callable[[], str]) -> None:
    """End a command: the object for a script or the text for a person."""
    say(json.dumps(value, ensure_ascii=False) if as_json else text())


def fail(error: KexiaError, *, as_json: bool) -> NoReturn:
    """End a command with the error's fact, hint and exit code."""
    if as_json:
        value: dict[str, object] = {
            "error": error.fact,
            "hint": error.hint,
            "exit_code": error.exit_code,
        }
        if isinstance(error, InputRefused):
            value["faults"] = [
                {"where": fault.where, "what": fault.what, "cure": fault.cure}
                for fault in error.faults
            ]
        say(json.dumps(value, ensure_ascii=False))
    else:
        lines = [f"kexia: {error.fact}"]
        if isinstance(error, InputRefused):
            lines += [f"  {fault}" for fault in error.faults]
        if error.hint:
            lines.append(f"  → {error.hint}")
        sys.stderr.write("\n".join(lines) + "\n")
    raise SystemExit(error.exit_code)


def progress(*, as_json: bool) -> Progress:
    """JSON lines for a script, a moving line on a terminal, nothing in a pipe."""
    if as_json:
        return JsonProgress(sys.stderr)
    return TerminalProgress(sys.stderr) if sys.stderr.isatty() else Silent()


@contextmanager
def showing(*, as_json: bool) -> Iterator[Progress]:
    """``progress`` for one piece of work; ends its line, however the work ends."""
    shown = progress(as_json=as_json)
    try:
        yield shown
    finally:
        if isinstance(shown, TerminalProgress):
            shown.close()


@dataclass
class _Step:
    name: str
    total: int
    unit: str
    began: float
    done: int = 0
    shown: float = 0.0


class TerminalProgress:
    """One line that moves: step, bytes, rate, time left."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._step: _Step | None = None

    def step(self, name: str, *, total: int = 0, unit: str = "B") -> None:
        """Begin a new line."""
        self._end_line()
        self._step = _Step(name, total, unit, self._clock())
        self._show()

    def advance(self, count: int) -> None:
        """Move the line, at most ten times a second."""
        if self._step is None:
            return
        self._step.done += count
        if self._clock() - self._step.shown >= 0.1:
            self._show()

    def close(self) -> None:
        """End the last line."""
        self._end_line()

    def _end_line(self) -> None:
        if self._step is not None:
            self._show()
            self._stream.write("\n")
            self._step = None

    def _show(self) -> None:
        if self._step is None:
            return
        self._step.shown = self._clock()
        self._stream.write("\r\x1b[K" + describe(self._step.name, _measure(self._step)))
        self._stream.flush()


class JsonProgress:
    """A JSON line per step and per second."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream
        self._clock = clock
        self._step: _Step | None = None

    def step(self, name: str, *, total: int = 0, unit: str = "B") -> None:
        """Say that a step begins."""
        self._step = _Step(name, total, unit, self._clock())
        self._say()

    def advance(self, count: int) -> None:
        """Say how far it is, at most once a second."""
        if self._step is None:
            return
        self._step.done += count
        if self._clock() - self._step.shown >= 1:
            self._say()

    def _say(self) -> None:
        if self._step is not None:
            self._step.shown = self._clock()
            line = {
                "step": self._step.name,
                "done": self._step.done,
                "total": self._step.total,
                "unit": self._step.unit,
            }
            self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._stream.flush()


@dataclass(frozen=True)
class _Measure:
    done: int
    total: int
    unit: str
    seconds: float


def _measure(step: _Step) -> _Measure:
    return _Measure(step.done, step.total, step.unit, step.shown - step.began)


def describe(name: str, measure: _Measure) -> str:
    """``fetch  12.3 of 40.0 MB  1.2 MB/s  23 s left``."""
    if measure.unit != "B":
        total = f" of {measure.total}" if measure.total else ""
        return f"{name}  {measure.done}{total} {measure.unit}{_left(measure)}"
    parts = [name, size(measure.done)]
    if measure.total:
        parts[-1] += f" of {size(measure.total)}"
    if measure.seconds > 0.5 and measure.done:
        rate = measure.done / measure.seconds
        parts.append(f"{size(int(rate))}/s")
    return "  ".join(parts) + _left(measure)


def _left(measure: _Measure) -> str:
    """``  23 s left``, where it can be told."""
    if measure.seconds <= 0.5 or not 0 < measure.done < measure.total:
        return ""
    return f"  {(measure.total - measure.done) * measure.seconds / measure.done:.0f} s left"


def size(count: int) -> str:
    """Bytes for people: ``982 B``, ``12.3 MB``."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"
