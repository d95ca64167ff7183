"""The update socket, both ends: JSON lines over a Unix socket in the box's folder.

A client sends one line, ``{"command": "sync", …}``; the update process answers with any number of
``{"event": "progress", …}`` lines and ends with ``{"event": "done", "result": {…}}`` or
``{"event": "failed", "error": …, "hint": …, "exit_code": n}``. Only who may open the socket (the
box's own user) speaks on it; lines are bounded all the same.
"""

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from appliance.config import BoxPaths
from sync.errors import Incomplete, KexiaError, NoSource, UsageError
from sync.files import make_folder
from sync.progress import Progress

MAX_REQUEST = 64 * 1024
MAX_ANSWER = 8 * 2**20
"""Longest line either side reads, in bytes (a plan of many collections is the longest)."""
MAX_CLIENTS = 32
"""More than sticks are attended at once (16), each of which may wait here: a person gets in too."""
_REQUEST_SECONDS = 10.0
"""How long a client may take to say what it wants."""

_TELL_SECONDS = 0.2

Event = dict[str, object]
Handler = Callable[[Mapping[str, object], Progress], Event]
"""Does what one request asks and returns its result; raises KexiaError."""


class NotRunning(NoSource):
    """No update process listens on this box."""


class Refused(KexiaError):
    """The update process ended the request with an error; it carries that error's exit code."""

    def __init__(self, fact: str, *, hint: str, exit_code: int) -> None:
        super().__init__(fact, hint=hint)
        self.exit_code = exit_code


def request(
    paths: BoxPaths, message: Mapping[str, object], *, seconds: float | None = None
) -> Iterator[Event]:
    """Ask the update process; yields its progress events, then the ``done`` event, once.

    ``seconds``: how long it may be silent; None: as long as its work takes. Raises NotRunning when
    nobody listens, Refused with the other side's error, and Incomplete when the update process
    ends before it answered, or was silent for too long.
    """
    with _connect(paths, seconds) as connection:
        try:
            yield from _converse(connection, message)
        except OSError as error:
            raise cut_off() from error


def _converse(connection: socket.socket, message: Mapping[str, object]) -> Iterator[Event]:
    with connection.makefile("rwb") as stream:
        stream.write(line_of(message))
        stream.flush()
        while line := stream.readline(MAX_ANSWER):
            event = event_of(line, limit=MAX_ANSWER)
            if event.get("event") == "failed":
                raise refused(event)
            yield event
            if event.get("event") == "done":
                return
    raise cut_off()


def cut_off() -> Incomplete:
    """The other side ended in the middle."""
    return Incomplete(
        "the update process ended before it had answered",
        hint="what was done is kept; run the same command again",
    )


def ask(
    paths: BoxPaths,
    message: Mapping[str, object],
    progress: Progress,
    *,
    seconds: float | None = None,
) -> Event:
    """Ask, show its progress in ``progress``, return the result. Raises as ``request`` does."""
    result: object = {}
    for event in request(paths, message, seconds=seconds):
        if event.get("event") == "progress":
            _show(event, progress)
        else:
            result = event.get("result")
    return dict(result) if isinstance(result, dict) else {}


class Server:
    """Listens on the update socket; each client has a thread of its own."""

    def __init__(self, paths: BoxPaths, handler: Handler) -> None:
        self._paths = paths
        self._handler = handler
        self._places = threading.BoundedSemaphore(MAX_CLIENTS)
        self._socket: socket.socket | None = None

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen until the block ends. Only who holds the lease may: an old socket is removed."""
        make_folder(self._paths.run)
        self._paths.socket.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            with short_name(self._paths.run) as folder:
                listener.bind(f"{folder}/{self._paths.socket.name}")
            self._paths.socket.chmod(0o660)
            listener.listen(MAX_CLIENTS)
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
            try:
                yield
            finally:
                self._paths.socket.unlink(missing_ok=True)
                with suppress(OSError):
                    listener.shutdown(socket.SHUT_RDWR)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return  # shut down
            if self._places.acquire(blocking=False):
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()
            else:
                connection.close()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection, suppress(OSError):  # a client that left is no fault
                connection.settimeout(_REQUEST_SECONDS)
                _Conversation(connection, self._handler).hold()
        finally:
            self._places.release()


class _Conversation:
    """One client: its request, our events; it is also the progress of the work it asked for."""

    def __init__(
        self,
        connection: socket.socket,
        handler: Handler,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._handler = handler
        self._gone = False
        self._clock = clock
        self._moved, self._said = 0, clock()

    def hold(self) -> None:
        with self._connection.makefile("rb") as stream:
            line = stream.readline(MAX_REQUEST)
        try:
            message = event_of(line, limit=MAX_REQUEST)
            result = self._handler(message, self)
        except KexiaError as error:
            self._say(
                {
                    "event": "failed",
                    "error": error.fact,
                    "hint": error.hint,
                    "exit_code": error.exit_code,
                }
            )
        else:
            self._tell_moved()
            self._say({"event": "done", "result": result})

    def step(self, name: str, *, total: int = 0, unit: str = "B") -> None:
        """Tell the client that a step begins."""
        self._tell_moved()
        self._say({"event": "progress", "step": name, "total": total, "unit": unit})

    def advance(self, count: int) -> None:
        """Tell the client how far the step is, a few times a second."""
        self._moved += count
        if self._clock() - self._said >= _TELL_SECONDS:
            self._tell_moved()

    def _tell_moved(self) -> None:
        if self._moved:
            self._say({"event": "progress", "advance": self._moved})
        self._moved, self._said = 0, self._clock()

    def _say(self, event: Event) -> None:
        if self._gone:
            return  # the work goes on for the box, whoever asked for it
        try:
            self._connection.sendall(line_of(event))
        except OSError:
            self._gone = True


def _show(event: Event, progress: Progress) -> None:
    step, advance, total = event.get("step"), event.get("advance"), event.get("total")
    if isinstance(step, str):
        progress.step(
            step, total=total if isinstance(total, int) else 0, unit=str(event.get("unit", "B"))
        )
    elif isinstance(advance, int):
        progress.advance(advance)


def refused(event: Event) -> Refused:
    """The error of a ``failed`` event."""
    code = event.get("exit_code")
    return Refused(
        str(event.get("error", "refused")),
        hint=str(event.get("hint", "")),
        exit_code=code if isinstance(code, int) else KexiaError.exit_code,
    )


def line_of(message: Mapping[str, object]) -> bytes:
    """A message as it goes over the socket."""
    return json.dumps(message, ensure_ascii=False).encode() + b"\n"


def event_of(line: bytes, *, limit: int) -> Event:
    """A line from the socket; raises UsageError for what is none."""
    if len(line) >= limit or not line.endswith(b"\n"):
        raise UsageError(f"a line on the update socket is cut or longer than {limit} bytes")
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"a line on the update socket is no JSON ({error})") from error
    if not isinstance(value, dict):
        raise UsageError("a line on the update socket is no JSON object")
    return value


@contextmanager
def _connect(paths: BoxPaths, seconds: float | None = None) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(seconds)
        try:
            with short_name(paths.run) as folder:
                connection.connect(f"{folder}/{paths.socket.name}")
        except OSError as error:
            raise not_running(paths) from error
        yield connection


def not_running(paths: BoxPaths) -> NotRunning:
    """Nobody listens."""
    return NotRunning(
        f"no update process runs for {paths.root}", hint="start it with: kexia box run BOX"
    )


@contextmanager
def short_name(folder: Path) -> Iterator[str]:
    """A short name of ``folder``: a socket's address holds 107 bytes, a path may be longer."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
