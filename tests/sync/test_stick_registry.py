"""What a paper means to a county that remembers: new, seen, late, replayed, cloned."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import FormatError
from sync.stick import registry as registries
from sync.stick import sealing
from sync.stick.registry import Flag, Judged, Registry
from sync.stick.sealing import Kind

GOLDEN = Path(__file__).parents[1] / "golden" / "boxes-1.json"
A, B = bytes(range(32)), bytes(range(32, 64))
AT = "2026-11-25T06:00:00Z"
HAVE, REPORT, BACKUP = Kind.HAVE, Kind.SEALED_REPORT, Kind.SEALED_BACKUP


class Desk:
    """Papers as they come to the county."""

    def __init__(self) -> None:
        self.registry = Registry()

    def take(
        self,
        sequence: int,
        *,
        kind: Kind = HAVE,
        epoch: int = 1,
        body: bytes = b"",
        seed: bytes = A,
        name: str = "",
    ) -> Judged:
        data = sealing.sign(kind, body, seed=seed, epoch=epoch, sequence=sequence)
        paper = sealing.open_paper(data, kind=kind, limit=2**20)
        judged = registries.judge(self.registry, paper, data, name)
        if judged.keep:
            self.registry = registries.remember(self.registry, paper, data, at=AT, name=name)
        return judged

    def flags(self, sequence: int, **fields: object) -> set[Flag]:
        return set(self.take(sequence, **fields).flags)  # type: ignore[arg-type]


def sample() -> Registry:
    desk = Desk()
    desk.take(1, name="青山教学点")
    desk.take(2, kind=REPORT)
    desk.take(3, kind=BACKUP)
    desk.take(5, epoch=7)
    desk.take(1, seed=B, name="石板冲教学点")
    return desk.registry


def test_the_golden_registry_is_read_and_reproduced() -> None:
    data = GOLDEN.read_bytes()
    assert registries.decode(data) == sample()
    assert registries.encode(sample()) == data


def test_a_box_is_new_once() -> None:
    desk = Desk()
    assert desk.flags(1) == {Flag.NEW_BOX}
    assert desk.flags(2, kind=REPORT) == set()
    assert desk.flags(3) == set()
    assert desk.flags(1, seed=B) == {Flag.NEW_BOX}


def test_the_same_paper_again_is_nothing_new_and_no_alarm() -> None:
    desk = Desk()
    desk.take(1)
    desk.take(4)
    for sequence in (4, 1):
        again = desk.take(sequence)
        assert again == Judged(frozenset({Flag.SEEN}), keep=False)
        assert not again.is_alarm


@pytest.mark.parametrize("kind", [HAVE, BACKUP])
def test_an_older_paper_after_a_newer_one_is_not_kept(kind: Kind) -> None:
    desk = Desk()
    desk.take(5, kind=kind)
    judged = desk.take(3, kind=kind)
    assert judged == Judged(frozenset({Flag.REPLAYED}), keep=False)
    assert judged.is_alarm


def test_an_older_report_may_come_late() -> None:
    desk = Desk()
    desk.take(5, kind=REPORT)
    assert desk.take(3, kind=REPORT) == Judged(frozenset({Flag.LATE}), keep=True)
    assert desk.flags(3, kind=REPORT) == {Flag.SEEN}
    assert desk.flags(4) == set()


def test_one_number_with_two_contents_is_a_clone() -> None:
    desk = Desk()
    desk.take(5)
    judged = desk.take(5, body=b"other")
    assert judged == Judged(frozenset({Flag.CLONED}), keep=False)
    assert judged.is_alarm
    desk.take(6, kind=REPORT)
    assert desk.flags(6, kind=HAVE) == {Flag.CLONED}


def test_two_epochs_that_go_on_side_by_side_are_a_clone() -> None:
    desk = Desk()
    desk.take(5)
    assert desk.flags(6, epoch=2) == {Flag.NEW_EPOCH}
    assert desk.flags(7, epoch=2) == set()
    assert desk.flags(7, epoch=1) == {Flag.CLONED}
    assert desk.flags(8, epoch=2) == set()
    assert desk.flags(9, epoch=1) == {Flag.CLONED}


def test_a_late_stick_from_before_a_move_is_no_clone() -> None:
    desk = Desk()
    desk.take(5)
    desk.take(20, epoch=2)
    assert desk.flags(9, epoch=1) == {Flag.REPLAYED}
    assert desk.flags(10, epoch=1, kind=REPORT) == {Flag.LATE}


def test_reports_of_a_life_before_may_come_late_and_are_no_clone() -> None:
    desk = Desk()
    desk.take(20, epoch=2)
    assert desk.flags(9, epoch=1, kind=REPORT) == {Flag.LATE}
    assert desk.flags(8, epoch=1) == {Flag.REPLAYED}
    assert desk.flags(21, epoch=2) == set()
    assert desk.flags(10, epoch=1, kind=REPORT) == {Flag.LATE}
    assert desk.flags(22, epoch=1, kind=REPORT) == {Flag.CLONED}


def test_another_key_under_a_known_name_is_told_once() -> None:
    desk = Desk()
    desk.take(1, name="青山教学点")
    assert desk.flags(1, seed=B, name="青山教学点") == {Flag.NEW_BOX, Flag.NEW_KEY}
    for seed in (A, B):
        assert desk.flags(2, seed=seed, name="青山教学点") == set()
    assert desk.flags(3, name="另一个名字") == set()
    assert desk.flags(4, name="青山教学点") == {Flag.NEW_KEY}, "it took the name again"


def test_a_box_that_says_its_name_later_is_told_then() -> None:
    desk = Desk()
    desk.take(1, name="青山教学点")
    assert desk.flags(1, seed=B, kind=REPORT) == {Flag.NEW_BOX}
    assert desk.flags(2, seed=B, name="青山教学点") == {Flag.NEW_KEY}
    assert desk.flags(3, seed=B, name="青山教学点") == set()


@given(st.lists(st.tuples(st.sampled_from([A, B]), st.integers(0, 9), st.integers(0, 2))))
def test_how_much_longer_a_paper_makes_it_is_known(steps: list[tuple[bytes, int, int]]) -> None:
    before = Registry()
    for seed, sequence, epoch in steps:
        data = sealing.sign(REPORT, b"", seed=seed, epoch=epoch, sequence=sequence)
        paper = sealing.open_paper(data, kind=REPORT, limit=2**20)
        after = registries.remember(before, paper, data, at=AT)
        longer = len(registries.encode(after)) - len(registries.encode(before))
        assert 0 <= registries.growth(before, after, paper.box) - longer <= 1
        before = after


def test_no_more_is_written_than_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registries, "MAX_SIZE", len(registries.encode(sample())) - 1)
    with pytest.raises(FormatError, match="at most"):
        registries.encode(sample())


STEPS = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from([HAVE, REPORT, BACKUP]), st.integers(0, 2)),
    max_size=25,
)


@given(STEPS)
def test_whatever_came_is_remembered_and_never_taken_twice(
    steps: list[tuple[int, Kind, int]],
) -> None:
    desk = Desk()
    kept: set[tuple[int, int]] = set()
    for sequence, kind, epoch in steps:
        judged = desk.take(sequence, kind=kind, epoch=epoch)
        if judged.keep:
            assert (sequence, epoch) not in kept
            kept.add((sequence, epoch))
        assert registries.decode(registries.encode(desk.registry)) == desk.registry
        assert not desk.take(sequence, kind=kind, epoch=epoch).keep


@given(STEPS)
def test_an_old_have_list_never_follows_a_newer_one(steps: list[tuple[int, Kind, int]]) -> None:
    desk = Desk()
    newest = -1
    for sequence, _, _ in steps:
        if desk.take(sequence).keep:
            assert sequence > newest
            newest = sequence


def test_the_registry_forgets_what_is_old() -> None:
    desk = Desk()
    for sequence in range(registries.KEPT_PAPERS + 50):
        desk.take(sequence, kind=REPORT)
    for epoch in range(2, registries.KEPT_EPOCHS + 9):
        desk.take(1000 + epoch, epoch=epoch)
    [known] = desk.registry.boxes.values()
    assert len(known.epochs) == registries.KEPT_EPOCHS
    assert all(len(one.papers) <= registries.KEPT_PAPERS for one in known.epochs)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"kexia-boxes-1", b"kexia-boxes-2"),
        (b'"number":7', b'"number":"7"'),
        (b'"lowest":5', b'"lowest":-5'),
        (b'"key":"', b'"key":"00'),
        (b'"papers":{"5"', b'"papers":{"x"'),
    ],
)
def test_a_damaged_registry_is_refused(old: bytes, new: bytes) -> None:
    data = registries.encode(sample())
    assert old in data
    with pytest.raises(FormatError):
        registries.decode(data.replace(old, new))
