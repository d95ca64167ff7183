"""A machine under QEMU: booted from our disks, its slots for sticks driven over QMP.

Its processor is translated, so that it runs anywhere and everywhere alike.

with Machine(disks, folder) as machine:
    machine.plug("s1", image)           # device_add usb-storage
    machine.unplug("s1")                # device_del
"""

import json
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.vm.rootfs import Disks

FASTER = "nowatchdog cryptomgr.notests mitigations=off"
"""Nothing that a test is about; the translator takes seconds for each."""
APPEND = "root=/dev/vda rw init=/usr/sbin/kexia-guest console=ttyS0 quiet panic=-1"


class Machine:
    """Runs as long as the block; nothing it writes outlives it, but for what is on the sticks."""

    def __init__(self, disks: Disks, folder: Path, *, mib: int = 1024) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._port, self._control = folder / "port.sock", folder / "qmp.sock"
        self.serial = folder / "serial.log"
        system = f"if=none,id=system,format=raw,snapshot=on,file={disks.system}"
        code = f"if=none,id=code,format=raw,readonly=on,file={disks.code}"
        self._command = [
            *("qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi"),
            *("-cpu", "max"),
            *("-m", str(mib), "-smp", "2", "-display", "none", "-nodefaults", "-no-reboot"),
            *(
                "-kernel",
                str(disks.kernel),
                "-initrd",
                str(disks.initrd),
                "-append",
                f"{APPEND} {FASTER}",
            ),
            *("-drive", system, "-device", "virtio-blk-pci,drive=system"),
            *("-drive", code, "-device", "virtio-blk-pci,drive=code"),
            *("-device", "virtio-rng-pci", "-device", "qemu-xhci,id=usb,p2=8,p3=8"),
            *("-device", "virtio-serial-pci", "-device", "virtserialport,chardev=port,name=kexia"),
            *("-chardev", f"socket,id=port,path={self._port},server=on,wait=off"),
            *("-serial", f"file:{self.serial}"),
            *("-qmp", f"unix:{self._control},server=on,wait=off"),
        ]

    def __enter__(self) -> Self:
        with (self.folder / "qemu.log").open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        try:
            self._qmp = _Lines(self._connect(self._control))
            self._qmp.read(60)
            self.ask("qmp_capabilities")
            self.port = _Lines(self._connect(self._port))
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        for lines in (self._qmp, self.port):
            lines.close()
        self._end()

    def plug(
        self, name: str, image: Path, *, read_only: bool = False, bad: Sequence[int] = ()
    ) -> None:
        """A stick with this image, in a free slot; sectors ``bad`` of 512 bytes cannot be read."""
        file: dict[str, Any]
        file = {"driver": "file", "filename": str(image), "read-only": read_only}
        if bad:
            errors = [{"event": "read_aio", "errno": 5, "sector": one} for one in bad]
            file = {"driver": "blkdebug", "image": file, "inject-error": errors}
        node = {"driver": "raw", "node-name": name, "file": file, "read-only": read_only}
        self.ask("blockdev-add", node)
        stick = {"driver": "usb-storage", "id": name, "bus": "usb.0", "drive": name}
        self.ask("device_add", {**stick, "removable": True})

    def plug_served(self, name: str, socket_path: Path, *, serial: str) -> None:
        """A stick whose content is served there over NBD (``tests.kit.badmedia``)."""
        server = {"type": "unix", "path": str(socket_path)}
        node = {"driver": "raw", "node-name": name, "file": {"driver": "nbd", "server": server}}
        self.ask("blockdev-add", node)
        stick = {"driver": "usb-storage", "id": name, "bus": "usb.0", "drive": name}
        self.ask("device_add", {**stick, "removable": True, "serial": serial})

    def unplug(self, name: str) -> None:
        """Pull it out, whatever it is doing; the image is free when this returns."""
        self.ask("device_del", {"id": name})
        deadline = time.monotonic() + 60
        while True:
            try:
                self.ask("blockdev-del", {"node-name": name})
            except Refused:
                assert time.monotonic() < deadline, f"{name} is not let go"
                time.sleep(0.05)
            else:
                return

    def ask(self, command: str, arguments: Mapping[str, Any] | None = None) -> Any:
        """One QMP command; raises Refused."""
        self._qmp.write({"execute": command, "arguments": dict(arguments or {})})
        while True:
            told = self._qmp.read(60)
            if "error" in told:
                raise Refused(str(told["error"]))
            if "return" in told:
                return told["return"]

    def last_words(self) -> str:
        """What it said on its console and what QEMU said, for a failure."""
        said = self.serial.read_bytes()[-4000:] if self.serial.exists() else b""
        return (said + (self.folder / "qemu.log").read_bytes()[-2000:]).decode(errors="replace")

    def _connect(self, path: Path) -> socket.socket:
        deadline = time.monotonic() + 60
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(path))
            except OSError:
                connection.close()
                assert self._process.poll() is None, self.last_words()
                assert time.monotonic() < deadline, "QEMU does not listen"
                time.sleep(0.05)
            else:
                return connection

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()


class Refused(Exception):
    """QEMU does not do what it was asked."""


class _Lines:
    """JSON lines over a socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._waiting = b""

    def write(self, value: Mapping[str, Any]) -> None:
        self._connection.sendall(json.dumps(value).encode() + b"\n")

    def read(self, seconds: float) -> dict[str, Any]:
        """The next one; raises TimeoutError."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self._waiting:
            self._connection.settimeout(max(0.01, deadline - time.monotonic()))
            block = self._connection.recv(65536)
            if not block:
                raise ConnectionError("the other side is gone")
            self._waiting += block
        line, _, self._waiting = self._waiting.partition(b"\n")
        value = json.loads(line)
        assert isinstance(value, dict)
        return value

    def close(self) -> None:
        self._connection.close()
