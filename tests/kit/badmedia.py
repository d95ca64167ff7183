"""A medium that misbehaves as cards do, as a disk for QEMU and as a loop device of this machine.

It is served over NBD on a Unix socket. QEMU takes that as the content of a USB stick;
qemu-storage-daemon makes a file of it (FUSE), and the kernel a loop device of the file: a real
block device whose reads and writes end up here.

with Served(Bad(size=64 * MIB, real=40 * MIB)) as served, loop_of(served) as node: ...
"""

import errno
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Self

MIB = 2**20
PAGE = 4096
_PATIENCE = 60.0
_NO_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


class Lie(Enum):
    """What becomes of bytes behind the real end of a medium that claims more."""

    WRAPS = "addresses begin again at the real end"
    DROPS = "writes are lost, zeros are read"
    KEEPS_LAST = "writes are lost, the last bytes written are read"


@dataclass
class Bad:
    """Content and conduct; without any option, a good medium."""

    size: int
    """Bytes it claims."""
    real: int = 0
    """Bytes it has; 0: all it claims."""
    lie: Lie = Lie.WRAPS
    fails_writes_at: int = -1
    """A byte that cannot be written; -1: none."""
    fails_reads_at: int = -1
    """A byte that cannot be read; -1: none."""
    flips_at: int = -1
    """A byte that is read otherwise than written, as worn-out flash does; -1: none."""
    dies_after: int = 0
    """Bytes written until every request fails, as if pulled out; 0: never."""
    pages: dict[int, bytes] = field(default_factory=dict)
    written: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, offset: int, size: int) -> bytes:
        self._check_alive()
        if offset <= self.fails_reads_at < offset + size:
            raise OSError(errno.EIO, "unreadable")
        data = bytearray(b"".join(self._page(at)[a:b] for at, a, b in _spans(offset, size)))
        if offset <= self.flips_at < offset + size:
            data[self.flips_at - offset] ^= 1
        return bytes(data)

    def write(self, offset: int, data: bytes) -> None:
        self._check_alive()
        if offset <= self.fails_writes_at < offset + len(data):
            raise OSError(errno.EIO, "unwritable")
        self.written += len(data)
        done = 0
        for at, start, end in _spans(offset, len(data)):
            part = data[done : done + end - start]
            done += end - start
            self._store(at, start, part)

    def content(self) -> bytes:
        """All it holds, without its misconduct, dead or alive."""
        return b"".join(self._page(at)[a:b] for at, a, b in _spans(0, self.size))

    def fill(self, data: bytes) -> None:
        """What was on it before."""
        for at in range(0, self.size, PAGE):
            self._store(at, 0, (data * (PAGE // len(data) + 1))[:PAGE])

    def _check_alive(self) -> None:
        if self.dies_after and self.written >= self.dies_after:
            raise OSError(errno.EIO, "gone")

    def _place(self, at: int) -> int | None:
        if not self.real or at < self.real:
            return at
        if self.lie is Lie.WRAPS:
            return at % self.real
        return None if self.lie is Lie.DROPS else self.real - PAGE

    def _page(self, at: int) -> bytes:
        place = self._place(at)
        return self.pages.get(place, bytes(PAGE)) if place is not None else bytes(PAGE)

    def _store(self, at: int, start: int, part: bytes) -> None:
        place = self._place(at)
        if place is not None:
            page = self.pages.get(place, bytes(PAGE))
            made = page[:start] + part + page[start + len(part) :]
            if any(made):
                self.pages[place] = made
            else:
                self.pages.pop(place, None)


def _spans(offset: int, size: int) -> Iterator[tuple[int, int, int]]:
    """Pages of ``size`` bytes at ``offset``: where each begins, from and to where in it."""
    end = offset + size
    while offset < end:
        at = offset // PAGE * PAGE
        stop = min(end, at + PAGE)
        yield at, offset - at, stop - at
        offset = stop


class Served:
    """A medium on an NBD socket (the public protocol, fixed newstyle)."""

    def __init__(self, medium: Bad) -> None:
        self.medium = medium
        self._folder = tempfile.TemporaryDirectory()
        self.path = Path(self._folder.name, "nbd.sock")
        self._listening = socket.socket(socket.AF_UNIX)

    def __enter__(self) -> Self:
        self._listening.bind(str(self.path))
        self._listening.listen(4)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        self._listening.close()
        self._folder.cleanup()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=[connection], daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection:
            try:
                if self._greet(connection):
                    while self._answer(connection):
                        pass
            except (ConnectionError, OSError):
                return

    def _greet(self, connection: socket.socket) -> bool:
        connection.sendall(struct.pack(">QQH", 0x4E42444D41474943, 0x49484156454F5054, 3))
        _take(connection, 4)
        while True:
            _, option, length = struct.unpack(">QII", _take(connection, 16))
            _take(connection, length)
            flags = 1 | 4  # has flags, takes flushes
            if option == 1:  # NBD_OPT_EXPORT_NAME
                connection.sendall(struct.pack(">QH", self.medium.size, flags))
                return True
            if option in (6, 7):  # NBD_OPT_INFO, NBD_OPT_GO
                info = struct.pack(">HQH", 0, self.medium.size, flags)
                sizes = struct.pack(">HIII", 3, 512, 4096, 32 * MIB)
                for kind, body in ((3, info), (3, sizes), (1, b"")):
                    connection.sendall(_reply(option, kind, body))
                if option == 7:
                    return True
            elif option == 2:  # NBD_OPT_ABORT
                connection.sendall(_reply(option, 1, b""))
                return False
            else:
                connection.sendall(_reply(option, 0x80000001, b""))

    def _answer(self, connection: socket.socket) -> bool:
        _, _, kind, handle, offset, size = struct.unpack(">IHHQQI", _take(connection, 28))
        body = _take(connection, size) if kind == 1 else b""
        fault, answer = 0, b""
        try:
            with self.medium.lock:
                if kind == 0:
                    answer = self.medium.read(offset, size)
                elif kind == 1:
                    self.medium.write(offset, body)
                elif kind == 2:
                    return False
        except OSError as error:
            fault = error.errno or errno.EIO
        connection.sendall(struct.pack(">IIQ", 0x67446698, fault, handle) + answer)
        return True


def _reply(option: int, kind: int, body: bytes) -> bytes:
    return struct.pack(">QIII", 0x3E889045565A9, option, kind, len(body)) + body


def _take(connection: socket.socket, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        part = connection.recv(size - len(found))
        if not part:
            raise ConnectionError
        found += part
    return bytes(found)


def why_no_loops() -> str:
    """Why no loop device can be made here; empty if one can."""
    if os.geteuid() != 0:
        return "loop devices need root"
    if not Path("/dev/loop-control").exists():
        return "this kernel has no loop devices"
    return ""


def why_no_bad_loops() -> str:
    """Why no misbehaving one can be made here; empty if one can."""
    if reason := why_no_loops():
        return reason
    if not Path("/dev/fuse").exists():
        return "this kernel has no FUSE"
    missing = [one for one in ("qemu-storage-daemon",) if shutil.which(one, path=_NO_PATH) is None]
    return (
        f"not installed: {', '.join(missing)} (apt install qemu-system-common)" if missing else ""
    )


@contextmanager
def loop_of(served: Served) -> Iterator[Path]:
    """A loop device over what is ``served``."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "medium")
        file.touch()
        node = {
            "driver": "raw",
            "node-name": "medium",
            "file": {"driver": "nbd", "server": {"type": "unix", "path": str(served.path)}},
        }
        export = f"fuse,id=e,node-name=medium,mountpoint={file},writable=on"
        command = ["qemu-storage-daemon", "--blockdev", json.dumps(node), "--export", export]
        daemon = subprocess.Popen(command, stderr=subprocess.PIPE)
        try:
            _wait_for(lambda: file.stat().st_size == served.medium.size, daemon)
            with loop(file) as device:
                yield device
        finally:
            daemon.terminate()
            daemon.communicate()


@contextmanager
def loop(file: Path) -> Iterator[Path]:
    """A loop device over a file; reads and writes go past the page cache of the file."""
    node = _call("losetup", "--find", "--show", "--direct-io=on", str(file))
    _call("blockdev", "--setrw", node)  # what an earlier user of this number set stays set
    try:
        yield Path(node)
    finally:
        _call("losetup", "--detach", node)


def _call(*command: str) -> str:
    environment = {**os.environ, "PATH": _NO_PATH}
    done = subprocess.run(command, capture_output=True, check=False, env=environment)
    assert done.returncode == 0, f"{command}: {done.stderr.decode()}"
    return done.stdout.decode().strip()


def _wait_for(holds: "object", daemon: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + _PATIENCE
    while not holds():  # type: ignore[operator]
        assert daemon.poll() is None, daemon.communicate()[1].decode()
        assert time.monotonic() < deadline, "the medium does not appear"
        time.sleep(0.05)
