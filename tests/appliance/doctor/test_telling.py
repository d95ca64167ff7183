"""What the doctor says: one page in two languages, one object, an exit code, a page to open."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.cli.box_doctor import page
from appliance.cli.main import main
from appliance.config import BoxConfig, save
from appliance.doctor.findings import Finding, Severity
from appliance.doctor.sayings import Code
from appliance.lan import inforce
from appliance.lan.config import Mode
from appliance.lan.inforce import InForce
from appliance.paths import BoxPaths
from tests.kit.visiting import visiting


@pytest.fixture
def box(tmp_path: Path) -> BoxPaths:
    paths = BoxPaths(tmp_path / "box")
    paths.root.mkdir()
    save(paths, BoxConfig(clock_is_set=datetime.now(UTC).year > 2026))
    inforce.save(paths, InForce(Mode.WIRED, "no-such-card"))
    return paths


def doctor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object
) -> tuple[int, str]:
    monkeypatch.setattr(sys, "argv", ["kexia", "box", "doctor", *map(str, words)])
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    return code, capsys.readouterr().out


def test_the_command_tells_people_and_scripts(
    box: BoxPaths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = doctor(monkeypatch, capsys, box.root)
    assert "课匣没有连上" in said
    assert "The box is not connected" in said
    assert "课匣的页面没有应答" in said  # nobody serves here
    assert code == 9
    code, said = doctor(monkeypatch, capsys, box.root, "--quick", "--json")
    value = json.loads(said)
    assert code == value["exit_code"] == 9
    first = value["findings"][0]
    assert (first["code"], first["severity"]) == ("no-link", "bad")
    assert first["zh"]["do"].startswith("把网线两头插好")
    assert first["en"]["do"].startswith("Plug in the cable")


def test_no_box_is_wrong_usage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor(monkeypatch, capsys, tmp_path)[0] == 2


def test_everything_at_once_is_still_one_page() -> None:
    worst = tuple(Finding(code, Severity.BAD, "x" * 60) for code in list(Code)[:10])
    assert len(page(worst)) <= 60
    assert page(()) == ["一切正常。", "Everything that could be measured is well."]


async def test_the_page_beside_admin(box: BoxPaths) -> None:
    async with visiting(box.root) as visit:
        assert "/admin/doctor" in (await visit.get("/admin")).text
        told = await visit.get("/admin/doctor")
        assert told.status == 200
        assert "课匣没有连上" in told.text
        assert told.headers["Cache-Control"] == "no-store"
        english = await visit.get("/admin/doctor", Cookie="language=en")
        assert "Plug in the cable" in english.text
