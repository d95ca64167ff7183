"""The guest's disk: a small Debian by mmdebstrap, kept in ``.cache/vm``, and a disk with our code.

The first time it fetches some 100 packages through apt and takes minutes; later seconds.
"""

import compileall
import hashlib
import os
import py_compile
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "vm"
PACKAGES = ("linux-image-amd64", "python3", "udev", "initramfs-tools", "busybox")
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")
MODULES = "virtio_pci\nvirtio_blk\next4\n"
"""What the first step of booting needs: a ramdisk with all there is takes a minute to unpack."""
CODE = ("appliance", "catalog", "image_build", "sync", "tests/vm")
INIT = """#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin PYTHONPATH=/code:/usr/lib/kexia PYTHONDONTWRITEBYTECODE=1
mount -o remount,rw /
mount -t tmpfs -o size=300m box /srv
/lib/systemd/systemd-udevd --daemon
modprobe -a virtio_console xhci_pci virtio_rng
udevadm trigger --action=add --subsystem-match=block --subsystem-match=virtio-ports
udevadm settle
mount -o ro /dev/disk/by-label/KXCODE /code
exec python3 -m tests.vm.agent
"""
KEXIA = "#!/usr/bin/python3\nfrom appliance.cli import main\nmain()\n"
TOOLS = ("mmdebstrap", "mke2fs", "qemu-system-x86_64")


@dataclass(frozen=True)
class Disks:
    """What a guest boots from."""

    kernel: Path
    initrd: Path
    system: Path
    code: Path


@cache
def why_not() -> str:
    """Why no guest can be made here; empty if one can."""
    if missing := [tool for tool in TOOLS if shutil.which(tool, path=_path()) is None]:
        return f"not installed: {', '.join(missing)} (.ci/setup .venv full brings them)"
    if os.geteuid() != 0:
        return "mmdebstrap needs root to build a system with a kernel"
    return "" if _sources() else "no Debian sources in /etc/apt"


def disks(folder: Path) -> Disks:
    """The system from the cache, made if it is not there, and our code as it is now."""
    CACHE.mkdir(parents=True, exist_ok=True)
    system = CACHE / f"system-{_key()}"
    if not system.exists():
        _build_system(system)
    return Disks(system / "vmlinuz", system / "initrd.img", system / "root.ext4", _code(folder))


def _build_system(system: Path) -> None:
    tar = CACHE / f"debian-{_digest(_suite(), *PACKAGES, *LEFT_OUT)}.tar"
    if not tar.exists():
        options = [f"--dpkgopt=path-exclude={pattern}" for pattern in LEFT_OUT]
        partial = tar.with_suffix(".partial.tar")
        include = f"--include={','.join(PACKAGES)}"
        _run("mmdebstrap", "--variant=minbase", include, *options, _suite(), partial, *_sources())
        partial.rename(tar)
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        made, root = Path(scratch, "made"), Path(scratch, "root")
        made.mkdir()
        root.mkdir()
        _run("tar", "-C", root, "-xf", tar)
        _add_ours(root)
        kernel = next((root / "boot").glob("vmlinuz-*"))
        shutil.copyfile(kernel, made / "vmlinuz")
        settings = root / "etc" / "initramfs-tools"
        (settings / "modules").write_text(MODULES)
        (settings / "conf.d" / "modules").write_text("MODULES=list\n")
        version = kernel.name.partition("-")[2]
        _run("chroot", root, "mkinitramfs", "-o", "/boot/small", version)
        shutil.copyfile(root / "boot" / "small", made / "initrd.img")
        shutil.rmtree(root / "boot")
        _image(made / "root.ext4", root, mib=1500, label="KXROOT")
        made.rename(system)


def _add_ours(root: Path) -> None:
    """What our code needs, the command, and the first process."""
    python = next((root / "usr" / "bin").glob("python3.*[0-9]")).name
    here = f"python3.{sys.version_info.minor}"
    assert python == here, f"the guest has {python}, these tests run in {here}"
    _copy_dependencies(root / "usr" / "lib" / "kexia")
    _compile(root / "usr" / "lib" / "kexia")
    for name, text in (("usr/bin/kexia", KEXIA), ("usr/sbin/kexia-guest", INIT)):
        (root / name).write_text(text)
        (root / name).chmod(0o755)
    (root / "code").mkdir()


def _copy_dependencies(folder: Path) -> None:
    """The files of every locked package, as they are installed here."""
    lock = (ROOT / "requirements" / "runtime.lock").read_text()
    for line in lock.splitlines():
        name, found, _ = line.partition("==")
        if not found or line.startswith((" ", "#")):
            continue
        try:
            files = metadata.files(name.strip()) or []
        except metadata.PackageNotFoundError:
            continue  # of another system
        for file in files:
            if ".." not in file.parts:
                target = folder / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(str(file.locate()), target)


def _compile(folder: Path) -> None:
    """Once here, and not at every start in there; valid whatever the files' times are."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(folder, quiet=2, force=True, invalidation_mode=mode)


def _code(folder: Path) -> Path:
    """Our code and a place to put files for a guest, as it is now."""
    with tempfile.TemporaryDirectory() as scratch:
        for name in CODE:
            ignore = shutil.ignore_patterns("__pycache__", "sample", "overlay")
            shutil.copytree(ROOT / name, Path(scratch, name), ignore=ignore)
        _compile(Path(scratch))
        return _image(folder / "code.ext4", Path(scratch), mib=64, label="KXCODE")


def _image(path: Path, tree: Path, *, mib: int, label: str) -> Path:
    _run("mke2fs", "-q", "-t", "ext4", "-L", label, "-d", tree, path, f"{mib}m")
    return path


def _key() -> str:
    lock = (ROOT / "requirements" / "runtime.lock").read_text()
    return _digest(_suite(), *PACKAGES, *LEFT_OUT, INIT, KEXIA, MODULES, lock, "compiled")


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def _suite() -> str:
    """The release of this machine, so that its Python and ours are of one version."""
    lines = Path("/etc/os-release").read_text().splitlines()
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    return values.get("VERSION_CODENAME", "").strip('"')


def _sources() -> list[Path]:
    """Where apt finds Debian here; other repositories are not asked."""
    folder = Path("/etc/apt")
    found = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("debian*"))]
    return [path for path in found if path.exists() and path.suffix in (".list", ".sources")]


def _run(*command: str | Path) -> None:
    environment = {**os.environ, "PATH": _path(), "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [str(part) for part in command], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 0, f"{command[0]}: {done.stderr.decode(errors='replace')[-2000:]}"


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
