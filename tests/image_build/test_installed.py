"""Installed from a wheel, the builder finds its data: lock, boards, lists, overlay."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from image_build.builder.boards import DATA

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.thorough


def test_a_wheel_holds_everything_an_image_is_made_of(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for package in ("sync", "catalog", "appliance", "image_build"):
        ignored = shutil.ignore_patterns("__pycache__", "sample")
        shutil.copytree(ROOT / package, source / package, ignore=ignored)
    arguments: list[str | Path] = [
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "-w",
        tmp_path,
    ]
    subprocess.run([sys.executable, "-m", "pip", *arguments, source], check=True, cwd=tmp_path)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        inside = {each.filename: each.file_size for each in archive.infolist()}
    data = {
        f"image_build/{path.relative_to(DATA).as_posix()}": path.stat().st_size
        for path in DATA.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert "image_build/runtime.lock" in data
    assert {name: inside.get(name) for name in data} == data
