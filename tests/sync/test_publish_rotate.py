"""Replacing keys: boxes that followed the old key follow the new one, at every step of the way."""

import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from sync.errors import TrustRefused, UsageError
from sync.publish import in_force, sign
from sync.publish.init import init_workspace
from sync.publish.keys import KeyRing, read_key
from sync.publish.roles import KeyRole
from sync.publish.rotate import NewKeys, rotate
from sync.transport.volume import VolumeTransport
from sync.trust import DemoKeys, TrustClock, Trusted, parse_root, refresh
from tests.kit.province import NOW, PASSPHRASE, Province
from tests.kit.whole import published


def follow(province: Province, folder: Path) -> Trusted:
    """What a box sees that keeps its trust state in ``folder``."""
    return refresh(
        VolumeTransport(province.repository),
        folder,
        root=parse_root(province.root),
        clock=TrustClock(province.now, wall_is_set=True, floor=NOW),
        demo=DemoKeys.ACCEPT,
    )


@pytest.fixture
def province(tmp_path: Path) -> Province:
    made = Province.create(tmp_path)
    made.publish({"43/a": {"l1.pdf": b"one"}})
    return made


@pytest.mark.parametrize("role", list(KeyRole))
def test_boxes_old_and_new_follow_a_new_key(
    province: Province, tmp_path: Path, role: KeyRole
) -> None:
    old = province.roles.keyids(role)
    follow(province, tmp_path / "box")
    done = rotate(province.workspace, province.ring, role, NewKeys(None), province.now)
    assert tuple(done.keys) == old
    assert set(province.roles.keyids(role)) == set(done.keys.values())
    assert not set(old) & set(province.roles.keyids(role))
    names = {path.name for path in province.workspace.keys.glob(f"{role}-*")}
    assert names == {f"{role}-{keyid[:16]}.pem" for keyid in province.roles.keyids(role)}
    for folder in ("box", "new"):
        assert follow(province, tmp_path / folder).directory.entry("43/a") is not None
    province.publish({"43/a": {"l1.pdf": b"two"}})
    province.withdraw("43/a/l1")
    for folder in ("box", "new", "newer"):
        trusted = follow(province, tmp_path / folder)
        entry = trusted.directory.entry("43/a")
        assert entry is not None
        assert entry.edition == 2
        assert len(trusted.withdrawals) == 1


def test_one_of_three_root_keys(province: Province) -> None:
    first, *rest = province.roles.keyids(KeyRole.ROOT)
    rotate(
        province.workspace, province.ring, KeyRole.ROOT, NewKeys(None), province.now, only=first[:8]
    )
    now = province.roles.keyids(KeyRole.ROOT)
    assert len(now) == 3
    assert set(rest) < set(now)
    assert first not in now


def test_a_root_key_is_replaced_though_it_is_lost(province: Province, tmp_path: Path) -> None:
    lost = province.roles.keyids(KeyRole.ROOT)[0]
    province.ring.path(KeyRole.ROOT, lost).unlink()
    ring = KeyRing(province.workspace.keys)
    rotate(province.workspace, ring, KeyRole.ROOT, NewKeys(None), province.now, only=lost)
    follow(province, tmp_path / "box")
    assert lost not in province.roles.keyids(KeyRole.ROOT)


def test_two_lost_root_keys_are_too_many(province: Province) -> None:
    for keyid in province.roles.keyids(KeyRole.ROOT)[:2]:
        province.ring.path(KeyRole.ROOT, keyid).unlink()
    before = sorted(path.name for path in province.workspace.keys.iterdir())
    with pytest.raises(UsageError, match=r"2 key\(s\) of the role root are needed, 1 are here"):
        rotate(
            province.workspace,
            KeyRing(province.workspace.keys),
            KeyRole.TIMESTAMP,
            NewKeys(None),
            province.now,
        )
    assert sorted(path.name for path in province.workspace.keys.iterdir()) == before


@pytest.mark.parametrize("role", [KeyRole.EDITOR, KeyRole.SNAPSHOT, KeyRole.TIMESTAMP])
def test_a_lost_key_is_replaced(province: Province, tmp_path: Path, role: KeyRole) -> None:
    for path in province.workspace.keys.glob(f"{role}-*"):
        path.unlink()
    ring = KeyRing(province.workspace.keys)
    rotate(province.workspace, ring, role, NewKeys(None), province.now)
    follow(province, tmp_path / "box")


def test_a_key_made_by_its_holder_signs_once_and_is_not_kept(
    province: Province, tmp_path: Path
) -> None:
    own = KeyRing(tmp_path / "own").make(KeyRole.EDITOR, None)
    done = rotate(
        province.workspace, province.ring, KeyRole.EDITOR, NewKeys(None, own), province.now
    )
    assert list(done.keys.values()) == [own.public_key.keyid]
    assert not list(province.workspace.keys.glob("editor-*"))
    follow(province, tmp_path / "box")


def test_the_reviewer_cannot_become_editor_too(province: Province) -> None:
    keyid = province.roles.keyids(KeyRole.REVIEWER)[0]
    reviewer = read_key(province.ring.path(KeyRole.REVIEWER, keyid), lambda _: b"")
    before = (province.repository / "metadata" / "timestamp.json").read_bytes()
    with pytest.raises(TrustRefused):
        rotate(
            province.workspace,
            province.ring,
            KeyRole.EDITOR,
            NewKeys(None, reviewer),
            province.now,
        )
    assert (province.repository / "metadata" / "timestamp.json").read_bytes() == before


def test_a_keyid_nobody_has(province: Province) -> None:
    with pytest.raises(UsageError, match="0 keys of the role editor begin with 'zz'"):
        rotate(
            province.workspace,
            province.ring,
            KeyRole.EDITOR,
            NewKeys(None),
            province.now,
            only="zz",
        )


def test_what_was_staged_is_staged_again(province: Province, tmp_path: Path) -> None:
    province.release({"43/a": {"l1.pdf": b"two"}, "43/b": {"l1.pdf": b"bee"}})
    done = rotate(province.workspace, province.ring, KeyRole.EDITOR, NewKeys(None), province.now)
    assert done.restaged is not None
    assert [path.name for path in province.workspace.staged.iterdir()] == [
        str(done.restaged.number)
    ]
    province.publish_all(province.now + timedelta(minutes=1))
    found = published(province.repository, province.root, tmp_path / "scratch")
    assert [(entry.id, entry.edition) for entry in found.collections] == [("43/a", 2), ("43/b", 1)]


def test_a_push_that_stops_between_timestamp_and_root_locks_nobody_out(
    province: Province, tmp_path: Path
) -> None:
    follow(province, tmp_path / "box")
    rotate(province.workspace, province.ring, KeyRole.TIMESTAMP, NewKeys(None), province.now)
    (province.repository / "metadata" / "2.root.json").replace(tmp_path / "2.root.json")
    follow(province, tmp_path / "box")
    shutil.copy(tmp_path / "2.root.json", province.repository / "metadata")
    assert follow(province, tmp_path / "box").versions["root"] == 2


def test_encrypted_keys(tmp_path: Path) -> None:
    province = Province.create(tmp_path, demo=False)
    assert not province.roles.publisher.demo
    modes = {path.stat().st_mode & 0o777 for path in province.workspace.keys.iterdir()}
    assert modes == {0o600}
    assert province.workspace.keys.stat().st_mode & 0o777 == 0o700
    assert all(b"ENCRYPTED" in path.read_bytes() for path in province.workspace.keys.iterdir())
    province.publish({"43/a": {"l1.pdf": b"one"}})
    keyid = province.roles.keyids(KeyRole.EDITOR)[0]
    with pytest.raises(UsageError, match="wrong passphrase"):
        KeyRing(province.workspace.keys, ask=lambda _: b"wrong").find(KeyRole.EDITOR, keyid)
    with pytest.raises(UsageError, match="no passphrase was given"):
        KeyRing(province.workspace.keys).find(KeyRole.EDITOR, keyid)
    rotate(province.workspace, province.ring, KeyRole.EDITOR, NewKeys(PASSPHRASE), province.now)
    [path] = province.workspace.keys.glob("editor-*")
    assert b"ENCRYPTED" in path.read_bytes()


def test_key_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_key(tmp_path / "none.pem", lambda _: b"")
    (tmp_path / "bad.pem").write_bytes(b"-----BEGIN PRIVATE KEY-----\n")
    with pytest.raises(UsageError, match="no private key"):
        read_key(tmp_path / "bad.pem", lambda _: b"")
    rsa = subprocess.run(["openssl", "genrsa", "2048"], capture_output=True, check=True).stdout
    (tmp_path / "rsa.pem").write_bytes(rsa)
    with pytest.raises(UsageError, match="no Ed25519 key"):
        read_key(tmp_path / "rsa.pem", lambda _: b"")


@pytest.mark.parametrize(
    ("publisher", "passphrase", "why"),
    [
        (in_force.Publisher("43", "湖南省", demo=False), None, "demo publishers only"),
        (in_force.Publisher("43", "湖南省", demo=False), b"", "empty"),
        (in_force.Publisher("湖南", "湖南省", demo=True), None, "no publisher code"),
    ],
)
def test_who_cannot_be_founded(
    tmp_path: Path, publisher: in_force.Publisher, passphrase: bytes | None, why: str
) -> None:
    with pytest.raises(UsageError, match=why):
        init_workspace(tmp_path / "new", publisher, passphrase, NOW)
    assert not list(tmp_path.iterdir())


def test_a_founding_that_was_killed_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "43.partial" / "keys").mkdir(parents=True)
    (tmp_path / "43.partial" / "keys" / "root-0.pem").write_bytes(b"half")
    (tmp_path / "43").mkdir()  # an empty folder is as good as none
    province = Province.create(tmp_path)
    assert len(list(province.workspace.keys.iterdir())) == 10
    assert [path.name for path in tmp_path.iterdir()] == ["43"]


def test_a_root_says_its_time_and_thresholds(province: Province) -> None:
    roles = province.roles
    assert roles.expires(KeyRole.ROOT) == NOW + sign.ROOT_LIFETIME
    assert [roles.threshold(role) for role in (KeyRole.ROOT, KeyRole.EDITOR)] == [2, 1]
    assert len(roles.keyids(KeyRole.ROOT)) == 3
