"""A real image for tests: built once, by the command line, in ``.cache/image``; packages are kept.

The first time it fetches some 230 packages through apt and takes minutes; later less than two.
"""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from image_build.updates.authority import Authority, found

ROOT = Path(__file__).parents[2]
KEPT = ROOT / ".cache" / "image"
SPEC = """format = 1
name = "test"
board = "{board}"
suite = "{suite}"
version = "2026.11.26.1"
ca = "{ca}"
"""
AUTHORITY = KEPT / "authority"
"""Who signs systems for the boxes of these images; founded once, as a province's is."""


@dataclass(frozen=True)
class Image:
    """What a build left."""

    image: Path
    squashfs: Path
    folder: Path
    said: dict[str, object]


def kexia_image(
    *arguments: str | Path, code: int = 0, within: tuple[str, ...] = ()
) -> dict[str, object]:
    """``kexia image … --json``, perhaps within another program; the object it ends with."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*within, sys.executable, "-m", "image_build.cli", "image", *map(str, arguments), "--json"],
        capture_output=True, text=True, check=False, env=environment, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr[-3000:]
    value = json.loads(done.stdout)
    assert isinstance(value, dict)
    return value


@cache
def why_not() -> str:
    """Why no image can be built here; empty if one can."""
    if os.geteuid() != 0:
        return (
            "mmdebstrap in a virtual machine's root needs root (or newuidmap and a user name space)"
        )
    return ""


def build(
    folder: Path, *, board: str = "amd64", suite: str = "bookworm", options: tuple[str, ...] = ()
) -> Image:
    """An image in ``folder``, from the kept packages."""
    folder.mkdir(parents=True, exist_ok=True)
    spec = folder / "image.toml"
    spec.write_text(SPEC.format(board=board, suite=suite, ca=authority().ca))
    said = kexia_image("build", spec, "--to", folder, "--cache", KEPT / "cache", *options)
    return Image(Path(str(said["image"])), Path(str(said["squashfs"])), folder, said)


def authority() -> Authority:
    """The kept authority."""
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "authority.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not AUTHORITY.exists():
            found(AUTHORITY, "湖南省", b"for tests only")
    return Authority(AUTHORITY)


def amd64() -> Image:
    """The image that the tests of one run share; made anew only if something has changed."""
    return build(KEPT / "amd64")


def packages_only(target: Path) -> Path:
    """The kept packages alone, hard-linked, as on another machine after an import."""
    shutil.copytree(KEPT / "cache", target, copy_function=os.link)
    return target
