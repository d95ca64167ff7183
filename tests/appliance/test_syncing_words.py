"""A plain ``kexia box sync`` is read without typer, and means what typer makes of it."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer.main
from hypothesis import given
from hypothesis import strategies as st
from typer.core import TyperGroup

from appliance.cli.main import app
from appliance.cli.syncing import Wish, read_words


def typers(words: list[str]) -> Wish:
    """What typer makes of the words after ``kexia box sync``."""
    root = typer.main.get_command(app)
    assert isinstance(root, TyperGroup)
    box = root.commands["box"]
    assert isinstance(box, TyperGroup)
    given = box.commands["sync"].make_context("sync", list(words)).params
    return Wish(
        box=given["box"],
        sources=tuple(given["source"] or ()),
        plan=given["plan"],
        budget=given["budget"],
        no_peers=given["no_peers"],
        as_json=given["as_json"],
    )


ONE = st.one_of(
    st.sampled_from([["--json"], ["--plan"], ["--no-peers"], ["--from", "stick"]]),
    st.sampled_from([["--from", "http://127.0.0.1:1"], ["--budget", "20"], ["--budget", "007"]]),
)


@given(st.lists(ONE, max_size=6), st.integers(0, 6))
def test_the_same_words_ask_for_the_same(options: list[list[str]], at: int) -> None:
    options.insert(at, ["a box"])
    words = [word for option in options for word in option]
    wish = read_words(["box", "sync", *words])
    assert wish is None or wish == typers(words)
    assert (wish is None) == ("007" in words), "only an odd number is left to typer"


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--help"],
        ["box"],
        ["box", "sync"],
        ["box", "sync", "--json"],
        ["box", "sync", "a", "b"],
        ["box", "sync", "a", "-h"],
        ["box", "sync", "a", "--from"],
        ["box", "sync", "a", "--from=stick"],
        ["box", "sync", "a", "--from", "--json"],
        ["box", "sync", "a", "--budget", "0"],
        ["box", "sync", "a", "--budget", "-1"],
        ["box", "sync", "a", "--budget", "many"],
        ["box", "sync", "a", "--jsonn"],
        ["box", "sync", "--", "a"],
        ["box", "status", "a"],
    ],
)
def test_all_else_is_left_to_the_whole_command_line(words: list[str]) -> None:
    assert read_words(words) is None


def test_a_sync_carries_no_more_than_it_needs(tmp_path: Path) -> None:
    script = (
        "import sys, appliance.cli as cli\n"
        "sys.argv = ['kexia', 'box', 'sync', sys.argv[1]]\n"
        "try: cli.main()\n"
        "except SystemExit as end: print(end.code, *sys.modules)"
    )
    words = [sys.executable, "-c", script, str(tmp_path / "no-box")]
    done = subprocess.run(words, capture_output=True, check=True)
    code, *loaded = done.stdout.decode().split()
    assert code == "2", "there is no box: a usage error"
    assert done.stderr.startswith(b"kexia: ")
    tops = {name.partition(".")[0] for name in loaded}
    assert "tuf" in tops, "or this says nothing"
    assert not tops & {
        "typer",
        "click",
        "pydantic",
        "rich",
        "aiohttp",
        "jinja2",
        "zeroconf",
        "whoosh",
    }
    assert "appliance.box.papers" not in loaded
