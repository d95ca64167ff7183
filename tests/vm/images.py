"""Images to boot in tests: built once by ``kexia image build``, or given.

``KEXIA_IMAGE_AMD64`` and ``KEXIA_IMAGE_PI`` name images that are there already.
"""

import fcntl
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from appliance.config import BoxConfig, Listen, save
from image_build.builder.boards import boards
from image_build.builder.tools import Here, missing
from tests.image_build import built
from tests.kit import served

KEXIA_USER = 990
"""As /usr/lib/sysusers.d/kexia.conf has it."""
EMULATORS = {
    "amd64": ("qemu-system-x86_64", "/usr/share/OVMF/OVMF_CODE_4M.fd"),
    "pi": ("qemu-system-aarch64", "/usr/share/AAVMF/AAVMF_CODE.fd"),
}


@cache
def why_not(board: str, *, uefi: bool = True) -> str:
    """Why no image of ``board`` can be booted here (by UEFI too); empty if one can."""
    emulator, firmware = EMULATORS[board]
    tools = (emulator, "sfdisk", "mtype", "mcopy", "grub-editenv", "mke2fs")
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    lacking = [tool for tool in tools if shutil.which(tool, path=path) is None]
    if uefi and not Path(firmware).exists():
        lacking.append(firmware)
    if f"KEXIA_IMAGE_{board.upper()}" not in os.environ:
        if reason := built.why_not():
            return reason
        lacking += missing(boards()[board], Here(path, platform.machine(), root=os.geteuid() == 0))
    if lacking:
        return f"not installed: {', '.join(lacking)} (.ci/setup .venv full brings them)"
    return ""


def image(board: str) -> Path:
    """The image of ``board``, built if it is not given; raises what the build raises."""
    given = os.environ.get(f"KEXIA_IMAGE_{board.upper()}")
    if given:
        return Path(given)
    built.KEPT.mkdir(parents=True, exist_ok=True)
    with (built.KEPT / f"{board}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return built.build(built.KEPT / board, board=board).image


def data_partition(folder: Path, mib: int) -> bytes:
    """A data partition with a box that has lessons, as its first start would leave it."""
    tree = folder / "data"
    box = served.box(tree / "kexia")
    box.publish(served.music(box), served.math(box))
    save(box.paths, BoxConfig(name="青山教学点", listen=Listen("0.0.0.0", 80, 8081)))
    return as_partition(tree, folder, mib)


def as_partition(tree: Path, folder: Path, mib: int) -> bytes:
    """``tree``, which has the box in ``kexia``, as a file system for the data partition."""
    for path in (tree / "kexia", *(tree / "kexia").rglob("*")):
        os.chown(path, KEXIA_USER, KEXIA_USER, follow_symlinks=False)
    (tree / "kexia").chmod(0o750)
    made = folder / "data.ext4"
    run("mke2fs", "-q", "-t", "ext4", "-L", "data", "-d", tree, made, f"{mib}m")
    return made.read_bytes()


def without_init(image_root: Path, folder: Path) -> bytes:
    """A root that GRUB can start and Linux cannot: kernel and ramdisk, and nothing else."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        tree = Path(scratch, "root")
        run("unsquashfs", "-q", "-n", "-d", tree, image_root, "vmlinuz", "initrd.img", "boot")
        made = Path(scratch, "root.squashfs")
        options = ("-quiet", "-no-progress", "-comp", "gzip", "-b", "256K")
        run("mksquashfs", tree, made, *options)
        return made.read_bytes()


def run(*command: str | Path) -> None:
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}
    done = subprocess.run(
        [str(part) for part in command], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, f"{command[0]}: {done.stderr.decode(errors='replace')[-2000:]}"
