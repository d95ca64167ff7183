"""``kexia publish`` as a province uses it: commands, their JSON, their exit codes."""

import json
import shutil
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.cli.main import main
from appliance.publisher import programmes as publisher
from appliance.publisher import signing
from appliance.publisher.desk import Keys
from sync import lease
from sync.progress import Silent
from sync.publish import in_force, sign, stage
from sync.publish.keys import no_passphrase, read_key
from sync.publish.roles import KeyRole
from sync.publish.workspace import open_workspace
from tests.kit.whole import published

HEADINGS = "课程编号,标题,学段,年级,学科,版本,册次,章节,资源类型,文件,许可,提供者,授权范围"
ROW = "{id},{title},小学,一年级,音乐,人教版,上册,第一单元,课件,{file},CC-BY-4.0,测试,all"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="9"></svg>'


def fill(folder: Path, lessons: Mapping[str, str]) -> Path:
    """A folder with a sheet and one picture per lesson (id → title)."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [HEADINGS]
    for number, (lesson, title) in enumerate(lessons.items()):
        rows.append(ROW.format(id=lesson, title=title, file=f"{lesson}.svg"))
        (folder / f"{lesson}.svg").write_text(SVG.format(number + 1), encoding="utf-8")
    (folder / "lessons.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


class Office:
    """A person at a command line."""

    def __init__(
        self, folder: Path, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
    ) -> None:
        self.folder, self.patch, self.capture = folder, patch, capture
        self.workspace = folder / "workspace"

    def run(self, *words: object, expect: int = 0) -> dict[str, Any]:
        """``kexia publish … --json``; the object at its end."""
        text = self.tell(*words, "--json", expect=expect)
        value = json.loads(text.splitlines()[-1])
        assert isinstance(value, dict)
        return value

    def tell(self, *words: object, expect: int = 0) -> str:
        """``kexia publish …``; what it says, on both streams."""
        self.patch.setattr(sys, "argv", ["kexia", "publish", *map(str, words)])
        self.capture.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self.capture.readouterr()
        assert ended.value.code in ((0, None) if expect == 0 else (expect,)), out + err
        return out + ("" if "--json" in words else err)

    def found(self, *options: str) -> None:
        self.run("init", self.workspace, "--code", "43", "--name", "湖南省", *options)

    def add(self, name: str = "music-1a", **lessons: str) -> Path:
        folder = fill(self.folder / name, lessons or {"l1": "国歌"})
        self.run("add", self.workspace, folder, "--collection", f"43/{name}")
        return folder

    def offers(self) -> dict[str, int]:
        """Lessons per collection, as a new box sees them."""
        workspace = open_workspace(self.workspace)
        root = (workspace.metadata / "1.root.json").read_bytes()
        shutil.rmtree(self.folder / "scratch", ignore_errors=True)
        found = published(workspace.repository, root, self.folder / "scratch")
        return {entry.id: entry.lessons for entry in found.collections}


@pytest.fixture
def office(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Office:
    monkeypatch.delenv("KEXIA_PASSPHRASE", raising=False)
    return Office(tmp_path, monkeypatch, capsys)


def test_a_demo_province_in_five_commands(office: Office) -> None:
    office.found("--demo")
    folder = office.add(l1="国歌", l2="小星星")
    released = office.run("release", office.workspace, "--sign-all")
    assert released["staged"] == 2
    assert released["signed"] == ["editor", "reviewer"]
    night = office.run("nightly", office.workspace)
    assert night["published"] == 2
    assert night["collections"] == [{"id": "43/music-1a", "edition": 1, "lessons": 2}]
    assert office.offers() == {"43/music-1a": 2}
    assert office.run("release", office.workspace, "--sign-all")["staged"] is None
    quiet = office.run("nightly", office.workspace)
    assert (quiet["published"], quiet["timestamp_signed"]) == (None, False)
    fill(folder, {"l1": "国歌"})
    office.run("release", office.workspace, "--sign-all")
    office.run("nightly", office.workspace)
    assert office.offers() == {"43/music-1a": 1}


def test_a_real_province_with_two_people_and_a_stick(office: Office) -> None:
    office.patch.setenv("KEXIA_PASSPHRASE", "secret")
    office.found()
    office.add()
    office.run("release", office.workspace)
    stick = office.folder / "stick"
    for role in ("editor", "reviewer"):
        exported = office.run("keys", office.workspace, "export", role, "--to", stick)
        [file] = exported["files"]
        away = shutil.copytree(office.workspace / "staged" / "2", office.folder / f"at-{role}")
        signed = office.run("sign", away, "--as", role, "--key", file)
        [collection] = signed["collections"]
        assert (collection["id"], collection["edition"]) == ("43/music-1a", 1)
        assert collection["lessons"] == [["l1", "国歌"]]
        shutil.copy(away / f"2.{role}.json", office.workspace / "staged" / "2")
    assert office.run("nightly", office.workspace)["published"] == 2
    assert office.offers() == {"43/music-1a": 1}
    keys = office.run("keys", office.workspace, "list")["keys"]
    assert isinstance(keys, list)
    assert {key["role"] for key in keys if not key["is_here"]} == {"editor", "reviewer"}
    office.run("sign", office.workspace, "--as", "editor", expect=2)


def test_sign_all_needs_demo_keys(office: Office) -> None:
    office.patch.setenv("KEXIA_PASSPHRASE", "secret")
    office.found()
    office.add()
    refused = office.run("release", office.workspace, "--sign-all", expect=2)
    assert "two people" in str(refused["error"])
    assert not list((office.workspace / "staged").iterdir())


def test_a_night_says_what_waits_for_whom(office: Office) -> None:
    office.found("--demo")
    office.add()
    office.run("release", office.workspace)
    office.run("sign", office.workspace, "--as", "editor")
    assert office.run("nightly", office.workspace)["waiting"] == [
        {"number": 2, "missing": ["reviewer"]}
    ]
    assert "Candidate 2 waits for reviewer." in office.tell("nightly", office.workspace)
    office.run("sign", office.workspace, "--as", "rollout", expect=2)


def test_two_signatures_of_one_key_are_refused(office: Office) -> None:
    office.found("--demo")
    office.add()
    office.run("release", office.workspace)
    [editor] = (office.workspace / "keys").glob("editor-*")
    staged = office.workspace / "staged" / "2"
    away = shutil.copytree(staged, office.folder / "stick")
    for place in (office.workspace, staged, away):
        office.run("sign", place, "--as", "editor", "--key", editor)
        before = (staged / "2.reviewer.json").read_bytes()
        refused = office.run("sign", place, "--as", "reviewer", "--key", editor, expect=5)
        assert "this is not the reviewer's key" in str(refused["error"])
        assert (staged / "2.reviewer.json").read_bytes() == before
    assert office.run("nightly", office.workspace)["waiting"][0]["missing"] == ["reviewer"]
    assert office.offers() == {}


def test_a_bad_candidate_is_told_and_stops_nothing(office: Office) -> None:
    office.found("--demo")
    folder = office.add()
    office.run("release", office.workspace, "--sign-all")
    fill(folder, {"l1": "国歌", "l2": "小星星"})
    office.run("release", office.workspace)
    [key] = (office.workspace / "keys").glob("editor-*")
    bad = stage.open_candidate(office.workspace / "staged" / "3")
    stage.sign_candidate(bad, KeyRole.REVIEWER, read_key(key, no_passphrase))
    [fault] = office.run("status", office.workspace)["refused"]
    assert fault["where"] == "staged/3/3.reviewer.json"
    server = office.folder / "server"
    night = office.run("nightly", office.workspace, "--push", server, expect=5)
    assert (night["published"], night["waiting"], len(night["pushed"])) == (2, [], 1)
    assert night["refused"] == [fault]
    assert office.offers() == {"43/music-1a": 1}
    told = office.tell("nightly", office.workspace, expect=5)
    assert "Refused: staged/3/3.reviewer.json" in told
    (bad.folder / "3.reviewer.json").unlink()
    told = office.tell("status", office.workspace)
    assert "3.reviewer.json is missing" in told
    assert "remove staged/3" in told
    assert office.run("release", office.workspace)["staged"] == 4
    for role in ("editor", "reviewer"):
        assert office.run("sign", office.workspace, "--as", role)["number"] == 4
    assert office.run("nightly", office.workspace)["published"] == 4
    assert office.offers() == {"43/music-1a": 2}


def test_every_fault_of_every_folder_at_once(office: Office) -> None:
    office.found("--demo")
    first, second = office.add("music-1a"), office.add("music-1b")
    for folder in (first, second):
        (folder / "l1.svg").unlink()
    for words in (["check", office.workspace], ["release", office.workspace]):
        refused = office.run(*words, expect=3)
        faults = refused["faults"]
        assert isinstance(faults, list)
        assert len(faults) == 2
        assert all("lessons.csv row 2" in fault["where"] for fault in faults)
        assert all(fault["cure"] for fault in faults)
    assert not list((office.workspace / "staged").iterdir())
    fill(first, {"l1": "国歌"})
    checked = office.run("check", first)["checked"]
    assert isinstance(checked, list)
    office.run("release", office.workspace, "--collection", "43/music-1a")
    office.run("release", office.workspace, "--collection", "43/none", expect=2)


def test_a_site_is_a_collection_of_one_interactive(office: Office) -> None:
    office.found("--demo")
    site = office.folder / "pizza"
    (site / "js").mkdir(parents=True)
    (site / "js" / "app.js").write_text("1")
    words = ("add", office.workspace, site, "--collection", "43/pizza", "--site")
    refused = office.run(*words, expect=3)
    assert "index.html" in json.dumps(refused)
    (site / "index.html").write_text("<!doctype html><title>p</title>")
    office.run(*words, "--title", "分披萨")
    office.run("check", office.workspace)
    office.run("release", office.workspace, "--sign-all")
    office.run("nightly", office.workspace)
    assert office.offers() == {"43/pizza": 1}
    assert office.run("release", office.workspace)["staged"] is None
    assert not (office.workspace / "made.partial").exists()


def test_a_folder_may_be_registered_again_under_its_own_code_only(office: Office) -> None:
    office.found("--demo")
    office.add()
    other = fill(office.folder / "other", {"l1": "a", "l2": "b"})
    office.run("add", office.workspace, other, "--collection", "43/music-1a", "--title", "歌")
    status = office.run("status", office.workspace)
    [source] = status["sources"]
    assert source == {
        "collection": "43/music-1a", "folder": str(other), "title": "歌", "kind": "sheet"
    }  # fmt: skip
    office.run("add", office.workspace, other, "--collection", "44/music-1a", expect=2)
    office.run("add", office.workspace, other / "none", "--collection", "43/x", expect=2)


def test_a_lesson_is_withdrawn_and_comes_back(office: Office) -> None:
    office.found("--demo")
    office.add()
    office.run("release", office.workspace, "--sign-all")
    office.run("nightly", office.workspace)
    for wrong in ("43/music-1a/l9", "43/other/l1", "nonsense"):
        office.run("withdraw", office.workspace, wrong, "--reason", "x", expect=2)
    office.run("withdraw", office.workspace, "43/music-1a/l1", expect=2)
    made = office.run("withdraw", office.workspace, "43/music-1a/l1", "--reason", "版权")
    assert made["number"] == 1
    assert "withdrawal 1: 43/music-1a/l1 (版权)" in office.tell("status", office.workspace)
    undone = office.run("withdraw", office.workspace, "--undo", 1)
    assert undone == {"staged": 3, "reinstated": 1}
    for role in ("editor", "reviewer"):
        assert "lifts withdrawal 1" in office.tell("sign", office.workspace, "--as", role)
    office.run("nightly", office.workspace)
    assert office.run("status", office.workspace)["withdrawals"] == []


def test_keys_are_rotated_and_cities_introduced(office: Office) -> None:
    office.found("--demo")
    city = office.folder / "city"
    office.run("init", city, "--code", "4301", "--name", "长沙市", "--demo")
    root = city / "repository" / "metadata" / "1.root.json"
    keys = ("keys", office.workspace)
    office.run(*keys, "introduce", "4302", root, "--url", "https://c.cn", expect=2)
    office.run(*keys, "introduce", "4301", root, "--url", "https://c.cn")
    assert "introduces 4301 长沙市" in office.tell("status", office.workspace)
    office.run(*keys, "revoke", "4301")
    office.run(*keys, "revoke", "4301", expect=2)
    rotated = office.run(*keys, "rotate", "editor")
    assert rotated["restaged"] is None
    assert "root" in office.tell(*keys, "list")
    assert "expires" in office.tell(*keys, "list")


def test_a_key_its_holder_made_is_brought(office: Office) -> None:
    office.patch.setenv("KEXIA_PASSPHRASE", "secret")
    office.found()
    passphrase = office.folder / "passphrase"
    passphrase.write_text("of the editor\n")
    stick = office.folder / "stick"
    exported = office.run(
        *("keys", office.workspace, "export", "editor", "--to", stick, "--keep"),
        *("--new-passphrase-file", passphrase),
    )
    [file] = exported["files"]
    assert (office.workspace / "keys" / Path(file).name).exists()
    office.add()
    office.run("release", office.workspace)
    staged = office.workspace / "staged" / "2"
    office.run("sign", staged, "--as", "editor", "--key", file, expect=2)
    office.run("sign", staged, "--as", "editor", "--key", file, "--passphrase-file", passphrase)
    office.run("sign", staged, "--as", "editor", expect=2)


def test_a_push_after_the_night(office: Office) -> None:
    office.found("--demo")
    office.add()
    office.run("release", office.workspace, "--sign-all")
    server = office.folder / "server"
    night = office.run("nightly", office.workspace, "--push", server)
    [pushed] = night["pushed"]
    assert pushed["files"] == len([path for path in server.rglob("*") if path.is_file()])
    assert "Pushed 0 file(s)" in office.tell("push", office.workspace, server)
    (office.workspace / "repository" / "editor.pem").write_text("x")
    refused = office.run("push", office.workspace, server, expect=3)
    assert "editor.pem" in json.dumps(refused)


def test_a_place_that_refuses_keeps_no_other_waiting(office: Office) -> None:
    office.found("--demo")
    office.add()
    office.run("release", office.workspace, "--sign-all")
    server, inside = office.folder / "server", office.workspace / "www"
    refused = office.run("nightly", office.workspace, "--push", inside, "--push", server, expect=2)
    assert "workspace" in str(refused["error"])
    assert (server / "metadata" / "timestamp.json").is_file()
    assert not inside.exists()


@pytest.mark.e2e
def test_a_server_that_is_down_keeps_no_other_waiting(office: Office) -> None:
    office.found("--demo")
    office.add()
    office.run("release", office.workspace, "--sign-all")
    office.patch.setenv("RSYNC_RSH", "false")
    server = office.folder / "server"
    words = ("nightly", office.workspace, "--push", "down.invalid:/srv", "--push", server)
    night = office.run(*words, expect=9)
    assert night["published"] == 2
    assert "down.invalid" in night["broken_off"][0]
    assert [each["to"] for each in night["pushed"]] == [str(server)]
    told = office.tell("push", office.workspace, "down.invalid:/srv", expect=9)
    assert "Run again" in told


def test_a_mirror_of_a_folder(office: Office) -> None:
    office.found("--demo")
    nation = office.folder / "nation"
    office.run("init", nation, "--code", "cn", "--name", "国家", "--demo")
    done = office.run("mirror", office.workspace, nation / "repository")
    assert office.run("status", office.workspace)["mirrors"] == [done["publisher_id"]]
    assert "mirrors/" in office.tell("mirror", office.workspace, nation / "repository")
    office.run("mirror", office.workspace, office.folder / "none", expect=4)


def test_a_workspace_is_made_once_and_needs_a_code_and_a_passphrase(office: Office) -> None:
    words = ("init", office.workspace, "--code", "43", "--name", "湖南省")
    assert "passphrase" in str(office.run(*words, expect=2)["error"])
    office.patch.setenv("KEXIA_PASSPHRASE", "")
    office.run(*words, expect=2)
    office.run("init", office.workspace, "--code", "!", "--name", "x", "--demo", expect=2)
    assert not office.workspace.exists()
    office.found("--demo")
    office.run(*words, "--demo", expect=2)
    for command in ("status", "release", "nightly"):
        office.run(command, office.folder / "none", expect=2)


def test_one_writer_at_a_time(office: Office) -> None:
    office.found("--demo")
    workspace = open_workspace(office.workspace)
    with lease.hold(workspace.lease, holder="kexia publish release"):
        refused = office.run("nightly", office.workspace, expect=7)
        assert "kexia publish release" in str(refused["error"])
        office.run("status", office.workspace)


def test_signatures_are_renewed_before_they_expire(office: Office) -> None:
    office.found("--demo")
    office.add()
    office.run("release", office.workspace, "--sign-all")
    office.run("nightly", office.workspace)
    later = in_force.read_roles(open_workspace(office.workspace).metadata).signed_at
    later += sign.ROLE_LIFETIME - sign.SAFE_REST + timedelta(days=1)
    released = publisher.release(office.workspace, (), later, Silent())
    assert released.renewal
    assert publisher.release(office.workspace, (), later, Silent()).candidate is None
    signing.sign_all(office.workspace, Keys())
    night = publisher.nightly(office.workspace, Keys(), later, Silent())
    assert KeyRole.EDITOR not in night.expiring
    assert office.offers() == {"43/music-1a": 1}


def test_people_are_told_in_words(office: Office) -> None:
    told = office.tell("init", office.workspace, "--code", "43", "--name", "湖南省", "--demo")
    assert "湖南省 (43) is founded" in told
    folder = fill(office.folder / "music-1a", {"l1": "国歌"})
    added = office.tell("add", office.workspace, folder, "--collection", "43/music-1a")
    assert "43/music-1a comes from" in added
    assert "without fault" in office.tell("check", office.workspace)
    assert "Candidate 2 is staged" in office.tell("release", office.workspace)
    assert "nothing was staged" in office.tell("release", office.workspace)
    signed = office.tell("sign", office.workspace, "--as", "editor")
    assert "l1 国歌" in signed
    office.tell("sign", office.workspace, "--as", "reviewer")
    assert "Published candidate 2" in office.tell("nightly", office.workspace)
    assert "Nothing new" in office.tell("nightly", office.workspace)
    status = office.tell("status", office.workspace)
    assert "demo keys" in status
    assert "43/music-1a edition 1" in status
    (folder / "l1.svg").unlink()
    told = office.tell("check", office.workspace, expect=3)
    assert "lessons.csv row 2" in told


def test_pruning_keeps_what_boxes_need(office: Office) -> None:
    office.found("--demo")
    folder = office.add(l1="国歌")
    repository = office.workspace / "repository"
    night: dict[str, Any] = {}
    for number in range(1, 4):
        (folder / "l1.svg").write_text(SVG.format(number * 100), encoding="utf-8")
        office.run("release", office.workspace, "--sign-all", "--reprove", "1")
        night = office.run("nightly", office.workspace, *(["--prune"] if number == 3 else []))
    assert night["pruned"]["removed"] == 0  # all of it was in force a moment ago
    files = sum(path.is_file() for path in repository.rglob("*"))
    would = office.run("prune", office.workspace, "--editions", 1, "--days", 0, "--dry-run")
    assert would["removed"] == len(would["names"]) > 0
    assert "would go" in office.tell("prune", office.workspace, "--days", 0, "--dry-run")
    assert sum(path.is_file() for path in repository.rglob("*")) == files
    done = office.run("prune", office.workspace, "--editions", 1, "--days", 0)
    assert done["names"] == would["names"]
    assert (done["bytes"], done["kept"]) == (would["bytes"], files - done["removed"])
    assert office.offers() == {"43/music-1a": 1}
    assert "Removed 0 file(s)" in office.tell("prune", office.workspace)


def test_nothing_is_pruned_while_a_push_sends_it(office: Office) -> None:
    office.found("--demo")
    with lease.hold(open_workspace(office.workspace).push_lease, holder="kexia publish push"):
        assert "kexia publish push" in office.tell("prune", office.workspace, expect=7)


@pytest.mark.parametrize("name", ["kexia-nightly.service", "kexia-nightly.cron"])
def test_what_runs_at_night_is_a_command_there_is(office: Office, name: str) -> None:
    units = Path(publisher.__file__).parents[1] / "units"
    [line] = [
        line
        for line in (units / name).read_text().splitlines()
        if "kexia publish nightly" in line and not line.startswith("#")
    ]
    told = office.tell("nightly", "--help")
    used = [word for word in line.split() if word.startswith("--")]
    assert used
    assert all(option in told for option in used)
