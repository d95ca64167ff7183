"""Boxes on networks of their own: real network namespaces of the kernel, joined by real links.

    with Lab("east", "west") as lab:
        lab.join("east", "10.77.0.1/24", "west", "10.77.0.2/24", name="lan0")
        with lab.inside("west"):            # this thread, and threads and programmes it starts
            …
        lab.run("east", ["kexia", "box", "run", …])      # with its own /sys, as on a machine

Needs root and iproute2; ``needs_namespaces`` says why where they are missing.
"""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _lacking() -> str:
    if os.geteuid() != 0:
        return "network namespaces need root"
    if _ip() is None:
        return "network namespaces need ip: apt install iproute2"
    probe = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)
    return "" if probe.returncode == 0 else "this kernel gives no network namespaces"


def _ip() -> str | None:
    return shutil.which("ip", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


_WHY = _lacking()
needs_namespaces = pytest.mark.skipif(bool(_WHY), reason=_WHY)


class Lab:
    """Namespaces that exist while the block lasts; names may be used again in other labs."""

    def __init__(self, *names: str) -> None:
        self._names = {name: f"kx{os.getpid()}-{name}" for name in names}
        self._links = 0

    def __enter__(self) -> Self:
        try:
            for made in self._names.values():
                ip("netns", "add", made)
                ip("-n", made, "link", "set", "lo", "up")
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._remove()

    def _remove(self) -> None:
        for made in self._names.values():
            subprocess.run([str(_ip()), "netns", "del", made], capture_output=True, check=False)

    def join(self, one: str, address: str, other: str, its: str, *, name: str) -> None:
        """A cable between two namespaces; the interface has the same name at both ends."""
        self._links += 1
        ends = [f"kx{os.getpid()}{self._links}{end}"[:15] for end in "ab"]
        ip("link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for end, place, own in zip(ends, (one, other), (address, its), strict=True):
            ip("link", "set", end, "netns", self._names[place])
            ip("-n", self._names[place], "link", "set", end, "name", name)
            ip("-n", self._names[place], "addr", "add", own, "dev", name)
            ip("-n", self._names[place], "link", "set", name, "up")
        for place in (one, other):
            ip("-n", self._names[place], "route", "replace", "224.0.0.0/4", "dev", name)

    def cable(self, one: str, card: str, other: str, its: str) -> None:
        """A cable between two namespaces, its ends named, up, and without addresses."""
        self._links += 1
        ends = [f"kx{os.getpid()}{self._links}{end}"[:15] for end in "ab"]
        ip("link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for end, place, name in zip(ends, (one, other), (card, its), strict=True):
            ip("link", "set", end, "netns", self._names[place])
            ip("-n", self._names[place], "link", "set", end, "name", name)
            ip("-n", self._names[place], "link", "set", name, "up")

    def ip(self, place: str, *words: str) -> None:
        """Run ip(8) on ``place``."""
        ip("-n", self._names[place], *words)

    def route(self, place: str, network: str, via: str) -> None:
        """Packets for ``network`` leave ``place`` by the router ``via``."""
        ip("-n", self._names[place], "route", "replace", network, "via", via)

    def forward(self, place: str) -> None:
        """``place`` passes packets on between its networks."""
        self.check(place, ["sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"])

    @contextmanager
    def inside(self, place: str) -> Iterator[None]:
        """This thread in ``place``; threads and programmes it starts meanwhile are there too."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(Path("/run/netns", self._names[place]), os.O_RDONLY)
        try:
            _enter(there)
            try:
                yield
            finally:
                _enter(before)
        finally:
            os.close(there)
            os.close(before)

    def start(
        self, place: str, arguments: Sequence[str | Path], **how: object
    ) -> "subprocess.Popen[bytes]":
        """Start a programme in ``place``, with the /sys of that namespace."""
        command = [str(_ip()), "netns", "exec", self._names[place], *map(str, arguments)]
        return subprocess.Popen(command, **how)  # type: ignore[call-overload, no-any-return]

    def check(self, place: str, arguments: Sequence[str | Path]) -> str:
        """Run a programme in ``place``; its output."""
        command = [str(_ip()), "netns", "exec", self._names[place], *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=110)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def ip(*words: str) -> None:
    """Run ip(8)."""
    done = subprocess.run([str(_ip()), *words], capture_output=True, check=False, text=True)
    if done.returncode:
        raise OSError(f"ip {' '.join(words)}: {done.stderr.strip()}")
