"""The only door to other programs (rsync, ffprobe, pdftoppm, browsers in tests go round it)."""

import os
import selectors
import shutil
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sync.errors import KexiaError, UsageError

#: Debian package that brings each program we call, for the hint when it is missing.
PACKAGES = {
    "apt-get": "apt",
    "apt-cache": "apt",
    "apt-config": "apt",
    "blkid": "util-linux",
    "dpkg-deb": "dpkg",
    "mount": "mount",
    "umount": "mount",
    "ffprobe": "ffmpeg",
    "pdftoppm": "poppler-utils",
    "openssl": "openssl",
    "pdfinfo": "poppler-utils",
    "rauc": "rauc",
    "rsync": "rsync",
    "ssh": "openssh-client",
}


class ProgramFailed(KexiaError):
    """A program ended with an error or took too long; the fact holds its last words."""


class TookTooLong(ProgramFailed):
    """A program did not end in time."""


Process = subprocess.Popen[bytes]
"""A program that runs beside us."""
_LEFT_BEHIND: list[Process] = []
"""Killed, and perhaps still held up by the kernel; each is taken leave of when it has ended."""


@dataclass(frozen=True, slots=True)
class Finished:
    """What a program left: its exit code and its two streams as bytes."""

    code: int
    stdout: bytes
    stderr: bytes


def run(
    arguments: Sequence[str | Path],
    *,
    timeout: float,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
    accept: tuple[int, ...] = (0,),
) -> Finished:
    """Run a program without a shell; raises UsageError if it is missing, ProgramFailed if it fails.

    ``timeout`` in seconds; ``environment`` replaces the inherited one when given.
    """
    program = str(arguments[0])
    path = shutil.which(program)
    if path is None:
        package = PACKAGES.get(program, program)
        raise UsageError(f"{program} is not installed", hint=f"apt install {package}")
    try:
        done = subprocess.run(  # noqa: S603 - a list, no shell; callers build it from checked parts
            [path, *map(str, arguments[1:])],
            input=stdin,
            capture_output=True,
            timeout=timeout,
            env=None if environment is None else dict(environment),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise TookTooLong(f"{program} took more than {timeout:.0f} s and was ended") from error
    if done.returncode not in accept:
        words = done.stderr.decode(errors="replace").strip().splitlines()[-1:] or ["no message"]
        raise ProgramFailed(f"{program} failed with exit code {done.returncode}: {words[0][:300]}")
    return Finished(done.returncode, done.stdout, done.stderr)


def attempt(
    arguments: Sequence[str | Path], *, timeout: float, environment: Mapping[str, str]
) -> Finished:
    """Run a program that the kernel itself may hold up (mount); whatever it ends with is told.

    After ``timeout`` seconds it is killed and left behind, because one that waits for a dead device
    cannot even be killed: then raises TookTooLong. Raises UsageError if it is missing.
    """
    program = str(arguments[0])
    path = shutil.which(program)
    if path is None:
        raise UsageError(
            f"{program} is not installed", hint=f"apt install {PACKAGES.get(program, program)}"
        )
    _LEFT_BEHIND[:] = [one for one in _LEFT_BEHIND if one.poll() is None]
    with tempfile.TemporaryFile() as words:
        process = subprocess.Popen(  # noqa: S603 - as above
            [path, *map(str, arguments[1:])],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=words,
            env=dict(environment),
        )
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            process.kill()
            _LEFT_BEHIND.append(process)
            raise TookTooLong(f"{program} took more than {timeout:.0f} s") from error
        words.seek(0)
        return Finished(code, b"", words.read(4096))


def start(arguments: Sequence[str | Path]) -> Process:
    """Start a program that goes on beside us, with our streams; the caller waits for it."""
    return subprocess.Popen([str(argument) for argument in arguments])  # noqa: S603 - as above


@dataclass(frozen=True, slots=True)
class Watching:
    """What is told of a program while it runs; neither may raise."""

    line: Callable[[str], None] = lambda _text: None
    """A line that it wrote, to whichever stream, without its end."""
    tick: Callable[[], None] = lambda: None
    """Twice a second, whether it wrote or not."""


@dataclass(frozen=True, slots=True)
class Streams:
    """Files that a program reads from and writes to; without them, nothing and what is told."""

    stdin: Path | None = None
    stdout: Path | None = None

    @contextmanager
    def opened(self) -> Iterator[tuple[BinaryIO, BinaryIO | None]]:
        """Both, as long as it takes to start the program."""
        with ExitStack() as stack:
            source = stack.enter_context(Path(self.stdin or os.devnull).open("rb"))
            if self.stdout is None:
                yield source, None
            else:
                yield source, stack.enter_context(self.stdout.open("wb"))


NO_STREAMS = Streams()
_TICK = 0.5
_LAST_WORDS = 12


def follow(
    arguments: Sequence[str | Path],
    *,
    timeout: float,
    environment: Mapping[str, str],
    watching: Watching,
    streams: Streams = NO_STREAMS,
    folder: Path | None = None,
) -> None:
    """Run a program of minutes in ``folder``, and hear what it says.

    Raises UsageError if it is missing, TookTooLong after ``timeout`` seconds, ProgramFailed with
    its last words if it fails. However this ends, the program has ended.
    """
    program = str(arguments[0])
    path = shutil.which(program, path=environment.get("PATH"))
    if path is None:
        package = PACKAGES.get(program, program)
        raise UsageError(f"{program} is not installed", hint=f"apt install {package}")
    with streams.opened() as (source, sink):
        process = subprocess.Popen(  # noqa: S603 - as above
            [path, *map(str, arguments[1:])],
            stdin=source,
            stdout=subprocess.PIPE if sink is None else sink,
            stderr=subprocess.STDOUT if sink is None else subprocess.PIPE,
            env=dict(environment),
            cwd=folder,
        )
    words: deque[str] = deque(maxlen=_LAST_WORDS)
    try:
        _listen(process, watching, words, time.monotonic() + timeout)
        code = process.wait(timeout=60)
    except subprocess.TimeoutExpired as error:
        raise TookTooLong(f"{program} took more than {timeout:.0f} s and was ended") from error
    finally:
        _end(process)
    if code != 0:
        said = "; ".join(words)[-900:] or "no message"
        raise ProgramFailed(f"{program} failed with exit code {code}: {said}")


def _listen(process: Process, watching: Watching, words: deque[str], until: float) -> None:
    rest = b""
    for block in _blocks(process, watching.tick, until):
        *lines, rest = (rest + block).replace(b"\r", b"\n").split(b"\n")
        rest = rest[-(1 << 16) :]
        for line in [*lines, rest] if not block else lines:
            if text := line.decode(errors="replace").strip():
                words.append(text)
                watching.line(text)


def _blocks(process: Process, tick: Callable[[], None], until: float) -> Iterator[bytes]:
    """What it writes, to the empty block at the end; ``tick`` is called meanwhile."""
    pipe = process.stdout or process.stderr
    if pipe is None:
        return
    block, next_tick = b"-", 0.0
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while block:
            now = time.monotonic()
            if now > until:
                raise subprocess.TimeoutExpired(process.args, 0)
            if now >= next_tick:
                tick()
                next_tick = now + _TICK
            if selector.select(_TICK):
                block = os.read(pipe.fileno(), 1 << 16)
                yield block


def _end(process: Process) -> None:
    """Ask it to end (mmdebstrap then takes its mounts away), and make it."""
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
