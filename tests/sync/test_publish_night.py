"""From a staged candidate to the repository: who must sign, what a night does, what it refuses."""

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from sync import directory
from sync.digest import sha256
from sync.errors import FormatError, UsageError
from sync.progress import Silent
from sync.publish import in_force, promote, sign, stage
from sync.publish.roles import KeyRole
from sync.publish.rotate import NewKeys, rotate
from sync.publish.stage import open_candidate, sign_candidate
from tests.kit.province import NOW, Edition, Province
from tests.kit.whole import published

EDITOR, REVIEWER = KeyRole.EDITOR, KeyRole.REVIEWER
ONE = {"43/a": {"l1.pdf": b"one"}}
TWO = {"43/a": {"l1.pdf": b"two"}}


@pytest.fixture
def province(tmp_path: Path) -> Province:
    return Province.create(tmp_path)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*")
            if path.is_file()}  # fmt: skip


def night(province: Province) -> promote.Night:
    return promote.nightly(province.workspace, province.ring, province.now, Silent())


def refused(province: Province) -> str:
    """What a night says that publishes nothing, because of the one candidate there is."""
    before = files(province.repository)
    done = night(province)
    assert (done.published, done.waiting) == (None, ())
    assert files(province.repository) == before
    assert done.refused
    assert all("and run `kexia publish release` again" in fault.cure for fault in done.refused)
    return "\n".join(map(str, done.refused))


def offered(province: Province, tmp_path: Path) -> list[tuple[str, int]]:
    """What a new box is shown."""
    shutil.rmtree(tmp_path / "scratch", ignore_errors=True)
    found = published(province.repository, province.root, tmp_path / "scratch")
    return [(entry.id, entry.edition) for entry in found.collections]


def test_a_new_publisher_can_be_followed_and_offers_nothing(
    province: Province, tmp_path: Path
) -> None:
    assert offered(province, tmp_path) == []


def test_what_both_signed_is_published(province: Province, tmp_path: Path) -> None:
    candidate = province.release(ONE)
    assert candidate is not None
    province.sign(candidate, EDITOR)
    done = night(province)
    assert (done.published, done.waiting) == (None, (promote.Waiting(2, (REVIEWER,)),))
    assert offered(province, tmp_path) == []
    province.sign(candidate, REVIEWER)
    done = night(province)
    assert (done.published, done.waiting, done.timestamp_signed) == (2, (), True)
    assert [entry.id for entry in done.collections] == ["43/a"]
    assert offered(province, tmp_path) == [("43/a", 1)]
    assert not candidate.folder.exists()


def test_the_newest_signed_candidate_brings_the_earlier_ones_with_it(
    province: Province, tmp_path: Path
) -> None:
    province.release(ONE)
    province.release({"43/b": {"l1.pdf": b"bee"}})
    newest = province.release({"43/a": {"l1.pdf": b"two"}})
    assert newest is not None
    province.sign(newest)
    assert night(province).published == newest.number
    assert offered(province, tmp_path) == [("43/a", 2), ("43/b", 1)]
    assert not list(province.workspace.staged.iterdir())


def test_a_later_candidate_waits_on_when_an_earlier_one_is_published(
    province: Province, tmp_path: Path
) -> None:
    first, second = province.release(ONE), province.release(TWO)
    assert first is not None
    assert second is not None
    province.sign(first)
    done = night(province)
    assert done.waiting == (promote.Waiting(second.number, (EDITOR, REVIEWER)),)
    assert offered(province, tmp_path) == [("43/a", 1)]
    province.sign(second)
    night(province)
    assert offered(province, tmp_path) == [("43/a", 2)]


def test_unchanged_input_stages_nothing_and_a_quiet_night_changes_no_byte(
    province: Province,
) -> None:
    province.publish(ONE)
    assert province.release(ONE) is None
    before = files(province.repository)
    province.now += promote.REFRESH_AFTER - timedelta(minutes=1)
    assert not night(province).timestamp_signed
    assert files(province.repository) == before


def test_an_old_timestamp_is_signed_again_and_nothing_else_changes(province: Province) -> None:
    province.publish(ONE)
    before = files(province.repository)
    province.now += promote.REFRESH_AFTER
    assert night(province).timestamp_signed
    after = files(province.repository)
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"metadata/timestamp.json", "metadata/3.snapshot.json"}
    assert province.roles.signed_at == province.now


def test_an_unchanged_release_waits_for_no_second_signature(province: Province) -> None:
    province.release(ONE)
    assert province.release(ONE) is None
    assert len(stage.candidates(province.workspace, province.roles)) == 1


@pytest.mark.parametrize("role", [EDITOR, REVIEWER])
def test_one_key_for_both_roles_is_refused(
    province: Province, tmp_path: Path, role: KeyRole
) -> None:
    candidate = province.release(ONE)
    assert candidate is not None
    [signer] = province.ring.signers(role, province.roles.keyids(role), threshold=1)
    for each in stage.SIGNERS:
        sign_candidate(candidate, each, signer)
    other = next(each for each in stage.SIGNERS if each is not role)
    assert f"staged/2/2.{other}.json: 2.{other}.json is not signed by" in refused(province)
    assert offered(province, tmp_path) == []


def test_a_revoked_key_is_worth_nothing(province: Province, tmp_path: Path) -> None:
    [old] = province.ring.signers(EDITOR, province.roles.keyids(EDITOR), threshold=1)
    province.release(ONE)
    done = rotate(province.workspace, province.ring, EDITOR, NewKeys(None), province.now)
    assert done.restaged is not None
    sign_candidate(done.restaged, EDITOR, old)
    province.sign(done.restaged, REVIEWER)
    assert "editor.json is not signed by" in refused(province)
    assert offered(province, tmp_path) == []
    province.sign(done.restaged, EDITOR)
    night(province)
    assert offered(province, tmp_path) == [("43/a", 1)]


def test_a_signed_candidate_loses_its_signatures_when_a_key_is_replaced(
    province: Province,
) -> None:
    candidate = province.release(ONE)
    assert candidate is not None
    province.sign(candidate)
    rotate(province.workspace, province.ring, REVIEWER, NewKeys(None), province.now)
    [waiting] = night(province).waiting
    assert waiting.missing == (EDITOR, REVIEWER)


def test_signing_happens_on_another_machine(province: Province, tmp_path: Path) -> None:
    candidate = province.release(ONE)
    assert candidate is not None
    away = shutil.copytree(candidate.folder, tmp_path / "stick")
    [signer] = province.ring.signers(EDITOR, province.roles.keyids(EDITOR), threshold=1)
    sign_candidate(open_candidate(away), EDITOR, signer)
    shutil.copytree(away, candidate.folder, dirs_exist_ok=True)
    province.sign(candidate, REVIEWER)
    assert night(province).published == candidate.number


def test_a_candidate_holds_all_that_the_repository_lacks(
    province: Province, tmp_path: Path
) -> None:
    province.release(ONE)
    second = province.release({"43/b": {"l1.pdf": b"bee"}})
    assert second is not None
    shutil.rmtree(province.workspace.staged / "2")
    province.sign(second)
    night(province)
    assert offered(province, tmp_path) == [("43/a", 1), ("43/b", 1)]


def test_nobody_signs_a_directory_that_was_exchanged(province: Province) -> None:
    candidate = province.release(ONE)
    assert candidate is not None
    other = directory.encode(directory.Directory("43", "other", ()))
    (candidate.folder / "directory").write_bytes(other)
    with pytest.raises(FormatError, match="names another directory"):
        province.sign(candidate)
    assert candidate.signed_by() == ()


def test_a_directory_exchanged_after_signing_is_not_published(province: Province) -> None:
    candidate = province.release(ONE)
    assert candidate is not None
    province.sign(candidate)
    other = directory.encode(directory.Directory("43", "other", ()))
    (candidate.folder / "directory").write_bytes(other)
    assert "names another directory" in refused(province)


def test_a_directory_of_another_publisher_is_refused(province: Province, tmp_path: Path) -> None:
    foreign = directory.encode(directory.Directory("44", "other", ()))
    stored = directory.Stored(sha256(foreign), len(foreign))
    candidate = province.release(ONE)
    assert candidate is not None
    (candidate.folder / "directory").write_bytes(foreign)
    for role in stage.SIGNERS:
        metadata = sign.make_role(role, candidate.number, stored, [], province.now)
        (candidate.folder / f"{candidate.number}.{role}.json").write_bytes(metadata)
    province.sign(candidate)
    assert "another publisher" in refused(province)


def test_a_signature_moved_to_another_number_is_refused(province: Province) -> None:
    first = province.release(ONE)
    assert first is not None
    province.sign(first)
    second = province.workspace.staged / "3"
    shutil.copytree(first.folder, second)
    for role in stage.SIGNERS:
        (second / f"2.{role}.json").replace(second / f"3.{role}.json")
    assert night(province).published == 2
    assert "another number" in refused(province)


def test_reviewer_and_editor_must_mean_the_same_directory(province: Province) -> None:
    first, second = province.release(ONE), province.release(TWO)
    assert first is not None
    assert second is not None
    province.sign(first)
    province.sign(second)
    forged = (first.folder / "2.reviewer.json").read_bytes()
    (second.folder / "3.reviewer.json").write_bytes(forged)
    done = night(province)
    assert done.published == 2
    assert [fault.where for fault in done.refused] == ["staged/3/3.reviewer.json"]


def test_content_that_was_damaged_in_staging_is_not_published(
    province: Province, tmp_path: Path
) -> None:
    candidate = province.release(ONE)
    assert candidate is not None
    [pack] = candidate.folder.glob("packs/*/*.pack")
    pack.write_bytes(pack.read_bytes()[:-1] + b"!")
    province.sign(candidate)
    assert "digest is not the signed one" in refused(province)
    assert offered(province, tmp_path) == []


def test_content_that_got_lost_on_the_stick_is_named(province: Province) -> None:
    candidate = province.release(ONE)
    assert candidate is not None
    [table] = candidate.folder.glob("tables/*/*")
    table.unlink()
    province.sign(candidate)
    assert "tables" in refused(province)


@pytest.mark.parametrize("name", ["directory", "2.editor.json", "2.reviewer.json"])
def test_an_incomplete_staged_folder_is_told(province: Province, name: str) -> None:
    candidate = province.release(ONE)
    assert candidate is not None
    (candidate.folder / name).unlink()
    with pytest.raises(FormatError, match="missing"):
        province.sign(candidate)


def test_release_json_only_informs(province: Province) -> None:
    candidate = province.release(ONE)
    assert candidate is not None
    changes = candidate.changes()["changes"]
    assert isinstance(changes, list)
    [change] = changes
    assert (change["collection"], change["edition"], change["lessons"]) == ("43/a", 1, 1)
    for broken in (b"{", b"[]"):
        (candidate.folder / "release.json").write_bytes(broken)
        assert candidate.changes() == {}
    (candidate.folder / "release.json").unlink()
    province.sign(candidate)
    assert night(province).published == 2


def test_a_candidate_that_waited_too_long_is_refused(province: Province) -> None:
    candidate = province.release(ONE)
    assert candidate is not None
    stored = in_force.stored_target(in_force.parse_role(candidate.metadata(EDITOR)))
    for role in stage.SIGNERS:
        old = sign.make_role(role, 2, stored, [], province.now - sign.ROLE_LIFETIME)
        (candidate.folder / f"2.{role}.json").write_bytes(old)
    province.sign(candidate)
    assert "expired" in refused(province)


def test_a_clock_that_went_back_signs_nothing(province: Province, tmp_path: Path) -> None:
    province.publish(ONE)
    province.release(TWO)
    before = (province.repository / "metadata" / "timestamp.json").read_bytes()
    with pytest.raises(UsageError, match="clock"):
        province.publish_all(province.now - timedelta(hours=1))
    assert (province.repository / "metadata" / "timestamp.json").read_bytes() == before


def test_a_clock_that_went_back_is_not_fresh(province: Province) -> None:
    province.publish(ONE)
    signed_at = in_force.format_time(province.now)
    province.now -= timedelta(minutes=1)
    with pytest.raises(UsageError, match="clock") as told:
        night(province)
    assert signed_at in told.value.fact
    assert in_force.format_time(province.now) in told.value.fact
    assert "Signed under a wrong clock" in told.value.hint


@pytest.mark.parametrize("years", [1.2, 5, 73])
def test_a_clock_in_the_far_future_signs_nothing(
    province: Province, tmp_path: Path, years: float
) -> None:
    province.publish(ONE)
    candidate = province.release(TWO)
    assert candidate is not None
    province.sign(candidate)
    before, true = files(province.workspace.root), province.now
    province.now += timedelta(days=365 * years)
    with pytest.raises(UsageError, match="clock says"):
        night(province)
    with pytest.raises(UsageError, match="clock says"):
        province.withdraw("43/a/l1")
    for role in KeyRole:
        with pytest.raises(UsageError, match="clock says"):
            rotate(province.workspace, province.ring, role, NewKeys(None), province.now)
    assert files(province.workspace.root) == before
    province.now = true
    assert night(province).published == candidate.number


def test_nothing_is_signed_beside_a_role_that_expired(province: Province) -> None:
    """The clock may be true: a box would refuse a timestamp signed beside it."""
    for _ in range(20):
        province.now += timedelta(days=19)
        night(province)
    province.now += timedelta(days=21)
    with pytest.raises(UsageError, match="the role editor expired at") as told:
        night(province)
    assert "Nobody signed in time" in told.value.hint


def test_what_expired_is_in_force_again_when_both_sign(province: Province, tmp_path: Path) -> None:
    for _ in range(20):
        province.now += timedelta(days=19)
        night(province)
    province.now += timedelta(days=21)
    province.publish(ONE)
    assert offered(province, tmp_path) == [("43/a", 1)]


def test_online_roles_are_renewed_in_time_and_offline_ones_called_for(
    province: Province, tmp_path: Path
) -> None:
    province.publish(ONE)
    for path in province.workspace.keys.glob("targets-*"):
        path.unlink()
    province = Province.open(tmp_path, now=province.now)
    province.now += sign.ROLE_LIFETIME - sign.SAFE_REST + timedelta(days=1)
    left_by_a_kill = province.repository / "metadata" / "2.withdraw.json"
    left_by_a_kill.write_bytes(b"never listed, perhaps pushed")
    done = night(province)
    assert done.expiring == (KeyRole.TARGETS, EDITOR, REVIEWER)
    roles = province.roles
    assert [roles.version(role) for role in (KeyRole.ROLLOUT, KeyRole.WITHDRAW)] == [2, 3]
    assert left_by_a_kill.read_bytes() == b"never listed, perhaps pushed"
    assert min(roles.expires(role) for role in (KeyRole.ROLLOUT, KeyRole.SNAPSHOT)) == (
        province.now + sign.ROLE_LIFETIME
    )
    assert not night(province).timestamp_signed


def test_a_title_alone_makes_an_edition(province: Province, tmp_path: Path) -> None:
    province.publish({"43/a": Edition({"l1.pdf": b"one"}, title="旧")})
    province.publish({"43/a": Edition({"l1.pdf": b"one"}, title="新")})
    assert offered(province, tmp_path) == [("43/a", 2)]


def test_a_folder_that_is_no_candidate(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no staged folder"):
        open_candidate(tmp_path)


def test_metadata_that_is_damaged_is_told(province: Province) -> None:
    (province.repository / "metadata" / "1.editor.json").write_bytes(b"{")
    with pytest.raises(FormatError, match="missing or damaged"):
        night(province)


def test_role_metadata_that_cannot_be_read(province: Province) -> None:
    candidate = province.release(ONE)
    assert candidate is not None
    (candidate.folder / "2.editor.json").write_bytes(b"<html>")
    assert "cannot be read" in refused(province)
    root = (province.repository / "metadata" / "1.root.json").read_bytes()
    (candidate.folder / "2.editor.json").write_bytes(root)
    assert "metadata of the role root" in refused(province)
    (candidate.folder / "2.editor.json").unlink()
    assert "missing from the staged folder" in refused(province)


def test_a_bad_candidate_keeps_no_good_one_waiting(province: Province, tmp_path: Path) -> None:
    good, bad = province.release(ONE), province.release(TWO)
    assert good is not None
    assert bad is not None
    province.sign(good)
    (bad.folder / "3.reviewer.json").write_bytes(b"{")
    done = night(province)
    assert (done.published, done.timestamp_signed, done.waiting) == (2, True, ())
    [fault] = done.refused
    assert fault.where == "staged/3/3.reviewer.json"
    assert "remove staged/3" in fault.cure
    assert offered(province, tmp_path) == [("43/a", 1)]
    province.now += promote.REFRESH_AFTER
    assert night(province).timestamp_signed
    after = province.release(TWO)
    assert after is not None
    assert after.number == 4
    province.sign(after)
    done = night(province)
    assert (done.published, done.refused) == (4, ())
    assert offered(province, tmp_path) == [("43/a", 2)]


def test_damaged_content_keeps_no_earlier_candidate_waiting(
    province: Province, tmp_path: Path
) -> None:
    good, bad = province.release(ONE), province.release(TWO)
    assert good is not None
    assert bad is not None
    province.sign(good)
    province.sign(bad)
    [pack] = set(bad.folder.glob("packs/*/*.pack")) - {
        bad.folder / path.relative_to(good.folder) for path in good.folder.glob("packs/*/*.pack")
    }
    pack.unlink()
    done = night(province)
    assert done.published == 2
    assert [fault.where for fault in done.refused] == ["staged/3"]
    assert done.waiting == ()
    rebuilt = province.release(TWO)
    assert rebuilt is not None
    province.sign(rebuilt)
    assert night(province).published == 4
    assert offered(province, tmp_path) == [("43/a", 2)]


def test_a_disk_without_hard_links_gets_copies(
    province: Province, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")  # what FAT32 and exFAT say

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    province.release(ONE)
    province.publish({"43/b": {"l1.pdf": b"bee"}})
    assert offered(province, tmp_path) == [("43/a", 1), ("43/b", 1)]


def test_a_registration_somebody_broke_is_named(province: Province) -> None:
    (province.workspace.sources / "music.toml").write_text("collection = ")
    with pytest.raises(UsageError, match=r"music\.toml cannot be read"):
        province.workspace.registrations()


def test_a_repository_that_lost_a_file_is_told(province: Province) -> None:
    province.publish(ONE)
    [table] = province.repository.glob("tables/*/*")
    table.unlink()
    with pytest.raises(FormatError, match="missing from the workspace"):
        province.release(TWO)


def test_time_has_one_spelling() -> None:
    text = in_force.format_time(NOW)
    assert text == "2026-11-23T06:00:00Z"
    assert in_force.parse_time(text) == NOW
