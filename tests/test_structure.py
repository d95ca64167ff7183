"""Rules that no linter knows: one durable write, one switch, modules a newcomer can read."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("sync", "catalog", "appliance", "image_build")
DURABLE = ROOT / "sync" / "files.py"
LONGEST = 400


def modules() -> list[Path]:
    return sorted(
        path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if path != DURABLE
    )


def calls(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield node


def renames(call: ast.Call) -> bool:
    """``a.replace(b)`` and ``a.rename(b)``: with one argument it is a path, not a text."""
    return (
        isinstance(call.func, ast.Attribute)
        and call.func.attr in ("replace", "rename", "renames")
        and len(call.args) == 1
        and not call.keywords
    )


def syncs(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr in ("fsync", "fdatasync")


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_durable_door_renames_and_syncs(path: Path) -> None:
    found = [call.lineno for call in calls(path) if renames(call) or syncs(call)]
    assert not found, f"{path.name} lines {found}: use sync.files"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_say_their_place_and_stay_readable(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), f"{path.name} does not say its place"
    assert len(text.splitlines()) <= LONGEST, f"{path.name} is too long to be read"


def test_every_package_is_in_the_wheel() -> None:
    import tomllib

    listed = set(
        tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    )
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for package in PACKAGES
        for path in (ROOT / package).rglob("__init__.py")
    }
    assert listed == found
