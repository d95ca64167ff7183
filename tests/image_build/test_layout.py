"""The layout: partitions that genimage and GRUB agree on, identifiers that never change."""

import itertools
from pathlib import Path

import pytest

from image_build.builder.boards import Board, boards
from image_build.builder.layout import MIB, Identifiers, genimage_config, grub_settings, partitions

GOLDEN = Path(__file__).parents[1] / "golden"
EPOCH = 1764115202


@pytest.mark.parametrize("board", list(boards().values()), ids=lambda board: board.name)
def test_partitions_follow_each_other_without_a_gap(board: Board) -> None:
    parts = partitions(board, Identifiers("x", board.name))
    assert parts[0].offset == 1
    assert [part.number for part in parts] == list(range(1, len(parts) + 1))
    for one, after in itertools.pairwise(parts):
        assert one.offset + one.size == after.offset
    by_name = {part.name: part for part in parts}
    assert by_name["rootA"].size == by_name["rootB"].size
    assert by_name["data"] is parts[-1], "what grows must be last"
    assert by_name["rootA"].kind != by_name["data"].kind, "repart would grow the slot"
    assert by_name["esp"].size >= 33, "FAT32 has a least size"
    assert len({part.identifier for part in parts}) == len(parts)


def test_only_a_pc_starts_by_bios() -> None:
    names = {
        name: [part.name for part in partitions(board, Identifiers("x", name))]
        for name, board in boards().items()
    }
    assert names["amd64"] == ["biosboot", "esp", "rootA", "rootB", "data"]
    assert names["pi"] == ["esp", "rootA", "rootB", "data"]


def test_grub_knows_the_slots_by_number() -> None:
    for name, board in boards().items():
        parts = partitions(board, Identifiers("x", name))
        numbers = {part.name: part.number for part in parts}
        text = grub_settings(board, parts)
        assert f"set PARTA=gpt{numbers['rootA']};" in text
        assert f"set PARTB=gpt{numbers['rootB']};" in text


def test_identifiers_hang_on_name_board_and_purpose_alone() -> None:
    one = Identifiers("county-430121", "amd64")
    assert one.identifier("rootA") == Identifiers("county-430121", "amd64").identifier("rootA")
    others = [Identifiers("county-430122", "amd64"), Identifiers("county-430121", "pi")]
    assert len({each.identifier("disk") for each in (one, *others)}) == 3
    assert one.identifier("rootA") != one.identifier("rootB")
    assert len(one.fat) == 8
    int(one.fat, 16)


@pytest.mark.parametrize("name", list(boards()))
def test_genimage_is_told_what_it_always_was_told(name: str) -> None:
    board = boards()[name]
    text = genimage_config(board, Identifiers("golden", name), ("EFI", "grub"), EPOCH)
    assert text == (GOLDEN / f"genimage-{name}-1.cfg").read_text(encoding="utf-8")


def test_an_image_is_small_enough_for_a_card_of_two_gigabytes() -> None:
    for board in boards().values():
        last = partitions(board, Identifiers("x", board.name))[-1]
        assert (last.offset + last.size) * MIB < 2_000_000_000
