"""A small image as the builder makes large ones, laid out by others' tools (sgdisk, mtools)."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from random import Random

MIB = 2**20
ROOT_KIND = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"
SPANS = {"esp": (1, 8), "rootA": (9, 4), "rootB": (13, 4), "data": (17, 6)}
"""Begin and length in MiB."""
IMAGE_JSON = (
    '{"board":"amd64","built":"2026-11-25T00:00:00Z","compatible":"kexia-amd64",'
    '"floor":"2026.11.25.1","suite":"bookworm","version":"2026.11.25.1"}'
)
_ENVIRONMENT = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}


@dataclass(frozen=True)
class MadeImage:
    path: Path
    root: bytes
    """What is in slot A; slot B is empty."""


def make_image(folder: Path, *, root: bytes = b"", seed: int = 1) -> MadeImage:
    """``kexia-amd64-2026.11.25.1.img`` in ``folder``."""
    path = folder / "kexia-amd64-2026.11.25.1.img"
    end = max(start + length for start, length in SPANS.values())
    path.write_bytes(b"")
    os.truncate(path, (end + 1) * MIB)
    tool("sgdisk", *_sectors(), str(path))
    root = root or Random(seed).randbytes(3 * MIB)
    with path.open("r+b") as file:
        file.seek(0)
        file.write(b"\xfa boot code".ljust(440, b"\x90"))
        file.seek(SPANS["rootA"][0] * MIB)
        file.write(root)
        file.seek(SPANS["esp"][0] * MIB)
        file.write(_esp(folder))
        file.seek(SPANS["data"][0] * MIB)
        file.write(_data(folder))
    return MadeImage(path, root)


def _sectors() -> list[str]:
    options = []
    for number, (name, (start, length)) in enumerate(SPANS.items(), 1):
        kind = {"esp": "ef00", "data": "8300"}.get(name, ROOT_KIND)
        first, last = start * MIB // 512, (start + length) * MIB // 512 - 1
        options += [f"--new={number}:{first}:{last}", f"--typecode={number}:{kind}"]
        options += [f"--change-name={number}:{name}"]
    return options


def _esp(folder: Path) -> bytes:
    path = folder / "esp.vfat"
    path.write_bytes(bytes(SPANS["esp"][1] * MIB))
    tool("mkfs.fat", "--invariant", "-n", "KEXIA", str(path))
    for name in ("EFI", "EFI/BOOT", "grub"):
        tool("mmd", "-i", str(path), f"::{name}")
    for name, data in (
        ("EFI/BOOT/BOOTX64.EFI", b"MZ" + bytes(5000)),
        ("grub/grub.cfg", b"set timeout=0\n"),
        ("grub/grubenv", b"# GRUB Environment Block\n".ljust(1024, b"#")),
    ):
        put(path, name, data)
    data = path.read_bytes()
    path.unlink()
    return data


def put(volume: Path, name: str, data: bytes) -> None:
    """A file into a FAT volume."""
    file = volume.with_name("put")
    file.write_bytes(data)
    tool("mcopy", "-o", "-i", str(volume), str(file), f"::{name}")
    file.unlink()


def _data(folder: Path) -> bytes:
    path = folder / "data.ext4"
    tool("mke2fs", "-q", "-t", "ext4", "-L", "data", "-m", "0", str(path), f"{SPANS['data'][1]}M")
    data = path.read_bytes()
    path.unlink()
    return data


def tool(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, check=False, env=_ENVIRONMENT)
    assert done.returncode == 0, f"{command}: {done.stdout.decode()} {done.stderr.decode()}"
    return done.stdout.decode()
