"""Templates compiled at an image's build: used where they fit, and only there."""

import shutil
from pathlib import Path

import jinja2
import pytest

from appliance.language import Language, speech
from appliance.serve.assets import Assets
from appliance.serve.compiled import Compiled, Compiling
from appliance.serve.media import Notice
from appliance.serve.render import TEMPLATES, Renderer, compile_templates
from appliance.serve.troubles import NOT_FOUND


def page(folder: Path) -> str:
    values = {"trouble": NOT_FOUND, "notice": Notice.NONE}
    return Renderer(Assets(), Compiled(folder)).page(
        "trouble.html", speech(Language.CHINESE), **values
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    compile_templates(tmp_path / "compiled")
    return tmp_path / "compiled"


def test_a_page_is_the_same_compiled_before_or_now(folder: Path, tmp_path: Path) -> None:
    assert len(list(folder.iterdir())) == len(list(TEMPLATES.glob("*.html")))
    assert page(folder) == page(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists(), "who serves writes nothing"


def test_the_same_templates_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    compile_templates(tmp_path / "again")
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_what_was_compiled_is_what_runs_if_the_source_is_the_same(tmp_path: Path) -> None:
    """One source, compiled by an environment with another sign for values: seen in the page."""
    templates = tmp_path / "templates"
    templates.mkdir()
    (templates / "a.html").write_text("{{ 1 }} [[ 2 ]]")
    loader = jinja2.FileSystemLoader(templates)
    other = jinja2.Environment(
        loader=loader,
        variable_start_string="[[",
        variable_end_string="]]",
        bytecode_cache=Compiling(tmp_path / "compiled"),
    )
    assert other.get_template("a.html").render() == "{{ 1 }} 2"
    ours = jinja2.Environment(loader=loader, bytecode_cache=Compiled(tmp_path / "compiled"))
    assert ours.get_template("a.html").render() == "{{ 1 }} 2"
    (templates / "a.html").write_text("{{ 1 }} [[ 3 ]]")
    ours = jinja2.Environment(loader=loader, bytecode_cache=Compiled(tmp_path / "compiled"))
    assert ours.get_template("a.html").render() == "1 [[ 3 ]]", "another source is compiled anew"


def test_a_folder_that_is_damaged_costs_time_and_no_page(folder: Path, tmp_path: Path) -> None:
    whole = page(folder)
    for path in folder.iterdir():
        path.write_bytes(b"")
    assert page(folder) == whole
    shutil.rmtree(folder)
    assert page(folder) == whole
