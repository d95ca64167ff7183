"""A whole image under QEMU, from its firmware on; nothing is passed to the kernel.

with ImageMachine(Disk.of(image, folder), firmware=Firmware.BIOS) as machine:
    machine.wait("KEXIA-HEALTH good", 300)      # lines of the serial console
    machine.get("/")                            # the guest's port 80
    machine.shell("uname -a")                   # only if the disk's EXTRA starts a shell on ttyS1
    machine.cut()                               # the power is gone
"""

import http.client
import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.vm.disk import Disk

SHELL = "systemd.debug_shell=ttyS1"
"""For EXTRA: a root shell on the second serial port, in tests only."""
PATIENT = (
    "nowatchdog cryptomgr.notests mitigations=off systemd.default_timeout_start_sec=900 "
    "systemd.setenv=KEXIA_PATIENCE=3600"
)
"""For EXTRA: where many work on one machine, a translated guest is twenty times slower. Nothing in
it is what a test is about; the translator takes seconds for each."""
GUEST_MIB = 1024
WALKING = ("-accel", "tcg,thread=multi", "-smp", "2")
LEAPING = (
    *("-accel", "tcg,thread=single", "-smp", "1"),
    *("-icount", "shift=2,sleep=off", "-rtc", "clock=vm"),
)
"""With 4 nanoseconds an instruction."""
VIRTIO = ("-device", "virtio-blk-pci,drive=card,bootindex=0")
BUSES = {
    "SATA": ("-device", "ide-hd,drive=card,bus=ide.0,bootindex=0"),
    "NVMe": ("-device", "nvme,drive=card,serial=card,bootindex=0"),
    "USB": ("-device", "usb-storage,drive=card,bus=usb.0,bootindex=0"),
    "eMMC": ("-device", "sdhci-pci", "-device", "sd-card,drive=card"),
}
"""Where a small PC has its disk."""
_OVMF = Path("/usr/share/OVMF")
_AAVMF = Path("/usr/share/AAVMF")
_UBOOT = Path("/usr/lib/u-boot/qemu_arm64/u-boot.bin")


class Firmware(Enum):
    """What finds the boot loader."""

    BIOS = "bios"
    UEFI = "uefi"
    UBOOT = "u-boot"


@dataclass(frozen=True)
class Line:
    """A line of the serial console."""

    seconds: float
    """Since the machine was switched on (this process of QEMU)."""
    text: str


class ImageMachine:
    """Runs as long as the block, or until its power is cut."""

    def __init__(
        self,
        disk: Disk,
        *,
        firmware: Firmware = Firmware.BIOS,
        shell: bool = False,
        reboots: bool = True,
        bus: tuple[str, ...] = VIRTIO,
        writes: Path | None = None,
        leaps: bool = False,
        more: tuple[str, ...] = (),
    ) -> None:
        """``bus``: QEMU's options that put the drive ``card`` into the machine.

        ``writes``: where all that is written to the disk is logged (``tests.vm.writes``).
        ``leaps``: its time goes by its own work, and leaps to where the next begins.
        """
        self.disk = disk
        self.lines: list[Line] = []
        self._open: list[socket.socket] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._folder = Path(str(disk.path) + ".run")
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir()
        self._shell = shell
        self.port = _free_port()
        self._command = [
            *_machine(disk.arch),
            *(LEAPING if leaps else WALKING),
            *("-m", str(GUEST_MIB), "-display", "none", "-nodefaults"),
            *_firmware(firmware, disk.arch, self._folder),
            *self._serial("console", wait="on"),
            *(self._second_serial(disk.arch) if shell else ()),
            *("-qmp", f"unix:{self._folder}/qmp,server=on,wait=off"),
            *("-device", "qemu-xhci,id=usb"),
            *("-drive", f"if=none,id=card,cache=writeback,{_card(disk.path, writes)}"),
            *bus,
            *("-netdev", f"user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:{self.port}-:80"),
            *("-device", "virtio-net-pci,netdev=net,romfile="),
            *("-device", "virtio-rng-pci"),
            *([] if reboots else ["-no-reboot"]),
            *more,
        ]

    def _serial(self, name: str, *, wait: str) -> tuple[str, ...]:
        path = self._folder / name
        return (
            *("-chardev", f"socket,id={name},path={path},server=on,wait={wait}"),
            *("-serial", f"chardev:{name}"),
        )

    def _second_serial(self, arch: str) -> tuple[str, ...]:
        if arch == "amd64":
            return self._serial("shell", wait="off")
        path = self._folder / "shell"
        return (
            *("-chardev", f"socket,id=shell,path={path},server=on,wait=off"),
            *("-device", "pci-serial,chardev=shell"),
        )

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        with (self._folder / "qemu.log").open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        try:
            self._console = self._connect("console")
            self._open.append(self._console)
            self._reader.start()
            self._terminal = self._connect("shell") if self._shell else None
            self._open += [self._terminal] if self._terminal else []
        except BaseException:
            self.cut()
            raise
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        self.cut()

    def cut(self) -> None:
        """The power goes: nothing that only lies in the guest's memory is kept."""
        self._process.kill()
        self._process.wait()
        for connection in self._open:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        if self._reader.ident is not None:
            self._reader.join()
        while self._open:
            self._open.pop().close()

    def wait(self, pattern: str, seconds: float, *, since: int = 0) -> re.Match[str]:
        """The first console line from number ``since`` that ``pattern`` is found in."""
        deadline = time.monotonic() + seconds
        at = since
        while True:
            while at < len(self.lines):
                if found := re.search(pattern, self.lines[at].text):
                    return found
                at += 1
            assert time.monotonic() < deadline, f"no {pattern!r} in {seconds} s\n{self.tail()}"
            assert self._process.poll() is None, f"QEMU ended\n{self.tail()}{self._words()}"
            time.sleep(0.05)

    def seconds_of(self, pattern: str) -> float:
        """When a line that was waited for came, in seconds since the machine was switched on."""
        return next(line.seconds for line in self.lines if re.search(pattern, line.text))

    def tail(self, lines: int = 25) -> str:
        """The last lines of the console, for a failing test."""
        return "\n".join(f"{line.seconds:7.1f} {line.text}" for line in self.lines[-lines:])

    def get(self, path: str, *, seconds: float = 30) -> tuple[int, bytes]:
        """Status and body of a page, through the forwarded port."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=seconds)
        try:
            connection.request("GET", path, headers={"Host": "127.0.0.1"})
            answer = connection.getresponse()
            return answer.status, answer.read(2**20)
        finally:
            connection.close()

    def first_answer(self, path: str, seconds: float) -> tuple[int, bytes]:
        """The same as soon as anything listens there."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self.get(path)
            except OSError:
                assert time.monotonic() < deadline, f"nothing answers {path}\n{self.tail()}"
                time.sleep(1)

    def ask(self, command: str, **arguments: Any) -> Any:
        """One command of QEMU's monitor; its answer."""
        with self._monitor() as lines:
            _exchange(lines, {"execute": "qmp_capabilities"})
            return _exchange(lines, {"execute": command, "arguments": arguments})

    def plug(self, name: str, image: Path) -> None:
        """A USB stick with this image."""
        file = {"driver": "file", "filename": str(image)}
        self.ask("blockdev-add", **{"driver": "raw", "node-name": name, "file": file})
        self.ask(
            "device_add", driver="usb-storage", id=name, bus="usb.0", drive=name, removable=True
        )

    def unplug(self, name: str) -> None:
        """Pull it out."""
        self.ask("device_del", id=name)

    @contextmanager
    def _monitor(self) -> Iterator[Any]:
        with self._connect("qmp") as connection, connection.makefile("rwb") as lines:
            lines.readline()
            yield lines

    def shell(self, command: str, *, seconds: float = 60) -> tuple[int, str]:
        """Exit code and output of a command in the guest's debug shell."""
        assert self._terminal is not None
        mark = f"{time.monotonic_ns()}"
        quiet = "stty -echo cols 999; PS1=; PS2=; bind 'set enable-bracketed-paste off'"
        # Split, so that a line that is echoed is not taken for what it prints.
        script = f"{quiet}\necho B''{mark}\n{command}\necho E''{mark} rc=$?\n"
        self._terminal.sendall(script.encode())
        said = b""
        deadline = time.monotonic() + seconds
        while not (found := re.search(rf"E{mark} rc=(\d+)".encode(), said)):
            assert time.monotonic() < deadline, f"{command}: {said.decode(errors='replace')}"
            self._terminal.settimeout(1)
            with suppress(TimeoutError):
                said += self._terminal.recv(65536)
        told = _plain(said[: found.start()]).replace("\r", "")
        return int(found[1]), told.partition(f"B{mark}\n")[2].strip()

    def _connect(self, name: str) -> socket.socket:
        path = self._folder / name
        deadline = time.monotonic() + 30
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(path))
            except OSError:
                connection.close()
                assert self._process.poll() is None, f"QEMU ended: {self._words()}"
                assert time.monotonic() < deadline, "QEMU does not listen"
                time.sleep(0.05)
            else:
                return connection

    def _read(self) -> None:
        waiting = b""
        while True:
            try:
                block = self._console.recv(65536)
            except OSError:
                return
            if not block:
                return
            *whole, waiting = (waiting + block).split(b"\n")
            now = time.monotonic() - self._began
            new = [Line(now, _plain(line)) for line in whole]
            self.lines += new
            with (self._folder / "console.txt").open("a") as kept:  # for who looks on
                kept.writelines(f"{line.seconds:7.1f} {line.text}\n" for line in new)

    def _words(self) -> str:
        return (self._folder / "qemu.log").read_text(errors="replace")[-1000:]


def _exchange(lines: Any, message: dict[str, Any]) -> Any:
    """Say one thing to QEMU's monitor; its answer, without what it tells by itself."""
    lines.write(json.dumps(message).encode() + b"\n")
    lines.flush()
    while "return" not in (value := json.loads(lines.readline())):
        assert "error" not in value, value
    return value["return"]


def _plain(line: bytes) -> str:
    """Without what moves a terminal's cursor."""
    text = line.decode(errors="replace")
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).rstrip("\r")


def _machine(arch: str) -> tuple[str, ...]:
    """Translated on every machine, so that it runs anywhere and everywhere alike."""
    # With ERMS Linux clears and copies memory by `rep stosb` and `rep movsb`, which are translated
    # byte by byte; without it, eight bytes at a time. It changes the emulator, not the image.
    kind = ("q35", "max,-erms,-fsrm") if arch == "amd64" else ("virt", "cortex-a72")
    program = "qemu-system-x86_64" if arch == "amd64" else "qemu-system-aarch64"
    # A PC's watchdog would count the seconds in which the host had no time for the guest.
    still = ("-global", "ICH9-LPC.noreboot=true") if arch == "amd64" else ()
    return (program, "-machine", kind[0], "-cpu", kind[1], *still)


def _card(path: Path, writes: Path | None) -> str:
    """Options of the drive."""
    if writes is None:
        return f"format=raw,file={path}"
    writes.write_bytes(b"")
    log = f"log.driver=file,log.filename={writes}"
    return f"driver=blklogwrites,file.driver=file,file.filename={path},{log}"


def _firmware(firmware: Firmware, arch: str, folder: Path) -> tuple[str, ...]:
    if firmware is Firmware.BIOS:
        return ()
    if firmware is Firmware.UBOOT:
        return ("-bios", str(_UBOOT))
    code, variables = (
        (_OVMF / "OVMF_CODE_4M.fd", _OVMF / "OVMF_VARS_4M.fd")
        if arch == "amd64"
        else (_AAVMF / "AAVMF_CODE.fd", _AAVMF / "AAVMF_VARS.fd")
    )
    shutil.copyfile(variables, folder / "variables.fd")
    return (
        *("-drive", f"if=pflash,format=raw,readonly=on,file={code}"),
        *("-drive", f"if=pflash,format=raw,file={folder}/variables.fd"),
    )


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port
