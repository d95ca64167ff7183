"""`kexia box network`: what it shows to people and scripts, and what it never shows."""

import json
import sys
from pathlib import Path

import pytest

from appliance.cli.main import main
from appliance.lan import inforce, keep
from appliance.lan.inforce import InForce
from appliance.paths import BoxPaths
from tests.appliance.lan.samples import ALONE, FIXED
from tests.appliance.lan.test_parts import STATE


@pytest.fixture
def box(tmp_path: Path) -> BoxPaths:
    keep.save(BoxPaths(tmp_path), ALONE)
    return BoxPaths(tmp_path)


def network(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object
) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["kexia", "box", "network", *map(str, words)])
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    told = capsys.readouterr()
    return code, told.out + told.err


def test_wanted_and_in_force_without_the_secret(
    box: BoxPaths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = network(monkeypatch, capsys, box.root)
    assert code == 0
    assert "wanted: access-point, 青山教学点, channel 6" in said
    assert "nothing told yet" in said
    inforce.save(box, STATE)
    for words in ((box.root, "show"), (box.root, "--json")):
        code, said = network(monkeypatch, capsys, *words)
        assert code == 0
        assert "10.0.0.5" in said
        assert ALONE.passphrase not in said
        assert "passphrase" not in said
    value = json.loads(said)
    assert value["in_force"]["problem"] == "conflict"
    assert value["wanted"]["country"] == "CN"


def test_a_problem_is_told_in_words(
    box: BoxPaths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keep.save(box, FIXED)
    inforce.save(box, STATE)
    said = network(monkeypatch, capsys, box.root)[1]
    assert (
        "problem: somebody else has the fixed address; this one was taken instead (a → b)" in said
    )


def test_a_spoilt_or_missing_file_is_told_with_its_field(
    box: BoxPaths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    inforce.save(box, InForce(STATE.mode))
    box.network.write_text("channel = 99\n")
    code, said = network(monkeypatch, capsys, box.root)
    assert code == 3
    assert "[network] channel" in said
    code, said = network(monkeypatch, capsys, box.root, "apply")
    assert code == 3
    assert "[network] channel: 99 is no channel of 2.4 GHz" in said
    box.network.unlink()
    code, said = network(monkeypatch, capsys, box.root, "apply")
    assert code == 2
    assert "nobody said what network this box wants" in said
    assert network(monkeypatch, capsys, box.root, "mend")[0] == 2
