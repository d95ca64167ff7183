"""The log of a card's writes: read back as QEMU wrote it, and the card as it was at any of them."""

import shutil
import subprocess
from pathlib import Path
from random import Random

import pytest

from tests.vm.cutting import draw, numbers
from tests.vm.writes import SECTOR, WriteLog

WRITTEN = ("write -P 1 0 1k", "flush", "write -P 2 4k 1k", "discard 6k 1k", "write -z 4k 512")


@pytest.fixture
def log(tmp_path: Path) -> WriteLog:
    """As QEMU's own tool writes it."""
    if shutil.which("qemu-io") is None:
        pytest.skip("qemu-io (qemu-utils) is not installed")
    (tmp_path / "card").write_bytes(bytes(8192))
    (tmp_path / "log").touch()
    files = f"file.driver=file,file.filename={tmp_path}/card"
    log = f"log.driver=file,log.filename={tmp_path}/log"
    commands = [word for command in WRITTEN for word in ("-c", command)]
    subprocess.run(
        ["qemu-io", *commands, "--image-opts", f"driver=blklogwrites,{files},{log}"],
        check=True,
        capture_output=True,
    )
    return WriteLog.read(tmp_path / "log")


def card(log: WriteLog, at: int, lost: Random | None = None) -> bytes:
    path = log.path.with_name("again")
    path.write_bytes(bytes(8192))
    log.rebuild(path, at, lost=lost)
    return path.read_bytes()


def test_a_card_is_made_anew_as_it_was_after_each_write(log: WriteLog) -> None:
    one, two = b"\1" * 1024, b"\2" * 1024
    assert card(log, 0) == bytes(8192)
    assert card(log, 1) == one.ljust(8192, b"\0")
    assert card(log, 3) == (one.ljust(4096, b"\0") + two).ljust(8192, b"\0")
    whole = (one.ljust(4096, b"\0") + two[SECTOR:].rjust(1024, b"\0")).ljust(8192, b"\0")
    assert card(log, len(log.writes)) == whole == log.path.with_name("card").read_bytes()


def test_only_what_was_not_flushed_is_lost_or_torn(log: WriteLog) -> None:
    cards = {card(log, 3, Random(seed)) for seed in range(40)}
    assert all(data.startswith(b"\1" * 1024) for data in cards)
    assert {data[4096:5120].count(2) for data in cards} == {0, 512, 1024}


def test_a_log_says_how_far_it_was_and_what_a_write_touched(log: WriteLog) -> None:
    assert log.reached(log.writes[2].end) == 3
    assert log.reached(log.writes[2].end - 1) == 2
    assert [write.touches(4096, 512) for write in log.writes[:5]] == [
        False,
        False,
        True,
        False,
        True,
    ]


def test_a_cut_log_ends_with_its_last_whole_write(log: WriteLog) -> None:
    with log.path.open("r+b") as file:
        file.truncate(log.writes[2].end - 1)
    assert WriteLog.read(log.path).writes == log.writes[:2]


def test_moments_are_drawn_from_all_parts_and_alike_each_time() -> None:
    moments = draw(Random(1), range(100), 5)
    assert [moment.at // 20 for moment in moments] == [0, 1, 2, 3, 4]
    assert [moment.lost is None for moment in moments] == [True, False, True, False, True]
    assert moments == draw(Random(1), range(100), 5)


def test_fewer_moments_are_spread_evenly(monkeypatch: pytest.MonkeyPatch) -> None:
    assert numbers(8, 30) == list(range(8))
    monkeypatch.setenv("KEXIA_CUTS", "8")
    assert numbers(8, 30) == [2, 6]
