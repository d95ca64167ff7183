"""``docs/commands.md`` from the command line's own source: ``python -m tests.kit.commands``."""

from collections.abc import Iterator
from pathlib import Path

import typer.main
from typer.core import TyperCommand, TyperGroup, TyperOption

from image_build.cli import app

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
HEAD = """# Commands

Generated from the command line itself: `python -m tests.kit.commands`. Every command has `--help`
and, where a script would want it, `--json` (one object at the end, progress on stderr).

Exit codes: 0 done · 1 fault of ours · 2 wrong usage · 3 input refused (each fault listed) · 4 no
source reachable (the box keeps serving) · 5 trust refused · 6 no room · 7 someone else holds the
lease · 8 a medium is failing · 9 incomplete, continues later · 130 interrupted.
"""


def page() -> str:
    """The whole page."""
    root = typer.main.get_command(app)
    assert isinstance(root, TyperCommand | TyperGroup)
    return HEAD + "".join(section(name, command) for name, command in walk("kexia", root))


Command = TyperCommand | TyperGroup


def walk(name: str, command: Command) -> Iterator[tuple[str, TyperCommand]]:
    """Every command that does something, with its full name, in the order of the groups."""
    if isinstance(command, TyperGroup):
        for child, below in command.commands.items():
            assert isinstance(below, TyperCommand | TyperGroup)
            yield from walk(f"{name} {child}", below)
    else:
        yield name, command


def section(name: str, command: TyperCommand) -> str:
    """One command: what it does, its arguments and options."""
    summary = " ".join((command.help or "").split("\n\n")[0].split())
    arguments = [
        str(parameter.metavar or parameter.name).upper() + ("…" if parameter.nargs == -1 else "")
        for parameter in command.params
        if not isinstance(parameter, TyperOption)
    ]
    options = [
        parameter
        for parameter in command.params
        if isinstance(parameter, TyperOption) and parameter.name != "help"
    ]
    rows = "".join(
        f"| `{'`, `'.join(option.opts)}` | {' '.join((option.help or '').split())} |\n"
        for option in options
    )
    table = f"\n| option | meaning |\n|---|---|\n{rows}" if rows else ""
    usage = " ".join([name, *arguments, *(["[OPTIONS]"] if options else [])])
    return f"\n## {name}\n\n{summary}\n\n```\n{usage}\n```\n{table}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
