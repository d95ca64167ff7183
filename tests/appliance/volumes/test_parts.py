"""The small parts: what is remembered, what is shown, what a report comes to."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance import sticks
from appliance.sticks import Phase, Stick, Word
from appliance.volumes.board import Board
from appliance.volumes.errand import Course, Reached
from appliance.volumes.leds import Leds, Pattern, pattern
from appliance.volumes.unfinished import MAX_MEDIA, Unfinished
from appliance.volumes.verdict import Verdict, of_report
from sync.errors import KexiaError
from sync.files import write_whole
from tests.kit.slots import stick_device

GOLDEN = Path(__file__).parents[2] / "golden" / "returning-1.json"


def test_a_stick_that_was_being_written_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "returning.json"
    one = Unfinished(path)
    assert not one.has("vfat:1234-ABCD:8589934592")
    one.begin("vfat:1234-ABCD:8589934592")
    one.begin("exfat:5678-0001:17179869184")
    assert path.read_bytes() == GOLDEN.read_bytes()
    assert Unfinished(path).has("vfat:1234-ABCD:8589934592")
    one.end("vfat:1234-ABCD:8589934592")
    assert not Unfinished(path).has("vfat:1234-ABCD:8589934592")
    assert one.has("exfat:5678-0001:17179869184")


def test_no_more_are_remembered_than_there_is_room_for(tmp_path: Path) -> None:
    one = Unfinished(tmp_path / "returning.json")
    for number in range(MAX_MEDIA + 5):
        one.begin(f"vfat:{number}:1")
    assert not one.has("vfat:4:1")
    assert one.has("vfat:5:1")
    one.begin("")
    assert not one.has("")


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"format":"kexia-returning-1","media":[1]}'])
def test_a_damaged_memory_is_as_good_as_none(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "returning.json"
    path.write_bytes(data)
    assert not Unfinished(path).has("x")
    Unfinished(path).begin("x")
    assert Unfinished(path).has("x")


def test_a_file_is_replaced_whole_and_no_link_is_written_through(tmp_path: Path) -> None:
    """The volumes process is root, and the folder belongs to the box's own user."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    path = tmp_path / "volumes.json"
    (tmp_path / "volumes.json.partial").symlink_to(victim)
    write_whole(path, b"new")
    assert (path.read_bytes(), victim.read_bytes()) == (b"new", b"precious")
    assert not path.is_symlink()
    path.unlink()
    path.symlink_to(victim)
    write_whole(path, b"newer")
    assert (path.read_bytes(), victim.read_bytes()) == (b"newer", b"precious")
    with pytest.raises(KexiaError):
        write_whole(tmp_path / "no" / "folder", b"")


def test_the_board_is_written_only_when_it_changed(tmp_path: Path) -> None:
    path = tmp_path / "run" / "volumes.json"
    board = Board(path, Leds([], tmp_path))
    board.show()
    assert sticks.read(path).process == os.getpid()
    before = path.stat().st_ino
    board.show()
    assert path.stat().st_ino == before
    board.put(stick_device(), Stick("sdb1", Phase.DONE, Word.DONE))
    board.show()
    assert path.stat().st_ino != before
    assert [stick.word for stick in sticks.read(path).sticks] == [Word.DONE]


def test_lamps_go_by_what_people_must_know_first() -> None:
    assert pattern([]) is Pattern.NOTHING
    assert pattern([Phase.LEFT_ALONE]) is Pattern.NOTHING
    assert pattern([Phase.DONE, Phase.LEFT_ALONE]) is Pattern.DONE
    assert pattern([Phase.DONE, Phase.PROBLEM]) is Pattern.PROBLEM
    assert pattern([Phase.DONE, Phase.PROBLEM, Phase.RETURNING]) is Pattern.WORKING


def test_a_lamp_that_is_missing_is_no_fault(tmp_path: Path) -> None:
    leds = Leds(["none"], tmp_path)
    leds.show(Pattern.WORKING)
    leds.show(Pattern.NOTHING)
    assert list(tmp_path.iterdir()) == []


def test_time_left_is_reckoned_from_the_step_itself() -> None:
    now, told = [0.0], list[Reached]()
    course = Course(told.append, lambda: now[0])
    course.step("fetch", total=1000)
    now[0] = 10.0
    course.advance(250)
    assert told[-1] == Reached("fetch", 250, 1000, 30)
    course.step("index", total=5, unit="lessons")
    course.advance(2)
    assert told[-1] == Reached("index")


def test_a_stick_in_the_next_slot_is_another_one() -> None:
    problem = {"error": "/run/volumes/sdb1-12: bad", "exit_code": 8}
    assert of_report({"problems": [problem]}, ["/run/volumes/sdb1-1"]).word is Word.DONE_NOTHING_NEW
    assert of_report({"problems": [problem]}, ["/run/volumes/sdb1-12"]).word is Word.FAILING
    below = {"error": "/run/volumes/sdb1-12/KEXIA/00: bad", "exit_code": 8}
    assert of_report({"problems": [below]}, ["/run/volumes/sdb1-12"]).word is Word.FAILING


@pytest.mark.parametrize("codes", [(9, 8), (8, 9), (6, 5, 8, 9), (4, 8)])
def test_read_errors_come_first_and_nothing_is_written_then(codes: tuple[int, ...]) -> None:
    problems = [{"error": f"/m: trouble {code}", "exit_code": code} for code in codes]
    verdict = of_report({"problems": problems, "new_generation": True}, ["/m"])
    assert verdict == Verdict(Word.FAILING, "/m: trouble 8")
    assert not verdict.allows_writing


@given(
    st.lists(
        st.fixed_dictionaries(
            {"error": st.sampled_from(["/m: x", "else"]), "exit_code": st.integers(0, 11)}
        )
    )
)
def test_any_report_comes_to_one_word(problems: list[dict[str, object]]) -> None:
    verdict = of_report({"problems": problems, "new_generation": True}, ["/m"])
    assert verdict.word in Word
    if not problems:
        assert verdict.word is Word.DONE
