"""The documentation is true: every command and option stands in it, every link leads somewhere."""

import re
from pathlib import Path

import pytest
from typer.core import TyperOption
from typer.main import get_command

from appliance.cli.main import app
from tests.kit import commands, modules

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_page_of_commands_is_what_the_command_line_says() -> None:
    assert commands.PAGE.read_text(encoding="utf-8") == commands.page(), (
        "run: python -m tests.kit.commands"
    )


def test_the_page_of_modules_is_what_the_modules_say() -> None:
    assert modules.PAGE.read_text(encoding="utf-8") == modules.page(), (
        "run: python -m tests.kit.modules"
    )


def test_every_command_and_option_explains_itself() -> None:
    root = get_command(app)
    assert isinstance(root, commands.Command)
    for name, command in commands.walk("kexia", root):
        assert command.help, f"{name} has no help"
        assert "Exit codes" in command.help, f"{name} does not list its exit codes"
        for option in command.params:
            if isinstance(option, TyperOption) and option.name != "help":
                assert option.help, f"{name} {option.opts[0]} has no help"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in link:
            assert (page.parent / link).exists(), f"{page.name}: {link}"
