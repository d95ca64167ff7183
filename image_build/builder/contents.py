"""What of the root is ours: the overlay, our code and its dependencies, as one reproducible tar.

``overlay/all``, ``overlay/<suite>`` and ``overlay/<board>`` lie as they will lie in the root; a
later one's file replaces an earlier one's. ``@NAME@`` becomes the image's value. Modes are ours,
not the checkout's: a file that begins with ``#!`` can be run, any other can be read.
"""

import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path, PurePosixPath
from typing import IO

from image_build.builder.boards import DATA, Board
from image_build.builder.spec import Spec
from sync.errors import InputRefused

LIBRARY = PurePosixPath("usr/lib/kexia")
"""Where our code and its dependencies lie on the box."""
_OURS = ("sync", "catalog", "appliance")
_NOT_ON_THE_BOX = ("catalog/sample/",)
"""The sample library, for the demo on a desk."""
_UNITS = (".service", ".socket", ".timer", ".path", ".target", ".mount")
_NOT_A_BOX_UNIT = "kexia-nightly"
_LINKS = {"etc/resolv.conf": "../run/systemd/resolve/stub-resolv.conf"}
"""An installed package can hold no links, so they stand here and not in ``overlay/``."""
_RECORDS = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
"""What pip notes about itself: another pip would note something else."""
_LEFT_OUT = (".pyc", ".pyi", ".pxd", ".pyx", ".c", ".h")
_COMMAND = b"""#!/usr/bin/python3 -IS
# -S: nothing of Debian's Python packages is needed, and to look for them takes time
import sys

sys.path.insert(0, "/usr/lib/kexia")
from appliance.cli import main

main()
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the root."""

    path: str
    data: bytes
    mode: int
    link: str = ""
    """Where it points, if it is a link."""


def values(spec: Spec, board: Board) -> dict[str, str]:
    """What ``@NAME@`` stands for in the overlay."""
    return {
        "ARCH": board.arch,
        "BOARD": board.name,
        "COMPATIBLE": spec.compatible,
        "CONSOLE": board.console.partition(",")[0],
        "SUITE": spec.suite,
        "VERSION": spec.version,
    }


def overlay(spec: Spec, board: Board) -> Iterator[Entry]:
    """The files of ``overlay/``, filled in."""
    known = values(spec, board)
    for layer in ("all", spec.suite, board.name):
        root = DATA / "overlay" / layer
        for path in sorted(root.rglob("*")):
            name = path.relative_to(root).as_posix()
            if path.is_file() and path.suffix != ".pyc":
                data = _filled(path.read_bytes(), known)
                yield Entry(name, data, _mode(data))


def image_json(spec: Spec) -> bytes:
    """``/etc/kexia/image.json``: what the box says of its own system."""
    value: dict[str, object] = {
        "version": spec.version,
        "built": spec.built.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "board": spec.board,
        "suite": spec.suite,
        "compatible": spec.compatible,
        "floor": spec.floor,
    }
    if spec.demo:
        value["demo"] = True
    return (json.dumps(value, indent=1) + "\n").encode()


def ours(spec: Spec, ca: bytes) -> Iterator[Entry]:
    """The command, our units, what the image says of itself, the province's certificate."""
    yield Entry("usr/bin/kexia", _COMMAND, 0o755)
    for path, to in _LINKS.items():
        yield Entry(path, b"", 0o777, to)
    yield Entry("etc/kexia/image.json", image_json(spec), 0o644)
    if ca:
        yield Entry("etc/rauc/ca.pem", ca, 0o644)
    for unit in resources.files("appliance").joinpath("units").iterdir():
        if unit.name.endswith(_UNITS) and not unit.name.startswith(_NOT_A_BOX_UNIT):
            yield Entry(f"usr/lib/systemd/system/{unit.name}", unit.read_bytes(), 0o644)


def code() -> Iterator[Entry]:
    """Our packages as they run here, without ``image_build``."""
    for package in _OURS:
        root = Path(str(resources.files(package)))
        for path in sorted(root.rglob("*")):
            name = f"{package}/{path.relative_to(root).as_posix()}"
            if path.is_file() and path.suffix != ".pyc" and not name.startswith(_NOT_ON_THE_BOX):
                yield Entry(str(LIBRARY / name), path.read_bytes(), 0o644)


def dependencies(folder: Path) -> Iterator[Entry]:
    """What pip installed into ``folder``, without what only compilers and pip itself read."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        record = name.parts[0].endswith(".dist-info") and path.name in _RECORDS
        if (
            path.is_file()
            and not record
            and name.parts[0] != "bin"
            and path.suffix not in _LEFT_OUT
        ):
            yield Entry(str(LIBRARY / name.as_posix()), path.read_bytes(), 0o644)


def write_tar(file: IO[bytes], entries: Iterable[Entry], epoch: int) -> None:
    """The entries as a tar whose bytes depend on nothing else; a later one replaces an earlier.

    Raises InputRefused for a path that would leave the root.
    """
    last: dict[str, Entry] = {}
    for entry in entries:
        parts = PurePosixPath(entry.path).parts
        if not parts or entry.path.startswith("/") or ".." in parts:
            raise InputRefused(f"no file of a root: {entry.path}")
        last[entry.path] = entry
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(last):
            entry = last[path]
            member = tarfile.TarInfo(f"./{path}")
            member.mtime, member.mode = epoch, entry.mode
            member.uname = member.gname = "root"
            member.size = len(entry.data)
            if entry.link:
                member.type, member.linkname = tarfile.SYMTYPE, entry.link
            tar.addfile(member, io.BytesIO(entry.data))


def _filled(data: bytes, known: Mapping[str, str]) -> bytes:
    for key, value in known.items():
        data = data.replace(f"@{key}@".encode(), value.encode())
    return data


def _mode(data: bytes) -> int:
    return 0o755 if data.startswith(b"#!") else 0o644
