"""Recipients: named by the publisher's targets role, read by a box from its trust state."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import FormatError, NoSource, ProofFailed, UsageError
from sync.progress import Silent
from sync.publish import recipients as publisher
from sync.publish import retain
from sync.publish.mirror import mirror
from sync.stick import recipients, sealing
from sync.stick.recipients import Recipient
from sync.transport.subtree import Subtree
from sync.transport.volume import VolumeTransport
from sync.trust import DemoKeys, TrustClock, Trusted, load, parse_root, refresh
from tests.kit.province import NOW, Province

GOLDEN = Path(__file__).parents[1] / "golden" / "recipients-1.json"
KEYS = [sealing.recipient_of(bytes([number]) * 32) for number in range(1, 20)]
OFFICE = Recipient(KEYS[0], "长沙县电教馆")
CITY = Recipient(KEYS[1], "长沙市电教馆")


def test_the_golden_list_is_read_and_reproduced() -> None:
    data = GOLDEN.read_bytes()
    assert set(recipients.decode(data)) == {OFFICE, CITY}
    assert recipients.encode([OFFICE, CITY]) == data


NAMES = st.text(min_size=1, max_size=100).filter(str.isprintable)


@given(st.dictionaries(st.sampled_from(KEYS), NAMES, max_size=16))
def test_what_was_written_is_read(named: dict[bytes, str]) -> None:
    made = tuple(sorted(Recipient(key, name) for key, name in named.items()))
    assert recipients.decode(recipients.encode(made)) == made
    for each in made:
        assert recipients.parse_line(recipients.line(each)) == each


@pytest.mark.parametrize(
    "named",
    [
        [OFFICE, Recipient(KEYS[0], "twice")],
        [Recipient(key, "x") for key in KEYS[:17]],
        [Recipient(bytes(32), "nobody's key")],
        [Recipient(KEYS[0], "")],
        [Recipient(KEYS[0], "x" * 101)],
        [Recipient(KEYS[0], "a\nb")],
        [Recipient(KEYS[0][:31], "short")],
    ],
)
def test_lists_nobody_may_sign(named: list[Recipient]) -> None:
    with pytest.raises(FormatError):
        recipients.encode(named)


@pytest.mark.parametrize(
    "text", ["", "x", "kexia-recipient-1 00 x", f"kexia-recipient-1 {'0' * 64} x"]
)
def test_lines_that_are_no_public_key(text: str) -> None:
    with pytest.raises(UsageError):
        recipients.parse_line(text)


@pytest.fixture
def province(tmp_path: Path) -> Province:
    made = Province.create(tmp_path)
    made.publish({"43/a": {"l1.pdf": b"one"}})
    return made


def see(province: Province, scratch: Path, folder: Path | None = None) -> Trusted:
    return refresh(
        VolumeTransport(folder or province.repository),
        scratch,
        root=parse_root(province.root),
        clock=TrustClock(province.now, wall_is_set=True, floor=NOW),
        demo=DemoKeys.ACCEPT,
    )


def name(province: Province, who: Recipient) -> None:
    publisher.add(province.workspace, province.ring, who, province.now)


def test_a_box_learns_whom_it_may_tell(province: Province, tmp_path: Path) -> None:
    assert see(province, tmp_path / "box").recipients == ()
    name(province, OFFICE)
    assert see(province, tmp_path / "box").recipients == (OFFICE,)
    name(province, CITY)
    assert set(see(province, tmp_path / "box").recipients) == {OFFICE, CITY}
    name(province, Recipient(CITY.public, "另一个名字"))
    assert {each.name for each in see(province, tmp_path / "box").recipients} == {
        OFFICE.name, "另一个名字",
    }  # fmt: skip
    publisher.remove(province.workspace, province.ring, OFFICE.id, province.now)
    publisher.remove(province.workspace, province.ring, CITY.id, province.now)
    assert see(province, tmp_path / "box").recipients == ()
    again = load(
        tmp_path / "box",
        root=parse_root(province.root),
        clock=TrustClock(province.now, wall_is_set=True, floor=NOW),
        demo=DemoKeys.ACCEPT,
    )
    assert again.recipients == ()


def test_the_same_again_changes_no_byte(province: Province) -> None:
    name(province, OFFICE)
    before = {path: path.read_bytes() for path in province.repository.rglob("*") if path.is_file()}
    name(province, OFFICE)
    after = {path: path.read_bytes() for path in province.repository.rglob("*") if path.is_file()}
    assert after == before


def test_only_who_is_there_can_be_removed(province: Province) -> None:
    name(province, OFFICE)
    for key in ("", OFFICE.id[:7], CITY.id):
        with pytest.raises(UsageError, match="recipients"):
            publisher.remove(province.workspace, province.ring, key, province.now)


def test_there_is_an_end_of_recipients(province: Province) -> None:
    for key in KEYS[:16]:
        name(province, Recipient(key, "x"))
    with pytest.raises(UsageError, match="at most 16"):
        name(province, Recipient(KEYS[16], "x"))


def the_list(repository: Path) -> Path:
    [found] = (repository / "targets" / "config").iterdir()
    return found


def test_what_nobody_signed_is_not_believed(province: Province, tmp_path: Path) -> None:
    name(province, OFFICE)
    stick = province.copy(tmp_path / "stick")
    the_list(stick).write_bytes(the_list(stick).read_bytes().replace(b"kexia", b"KEXIA"))
    with pytest.raises(ProofFailed):
        see(province, tmp_path / "box", stick)
    the_list(stick).unlink()
    with pytest.raises(NoSource):
        see(province, tmp_path / "other", stick)


def test_a_list_of_a_format_to_come_costs_reports_and_no_lessons(
    province: Province, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipients, "FORMAT", "kexia-recipients-2")
    name(province, OFFICE)
    monkeypatch.undo()
    seen = see(province, tmp_path / "box")
    assert seen.recipients == ()
    assert [entry.id for entry in seen.directory.collections] == ["43/a"]


def test_a_mirror_and_a_pruning_keep_the_list(province: Province, tmp_path: Path) -> None:
    name(province, OFFICE)
    city = Province.create(tmp_path / "below", "4301", "长沙市")
    clock = TrustClock(province.now, wall_is_set=True, floor=NOW)
    source = VolumeTransport(province.repository)
    mirror(city.workspace, source, clock, DemoKeys.ACCEPT, Silent())
    shutil.rmtree(tmp_path / "box", ignore_errors=True)
    root = parse_root(province.root)
    mirrored = Subtree(VolumeTransport(city.repository), f"mirrors/{root.publisher_id}/")
    seen = refresh(mirrored, tmp_path / "box", root=root, clock=clock, demo=DemoKeys.ACCEPT)
    assert seen.recipients == (OFFICE,)
    later = province.now + timedelta(days=60)
    plan = retain.make_plan(province.workspace, retain.Policy(editions=1), later)
    retain.execute(province.workspace, plan)
    assert see(province, tmp_path / "again").recipients == (OFFICE,)
