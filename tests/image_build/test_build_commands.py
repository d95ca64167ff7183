"""``kexia image build`` and ``cache`` on the command line: words, objects, exit codes."""

from pathlib import Path

import pytest

from tests.image_build.built import SPEC, kexia_image

pytestmark = pytest.mark.thorough


def test_a_spec_with_faults_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    spec = tmp_path / "image.toml"
    spec.write_text(SPEC.format(board="toaster", suite="buster", ca=""))
    said = kexia_image("build", spec, "--to", tmp_path / "out", code=3)
    assert isinstance(said["faults"], list)
    assert [fault["where"].rpartition(" ")[2] for fault in said["faults"]] == ["board", "suite"]
    assert not (tmp_path / "out").exists()


def test_a_spec_that_is_not_there(tmp_path: Path) -> None:
    said = kexia_image("build", tmp_path / "no.toml", "--to", tmp_path, code=3)
    assert "no.toml" in str(said["error"])


def test_an_empty_cache_cannot_be_carried(tmp_path: Path) -> None:
    options = ("--cache", tmp_path / "none")
    said = kexia_image("cache", "export", tmp_path / "c.tar", *options, code=3)
    assert "build an image first" in str(said["hint"])


def test_something_else_is_no_cache(tmp_path: Path) -> None:
    (tmp_path / "c.tar").write_bytes(b"PK\3\4" * 4000)
    said = kexia_image("cache", "import", tmp_path / "c.tar", "--cache", tmp_path / "x", code=3)
    assert "no whole cache file" in str(said["error"])
    assert not (tmp_path / "x").exists()
