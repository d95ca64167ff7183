"""``docs/modules.md`` from the modules' own first lines: ``python -m tests.kit.modules``."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "modules.md"
PACKAGES = ("sync", "catalog", "appliance", "image_build")
NOT_MODULES = {"sample", "data"}
HEAD = """# Modules

Generated from each module's first line, which says its place on the data's way:
`python -m tests.kit.modules`. *Pure* means: no files, clock, chance or network; import-linter
holds it, as it holds the layers and the one door to each outside library (`pyproject.toml`).
"""


def page() -> str:
    """The whole page."""
    return HEAD + "".join(map(folder, folders()))


def folders() -> list[Path]:
    """Every package, the lowest first."""
    found = [
        path.parent
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("__init__.py"))
    ]
    return [path for path in found if not NOT_MODULES & set(path.relative_to(ROOT).parts)]


def folder(path: Path) -> str:
    """One package: its purpose and its modules."""
    rows = "".join(
        f"| `{module.name}` | {first_line(module)} |\n"
        for module in sorted(path.glob("*.py"))
        if module.name != "__init__.py"
    )
    table = f"\n| module | its place |\n|---|---|\n{rows}" if rows else ""
    return f"\n## {path.relative_to(ROOT)}/\n\n{first_line(path / '__init__.py')}\n{table}"


def first_line(module: Path) -> str:
    """What the module says of itself."""
    text = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n")[0].split()).replace("``", "`").replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
