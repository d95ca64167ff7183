"""What a technician is told of a stick: of good ones, cut ones, and those a stranger made."""

import json
import os
import shutil
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from appliance.cli.main import app
from appliance.technician import listing, programmes, proving
from appliance.technician.findings import Checked
from appliance.technician.programmes import Question
from sync.digest import sha256
from sync.errors import NoSource, UsageError
from sync.feed import encode
from sync.progress import Silent
from sync.stick import note as notes
from sync.stick.have import Held
from sync.trust import DemoKeys
from tests.appliance.test_stick_prepare import (
    FIRST,
    SECOND,
    feed_of,
    half,
    have_list,
    prepared,
    province,
    publisher,
)
from tests.kit.boxes import BoxUnderTest
from tests.kit.province import Edition, Province

__all__ = ["province"]

LATER = datetime(2026, 11, 25, tzinfo=UTC)


def checked(place: Path, **changes: object) -> Checked:
    question = replace(Question(place, None, None, (), DemoKeys.ACCEPT), **changes)  # type: ignore[arg-type]  # of the fields' own kinds
    return programmes.check_stick(question, LATER, Silent())


@pytest.fixture
def stick(province: Province, tmp_path: Path) -> Path:
    prepared(province, tmp_path / "stick", collections=["43/a"])
    return tmp_path / "stick"


def folder_of(stick: Path, province: Province) -> Path:
    return stick / "KEXIA" / publisher(province)


def test_a_good_stick_is_complete_and_sound(province: Province, stick: Path) -> None:
    found = checked(stick)
    assert (found.exit_code, found.complete) == (0, True)
    [signer] = found.publishers
    assert (signer.code, signer.vouched, signer.age) == ("43", False, "")
    [edition] = signer.editions
    assert (edition.id, edition.edition) == ("43/a", 2)
    assert (edition.files, edition.bytes) == (6, sum(map(len, SECOND.values())))
    assert edition.files == edition.all_files
    on_disk = {path for path in folder_of(stick, province).rglob("*") if path.is_file()}
    metadata = {path for path in on_disk if path.parent.name == "metadata"}
    assert found.files == len(on_disk - metadata)


def test_one_file_is_as_good_as_the_stick(province: Province, tmp_path: Path, stick: Path) -> None:
    prepared(province, tmp_path / "x.kexia", collections=["43/a"])
    found, other = checked(tmp_path / "x.kexia"), checked(stick)
    assert found.exit_code == 0
    assert (found.files, found.bytes, found.publishers) == (
        other.files,
        other.bytes,
        other.publishers,
    )


@pytest.mark.parametrize("part", [0.001, 0.3, 0.999])
def test_a_file_that_was_cut_off_is_incomplete(
    province: Province, tmp_path: Path, part: float
) -> None:
    prepared(province, tmp_path / "x.kexia", collections=["43/a"])
    data = (tmp_path / "x.kexia").read_bytes()
    (tmp_path / "x.kexia").write_bytes(data[: int(part * len(data))])
    found = checked(tmp_path / "x.kexia")
    assert found.exit_code == 9
    assert "ends early" in found.lacking[0]


def test_what_was_not_copied_is_named(province: Province, stick: Path) -> None:
    [film, *_] = sorted(folder_of(stick, province).rglob("resources/*/*"))
    film.unlink()
    found = checked(stick)
    assert found.exit_code == 9
    assert found.lacking == [
        f"43/a edition 2: 5 of 6 files, {found.publishers[0].editions[0].bytes} of "
        f"{sum(map(len, SECOND.values()))} bytes are here"
    ]
    next(folder_of(stick, province).rglob("feeds/*/*")).unlink()
    assert checked(stick).lacking == ["43/a edition 2: its feed is not here"]


def test_a_preparation_that_did_not_end_is_incomplete(stick: Path) -> None:
    path = stick / "KEXIA/stick.json"
    path.write_bytes(path.read_bytes().replace(b'"complete":true', b'"complete":false'))
    found = checked(stick)
    assert found.exit_code == 9
    assert "did not end" in found.lacking[0]


def test_bad_files_are_named_and_the_rest_is_read(province: Province, stick: Path) -> None:
    folder = folder_of(stick, province)
    [film, other] = sorted(folder.rglob("resources/*/*"))
    film.write_bytes(film.read_bytes()[:-1] + b"x")
    [cat] = folder.rglob("*.cat")
    cat.write_bytes(b"x" + cat.read_bytes()[1:])
    found = checked(stick)
    assert found.exit_code == 3
    assert len(found.bad) == 2
    assert any(film.name in line for line in found.bad)
    assert any("0.cat: 1 of the 4 resources in it are damaged" in line for line in found.bad)
    assert found.publishers[0].editions[0].files == 4
    assert other.exists()


def test_altered_metadata_is_refused(province: Province, stick: Path) -> None:
    timestamp = folder_of(stick, province) / "metadata/timestamp.json"
    timestamp.write_bytes(timestamp.read_bytes().replace(b'"version":', b'"version": 1'))
    found = checked(stick)
    assert found.exit_code == 5
    assert found.refused
    assert not found.publishers


def test_a_stranger_s_repository_is_refused_when_roots_are_known(
    province: Province, tmp_path: Path
) -> None:
    stranger = Province.create(tmp_path / "stranger", "51", "四川省")
    stranger.publish({"51/a": FIRST})
    prepared(stranger, tmp_path / "stick", collections=["51/a"])
    assert checked(tmp_path / "stick").exit_code == 0, "sound, but only its own root says so"
    (tmp_path / "43.json").write_bytes(province.root)
    found = checked(tmp_path / "stick", roots=[tmp_path / "43.json"])
    assert found.exit_code == 5
    assert "signed by publisher 51" in found.refused[0]
    renamed = tmp_path / "stick/KEXIA" / publisher(province)
    (tmp_path / "stick/KEXIA" / publisher(stranger)).rename(renamed)
    assert "holds the repository of publisher" in checked(tmp_path / "stick").refused[0]


def test_demo_keys_are_refused_where_nobody_accepts_them(stick: Path) -> None:
    found = checked(stick, demo=DemoKeys.REFUSE)
    assert found.exit_code == 5
    assert "demo keys" in found.refused[0]


def test_an_old_edition_under_a_new_name_is_a_bad_file(province: Province, stick: Path) -> None:
    """The feed of edition 1 where that of edition 2 should be."""
    folder = folder_of(stick, province)
    [feed] = folder.rglob("feeds/*/*")
    feed.write_bytes(encode(feed_of(province, "43/a", 1))[0])
    found = checked(stick)
    assert found.exit_code == 3
    assert feed.name in found.bad[0]
    assert found.lacking == ["43/a edition 2: its feed is not here"]


def test_links_devices_and_pipes_are_told_and_not_opened(
    province: Province, stick: Path, tmp_path: Path
) -> None:
    folder = folder_of(stick, province)
    secret = tmp_path / "secret"
    secret.write_bytes(b"of this machine")
    shard = folder / "resources" / sha256(secret.read_bytes())[:2]
    shard.mkdir(exist_ok=True)
    (shard / sha256(secret.read_bytes())).symlink_to(secret)
    (folder / "linked").symlink_to("/etc")
    os.mkfifo(folder / "resources/pipe")
    # Not bound: a socket's path may have 108 bytes, and temporary folders lie deeper than that.
    os.mknod(folder / "s", stat.S_IFSOCK | 0o600)
    found = checked(stick)
    assert found.exit_code == 3
    assert len(found.bad) == 4
    assert sum("symbolic link" in line for line in found.bad) == 2
    assert sum("device, pipe or socket" in line for line in found.bad) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make device nodes")
def test_a_device_node_is_not_opened(province: Province, stick: Path) -> None:
    os.mknod(folder_of(stick, province) / "zero", 0o600 | 0o020000, os.makedev(1, 5))
    assert "device, pipe or socket" in checked(stick).bad[0]


def test_a_million_names_end_the_look_and_not_the_machine(
    stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MAX_NAMES", 500)
    many = stick / "KEXIA/0000000000000000/resources/00"
    many.mkdir(parents=True)
    for number in range(600):
        (many / f"{number:064x}").touch()
    found = checked(stick)
    assert found.exit_code == 3
    assert "more than 500 names" in found.bad[0]


def test_tricks_with_case_and_names_hide_nothing(province: Province, stick: Path) -> None:
    folder = folder_of(stick, province)
    (folder / "Resources/AA").mkdir(parents=True)
    (folder / "Resources/AA" / ("A" * 64)).write_bytes(b"x")
    (folder / "metadata/TIMESTAMP.JSON").write_bytes(b"{}")
    (stick / "KEXIA/\x1b[2J\udcff").write_bytes(b"x")
    (folder / "resources/\x1b[31mred").symlink_to("/etc/passwd")
    found = checked(stick)
    assert found.notes == ["3 files have no place on a stick"]
    assert found.bad == [
        f"KEXIA/{publisher(province)}/resources/?[31mred: a symbolic link, not a file"
    ]


def test_a_broken_note_is_a_bad_file_and_a_missing_one_no_fault(stick: Path) -> None:
    (stick / "KEXIA/stick.json").write_bytes(b"{" * 100_000)
    assert checked(stick).exit_code == 3
    (stick / "KEXIA/stick.json").unlink()
    found = checked(stick)
    assert found.exit_code == 0
    assert found.note is None
    assert "no stick.json" in found.notes[0]


def test_a_whole_repository_copied_by_hand_is_a_stick(province: Province, tmp_path: Path) -> None:
    (tmp_path / "stick/KEXIA").mkdir(parents=True)
    province.copy(folder_of(tmp_path / "stick", province))
    found = checked(tmp_path / "stick")
    assert found.exit_code == 0
    editions = {one.id: (one.files, one.all_files) for one in found.publishers[0].editions}
    assert editions == {"43/a": (6, 6), "43/b": (2, 2)}


def test_what_is_no_stick_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(NoSource, match="no folder KEXIA"):
        checked(tmp_path)
    with pytest.raises(NoSource):
        checked(tmp_path / "none")
    with pytest.raises(UsageError, match="is no box"):
        checked(tmp_path, box=tmp_path)
    (tmp_path / "film.mp4").write_bytes(b"\0" * 5 + b"x" * 5000)
    assert checked(tmp_path / "film.mp4").exit_code == 3


def test_held_against_a_box(province: Province, tmp_path: Path) -> None:
    box = BoxUnderTest.create(tmp_path / "box", province.root).subscribe("43/a")
    prepared(province, tmp_path / "stick", collections=["43/a"])
    found = checked(tmp_path / "stick", box=box.paths.root)
    assert found.exit_code == 0
    assert found.publishers[0].vouched
    assert found.box is not None
    assert (found.box.files, found.box.bytes) == (6, sum(map(len, SECOND.values())))
    box.sync(province.repository)
    found = checked(tmp_path / "stick", box=box.paths.root)
    assert found.box is not None
    assert (found.box.files, found.box.missing) == (0, 0)
    assert found.publishers[0].age == "same"
    assert found.publishers[0].editions[0].box_edition == 2


def test_a_box_that_needs_more_than_the_stick_has(province: Province, tmp_path: Path) -> None:
    box = BoxUnderTest.create(tmp_path / "box", province.root).subscribe("43/a")
    have = have_list(tmp_path, province, Held(half(province, "43/a", 1)))
    prepared(province, tmp_path / "stick", have=[have])
    found = checked(tmp_path / "stick", box=box.paths.root)
    assert found.exit_code == 9
    assert found.box is not None
    assert found.box.missing == 3
    for_its_box = checked(tmp_path / "stick", have=have)
    assert for_its_box.exit_code == 0
    assert for_its_box.box is not None
    new = sum(len(data) for name, data in SECOND.items() if FIRST.get(name) != data)
    assert (for_its_box.box.bytes, for_its_box.box.certain) == (new, False)
    current = have_list(tmp_path, province, Held(half(province, "43/a", 2), (3,)), sequence=8)
    found = checked(tmp_path / "stick", have=current)
    assert found.box is not None
    assert found.box.certain


def test_the_command_line_says_it_all(province: Province, stick: Path, tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["stick", "check", str(stick), "--demo"])
    assert told.exit_code == 0, told.output
    for words in ("complete and sound", "43/a edition 2: 6 of 6 files", "only its own root"):
        assert words in told.output
    [film, *_] = sorted(folder_of(stick, province).rglob("resources/*/*"))
    film.unlink()
    told = CliRunner().invoke(app, ["stick", "check", str(stick), "--demo", "--json"])
    value = json.loads(told.stdout)
    assert (told.exit_code, value["exit_code"], value["complete"]) == (9, 9, False)
    done = CliRunner().invoke(
        app,
        ["stick", "prepare", "--from", str(province.workspace.root), "--collections", "43/a,43/b",
         "--to", str(stick), "--demo", "--json"],
    )  # fmt: skip
    value = json.loads(done.stdout)
    assert done.exit_code == 0, done.output
    assert value["made_for"] == []
    assert value["files_written"] >= 2
    assert notes.decode((stick / "KEXIA/stick.json").read_bytes()).complete
    again = CliRunner().invoke(
        app, ["stick", "prepare", "--from", str(province.repository), "--collections", "43/a",
              "--to", str(stick), "--demo"],
    )  # fmt: skip
    assert "is complete: " in again.output
    assert "the roots were taken from the repository" in again.output


def test_a_stick_copied_with_a_file_manager_is_as_good(stick: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(stick, tmp_path / "copy"))
    assert checked(copy).exit_code == 0


def test_a_table_that_promises_more_than_there_is(
    province: Province, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = folder_of(stick, province)
    [cat] = folder.rglob("*.cat")
    whole = cat.read_bytes()
    cat.write_bytes(whole[:-1])
    found = checked(stick)
    assert (found.exit_code, len(found.bad)) == (3, 1)
    assert "its table says otherwise" in found.bad[0]
    cat.write_bytes(whole)
    assert checked(stick).exit_code == 0
    monkeypatch.setattr(proving, "MOST_RESOURCES", 3)
    assert "more than 3 resources" in checked(stick).bad[0]


def test_a_number_that_lacks_hides_those_behind_it(province: Province, stick: Path) -> None:
    folder = folder_of(stick, province) / "concatenations"
    for suffix in (".cat", ".tab"):
        (folder / f"0{suffix}").rename(folder / f"1{suffix}")
    found = checked(stick)
    assert found.exit_code == 3
    assert "a lower number is missing" in found.bad[0]
    assert found.publishers[0].editions[0].files == 2


def test_names_of_a_stranger_do_not_steer_the_terminal(tmp_path: Path) -> None:
    stranger = Province.create(tmp_path / "stranger", "51", "四川省\x1b[2J\n伪造")
    stranger.publish({"51/a": Edition(FIRST, title="题\x1b]0;x\x07\u202e")})
    prepared(stranger, tmp_path / "stick", collections=["51/a"])
    told = CliRunner().invoke(app, ["stick", "check", str(tmp_path / "stick"), "--demo"])
    assert told.exit_code == 0, told.output
    assert "四川省?[2J?伪造" in told.output
    assert not {"\x1b", "\x07", "\u202e"} & set(told.output)
