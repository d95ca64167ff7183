"""What a box accepts from a publisher, and everything it refuses."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from securesystemslib.signer import CryptoSigner, SSlibKey  # type: ignore[attr-defined]  # no __all__
from tuf.api.metadata import TargetFile  # type: ignore[attr-defined]  # documented, no __all__

from sync.directory import Directory
from sync.errors import FormatError, KexiaError, NoSource, NotThere, ProofFailed, TrustRefused
from sync.transport.http import HttpTransport
from sync.transport.meter import Meter
from sync.transport.volume import VolumeTransport
from sync.trust import DemoKeys, RolledBack, TrustClock, Withdrawal, parse_root
from tests.kit.faults import CutAfter, Fault, Flip, Portal, Replace, Status
from tests.kit.server import ALWAYS, FolderServer
from tests.kit.trustbox import TrustBox, at, unset
from tests.kit.tufrepo import NOW, PATHS, TufRepo, entry, new_key

WITHDRAWN = Withdrawal(1, "43/music-1a", "l1", "版权", "2026-11-23T06:00:00Z")


@pytest.fixture
def repo(tmp_path: Path) -> TufRepo:
    repo = TufRepo(tmp_path / "repo")
    repo.publish()
    return repo


@pytest.fixture
def box(repo: TufRepo, tmp_path: Path) -> TrustBox:
    return TrustBox(tmp_path / "box", repo.first_root)


@pytest.fixture
def server(repo: TufRepo) -> Iterator[FolderServer]:
    with FolderServer(repo.folder) as server:
        yield server


def copy(repo: TufRepo, name: str) -> Path:
    """The repository as it is now, kept apart."""
    return Path(shutil.copytree(repo.folder, repo.folder.with_name(name)))


# what is accepted


def test_first_refresh(repo: TufRepo, box: TrustBox) -> None:
    trusted = box.refresh(repo.folder)
    assert trusted.publisher_id == box.root.publisher_id
    assert trusted.code == "43"
    assert trusted.directory == repo.directory
    assert trusted.versions == dict.fromkeys(
        ["root", "timestamp", "snapshot", "targets", *PATHS], 1
    )
    assert trusted.signed_at == NOW
    assert trusted.expires == NOW + timedelta(days=400)
    assert not trusted.expired
    assert (trusted.withdrawals, trusted.held, trusted.children) == ((), frozenset(), ())
    assert trusted.root.data == repo.first_root
    assert trusted.repaired == ()


def test_load_proves_the_same_offline(repo: TufRepo, box: TrustBox) -> None:
    refreshed = box.refresh(repo.folder)
    shutil.rmtree(repo.folder)
    before = box.files()
    assert box.load() == refreshed
    assert box.files() == before


def test_a_new_edition(repo: TufRepo, box: TrustBox) -> None:
    box.refresh(repo.folder)
    repo.offer(Directory("43", "湖南省", (entry("43/art-1a"), entry("43/music-1a", edition=2))))
    repo.publish()
    trusted = box.refresh(repo.folder)
    assert [item.edition for item in trusted.directory.collections] == [1, 2]
    assert trusted.versions["editor"] == 2


def test_an_unchanged_publisher_costs_two_requests(repo: TufRepo, box: TrustBox) -> None:
    box.refresh(repo.folder)
    meter = Meter(VolumeTransport(repo.folder))
    box.refresh(meter)
    assert meter.requests == 2
    assert meter.bytes <= 1000


def test_a_changed_edition_costs_few_requests(repo: TufRepo, box: TrustBox) -> None:
    box.refresh(repo.folder)
    repo.publish()
    meter = Meter(VolumeTransport(repo.folder))
    box.refresh(meter)
    # root, timestamp, snapshot, targets and four roles; the directory did not change
    assert meter.requests == 8


def test_over_http(repo: TufRepo, box: TrustBox, server: FolderServer) -> None:
    assert box.refresh(HttpTransport(server.url)).directory == repo.directory
    assert server.requests[:2] == ["metadata/2.root.json", "metadata/timestamp.json"]


def test_withdrawals_are_kept_until_reinstated(repo: TufRepo, box: TrustBox) -> None:
    second = replace(WITHDRAWN, number=2, lesson="l2")
    repo.withdrawals = (WITHDRAWN, second)
    repo.publish()
    assert box.refresh(repo.folder).withdrawals == (WITHDRAWN, second)
    repo.withdrawals = ()
    repo.publish()
    assert box.refresh(repo.folder).withdrawals == (WITHDRAWN, second)
    assert repo.directory is not None
    repo.offer(replace(repo.directory, reinstated=(1,)))
    repo.publish()
    assert box.refresh(repo.folder).withdrawals == (second,)
    assert box.load().withdrawals == (second,)


def test_held_collections(repo: TufRepo, box: TrustBox) -> None:
    repo.held = ("43/music-1a",)
    repo.publish()
    assert box.refresh(repo.folder).held == {"43/music-1a"}
    repo.held = ()
    repo.publish()
    assert box.refresh(repo.folder).held == frozenset()


def test_rotated_keys(repo: TufRepo, box: TrustBox) -> None:
    box.refresh(repo.folder)
    old = repo.keys["root"]
    repo.keys["root"] = [*old[:2], new_key()]
    repo.signers["root"] = repo.keys["root"][1:]
    for role in ("timestamp", "snapshot", "targets"):
        repo.replace_key(role)
    repo.write_root(also=old[:1])
    for role in PATHS:
        repo.replace_key(role)
    repo.publish()
    trusted = box.refresh(repo.folder)
    assert trusted.versions["root"] == 2
    assert trusted.root.data == repo.metadata("2.root.json").read_bytes()
    assert trusted.root.publisher_id == trusted.publisher_id == box.root.publisher_id
    assert box.load() == trusted
    fresh = TrustBox(box.folder.with_name("fresh"), repo.first_root)
    assert fresh.refresh(repo.folder) == trusted


def test_recovery_from_a_stolen_timestamp_key(repo: TufRepo, box: TrustBox) -> None:
    """TUF specification 5.3.11: new keys let the versions begin anew."""
    version, repo.version = repo.version, 2**31
    repo.publish()
    box.refresh(repo.folder)
    repo.version = version
    repo.replace_key("timestamp")
    repo.replace_key("snapshot")
    repo.write_root()
    repo.publish()
    assert box.refresh(repo.folder).versions["timestamp"] == version + 1


def test_rollout_and_withdraw_may_be_silent(repo: TufRepo, box: TrustBox) -> None:
    repo.held = ("43/music-1a",)
    repo.withdrawals = (WITHDRAWN,)
    repo.publish()
    box.refresh(repo.folder)
    repo._said = lambda role: None if role in ("rollout", "withdraw") else TufRepo._said(repo, role)  # type: ignore[method-assign]  # a publisher that stopped using both
    repo.publish()
    trusted = box.refresh(repo.folder)
    assert trusted.held == frozenset()
    assert trusted.withdrawals == (WITHDRAWN,)
    assert "rollout" not in box.files()


# what is refused

Spoil = Callable[[TufRepo], None]


def edit(repo: TufRepo, name: str) -> None:
    """Change a signed field of a metadata file and leave its signatures."""
    path = repo.metadata(name)
    value = json.loads(path.read_bytes())
    value["signed"]["expires"] = "2040-01-01T00:00:00Z"
    path.write_bytes(json.dumps(value).encode())


def altered_root(repo: TufRepo) -> None:
    repo.write_root()
    edit(repo, "2.root.json")


def flip_directory(repo: TufRepo) -> None:
    (path,) = (repo.folder / "targets").glob("*.directory")
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)


def editor_only(repo: TufRepo) -> None:
    repo.review = None
    repo.publish()


def reviewer_only(repo: TufRepo) -> None:
    repo.directory = None
    repo.publish()


def reviewer_of_another(repo: TufRepo) -> None:
    repo.directory = Directory("43", "湖南省", (entry("43/unseen"),))
    repo.publish()


def sign_with_revoked(role: str) -> Spoil:
    def spoil(repo: TufRepo) -> None:
        old = repo.replace_key(role)
        repo.signers[role] = [old]
        if role in ("targets", "snapshot", "timestamp"):
            repo.write_root()
        repo.publish()

    return spoil


def outside_code(repo: TufRepo) -> None:
    listed = Directory("43", "湖南省", (entry("44/music-1a"),))
    repo.offer(listed)
    repo.publish()


def of_another_publisher(repo: TufRepo) -> None:
    repo.offer(Directory("44", "广东省", (entry("44/music-1a"),)))
    repo.publish()


def withdraws_from_others(repo: TufRepo) -> None:
    repo.withdrawals = (replace(WITHDRAWN, collection="44/music-1a"),)
    repo.publish()


def holds_others_back(repo: TufRepo) -> None:
    repo.held = ("44/music-1a",)
    repo.publish()


def alias(signer: CryptoSigner) -> CryptoSigner:
    """The same key under another id."""
    key = signer.public_key
    renamed = SSlibKey("f" * 64, key.keytype, key.scheme, dict(key.keyval))
    return CryptoSigner(signer._private_key, renamed)


def one_person_two_names(repo: TufRepo) -> None:
    """A targets role in which the editor's key stands twice, so that one person makes two."""
    make = repo.make_targets
    second = alias(repo.keys["editor"][0])
    repo.signers["editor"].append(second)

    def doubled() -> object:
        targets = make()
        assert targets.delegations
        assert targets.delegations.roles
        targets.delegations.keys["f" * 64] = second.public_key
        targets.delegations.roles["editor"].keyids.append("f" * 64)
        targets.delegations.roles["editor"].threshold = 2
        return targets

    repo.make_targets = doubled  # type: ignore[method-assign, assignment]  # what our publisher never writes
    repo.publish()


def editor_reviews_himself(repo: TufRepo) -> None:
    repo.keys["reviewer"] = repo.signers["reviewer"] = repo.keys["editor"]
    repo.publish()


def arbitrary_key_id(repo: TufRepo) -> None:
    key = repo.keys["editor"][0].public_key
    repo.keys["editor"][0].public_key.keyid = "e" * 64
    assert key.keyid == "e" * 64
    repo.publish()


def doubled_root_key(repo: TufRepo) -> None:
    """Root 2 with one key under two ids: an honest threshold of root 1 signed it all the same."""
    make = repo.make_root

    def doubled() -> object:
        root = make()
        root.keys["f" * 64] = alias(repo.keys["root"][0]).public_key
        root.roles["root"].keyids.append("f" * 64)
        return root

    repo.make_root = doubled  # type: ignore[method-assign, assignment]  # what our publisher never writes
    repo.write_root()
    repo.publish()


def other_hash(repo: TufRepo) -> None:
    """A directory signed under another hash, by which the box would not find it."""
    make = repo.target

    def sha512(path: str, data: bytes, custom: dict[str, object] | None = None) -> TargetFile:
        make(path, data, custom)
        return TargetFile.from_data(path, data, ["sha512"])

    repo.target = sha512  # type: ignore[method-assign]  # what our publisher never writes
    repo.publish()


def too_few_root_signers(repo: TufRepo) -> None:
    repo.signers["root"] = repo.signers["root"][:1]
    repo.write_root()


def another_code_in_root(repo: TufRepo) -> None:
    repo.root_fields["x-kexia-publisher"] = {"code": "44", "name": "x"}
    repo.write_root()
    repo.publish()


def root_turns_demo(repo: TufRepo) -> None:
    repo.root_fields["x-kexia-demo"] = True
    repo.write_root()
    repo.publish()


def expired(role: str) -> Spoil:
    def spoil(repo: TufRepo) -> None:
        repo.expires[role] = timedelta(days=-1)
        if role == "root":
            repo.write_root()
        repo.publish()

    return spoil


def expires_before_signing(repo: TufRepo) -> None:
    """A timestamp that claims a signed time after the targets role had expired."""
    repo.version += 1
    repo.expires["timestamp"] = timedelta(days=9000)
    listed = dict.fromkeys(["targets", *PATHS], 1)
    repo.write_snapshot(listed)
    repo.write_timestamp(signed_at="2030-01-01T00:00:00Z")


def no_signed_time(repo: TufRepo) -> None:
    repo.version += 1
    repo.write_snapshot(dict.fromkeys(["targets", *PATHS], 1))
    repo.write_timestamp(signed_at="today")


def mixed_snapshot(repo: TufRepo) -> None:
    old = repo.metadata("1.snapshot.json").read_bytes()
    repo.publish()
    repo.metadata("2.snapshot.json").write_bytes(old)


def mixed_editor(repo: TufRepo) -> None:
    old = repo.metadata("1.editor.json").read_bytes()
    repo.publish()
    repo.metadata("2.editor.json").write_bytes(old)


def mixed_roots(repo: TufRepo) -> None:
    repo.metadata("2.root.json").write_bytes(repo.first_root)


def undelegated_path(repo: TufRepo) -> None:
    """Targets that give the editor the reviewer's path too."""
    make = repo.make_targets

    def widened() -> object:
        targets = make()
        assert targets.delegations
        assert targets.delegations.roles
        targets.delegations.roles["editor"].paths = ["directory", "review/*"]
        return targets

    repo.make_targets = widened  # type: ignore[method-assign, assignment]  # what our publisher never writes
    repo.publish()


def targets_signs_directory_itself(repo: TufRepo) -> None:
    """Top-level targets that list the directory, past editor and reviewer."""
    make = repo.make_targets

    def listing() -> object:
        targets = make()
        for path in ("directory", "review/directory"):
            targets.targets[path] = repo.target(path, b"anything")
        return targets

    repo.make_targets = listing  # type: ignore[method-assign, assignment]  # what our publisher never writes
    repo.publish()


REFUSED: dict[str, tuple[Spoil, type[TrustRefused], str]] = {
    "directory altered": (flip_directory, ProofFailed, "not what was signed"),
    **{
        f"{role} altered": (
            lambda repo, role=role: edit(repo, f"1.{role}.json"),  # type: ignore[misc]  # binds role
            TrustRefused,
            f"{role}.json: not signed by enough",
        )
        for role in ("snapshot", "targets", *PATHS)
    },
    "timestamp altered": (
        lambda repo: edit(repo, "timestamp.json"),
        TrustRefused,
        "timestamp.json: not signed by enough",
    ),
    "root altered": (altered_root, TrustRefused, "2.root.json: not signed by enough"),
    "editor alone": (editor_only, TrustRefused, "the reviewer has signed no directory"),
    "reviewer alone": (reviewer_only, TrustRefused, "the editor has signed no directory"),
    "reviewed another": (
        reviewer_of_another,
        TrustRefused,
        "the reviewer has not signed what the editor signed",
    ),
    **{
        f"revoked {role} key": (sign_with_revoked(role), TrustRefused, "not signed by enough")
        for role in ("targets", "snapshot", "timestamp", *PATHS)
    },
    "another hash": (other_hash, TrustRefused, "has not signed what the editor signed"),
    "collection outside the code": (outside_code, FormatError, "outside its publisher's code"),
    "another's directory": (of_another_publisher, TrustRefused, "is of publisher 44"),
    "withdraws from others": (withdraws_from_others, FormatError, "outside its publisher's code"),
    "holds others back": (holds_others_back, FormatError, "outside its publisher's code"),
    "one key twice": (one_person_two_names, TrustRefused, "editor lists the public key .* twice"),
    "editor is reviewer": (editor_reviews_himself, TrustRefused, "both an editor's and a review"),
    "arbitrary key id": (arbitrary_key_id, TrustRefused, "is not its key's hash"),
    "one root key twice": (doubled_root_key, TrustRefused, "root lists the public key .* twice"),
    "one root signature": (too_few_root_signers, TrustRefused, "root.json: not signed by enough"),
    "another code": (another_code_in_root, TrustRefused, "root 2 is of publisher 44"),
    "turns demo": (root_turns_demo, TrustRefused, "demo keys"),
    **{
        f"{role} expired": (expired(role), TrustRefused, "has expired")
        for role in ("root", "timestamp", "snapshot", "targets", *PATHS)
    },
    "signed after expiry": (expires_before_signing, TrustRefused, "has expired"),
    "no signed time": (no_signed_time, FormatError, "is no time like"),
    "mixed snapshot": (mixed_snapshot, TrustRefused, "mix of versions"),
    "mixed editor": (mixed_editor, TrustRefused, "mix of versions"),
    "mixed roots": (mixed_roots, TrustRefused, "mix of versions"),
    "wider delegation": (undelegated_path, TrustRefused, "does not delegate"),
    "past the editor": (targets_signs_directory_itself, TrustRefused, "not delegated as it must"),
}


@pytest.mark.parametrize("known", [True, False], ids=["known", "new"])
@pytest.mark.parametrize("what", REFUSED)
def test_refused(repo: TufRepo, box: TrustBox, what: str, known: bool) -> None:
    spoil, kind, words = REFUSED[what]
    good = copy(repo, "good")
    if known:
        box.refresh(good)
    before = box.files()
    if known and repo.version == 1 and "altered" in what and "root" not in what:
        repo.publish()  # what a box knows it does not fetch again: alter the news
        _alter_news(repo, what)
    else:
        spoil(repo)
    with pytest.raises(TrustRefused, match=words) as caught:
        box.refresh(repo.folder)
    assert isinstance(caught.value, kind)
    assert not isinstance(caught.value, RolledBack)
    assert caught.value.exit_code == 5
    assert box.files() == before
    assert box.refresh(good).directory.code == "43"


def _alter_news(repo: TufRepo, what: str) -> None:
    role = what.removesuffix(" altered")
    if role == "directory":
        repo.offer(Directory("43", "湖南省", (entry("43/news"),)))
        repo.publish()
        for path in (repo.folder / "targets").glob("*.directory"):
            path.write_bytes(path.read_bytes()[:-1] + b"?")
    else:
        edit(repo, "timestamp.json" if role == "timestamp" else f"2.{role}.json")


def test_demo_keys(tmp_path: Path) -> None:
    repo = TufRepo(tmp_path / "repo", demo=True)
    repo.publish()
    with pytest.raises(TrustRefused, match="demo keys"):
        TrustBox(tmp_path / "box", repo.first_root).refresh(repo.folder)
    accepting = TrustBox(tmp_path / "demo", repo.first_root, demo=DemoKeys.ACCEPT)
    assert accepting.refresh(repo.folder).root.demo
    accepting.demo = DemoKeys.REFUSE
    with pytest.raises(TrustRefused, match="demo keys"):
        accepting.load()


# older, incomplete, silent


def test_rolled_back(repo: TufRepo, box: TrustBox) -> None:
    old = copy(repo, "old")
    repo.publish()
    box.refresh(repo.folder)
    before = box.files()
    with pytest.raises(RolledBack, match="older than what this box has"):
        box.refresh(old)
    assert box.files() == before


def test_a_stick_from_before_a_new_key_is_only_old(repo: TufRepo, box: TrustBox) -> None:
    box.refresh(repo.folder)
    old = copy(repo, "old")
    revoked = repo.replace_key("timestamp")
    repo.write_root()
    repo.publish()
    box.refresh(repo.folder)
    with pytest.raises(RolledBack, match="older than what this box has"):
        box.refresh(old)
    repo.signers["timestamp"] = [revoked]  # the thief goes on signing
    repo.publish()
    with pytest.raises(TrustRefused, match="not signed by enough") as caught:
        box.refresh(repo.folder)
    assert not isinstance(caught.value, RolledBack)
    repo.signers["timestamp"] = [new_key()]
    repo.version = 0
    repo.publish()
    with pytest.raises(TrustRefused, match="not signed by enough") as caught:
        box.refresh(repo.folder)
    assert not isinstance(caught.value, RolledBack)


def test_a_snapshot_rolled_back_under_a_new_timestamp(repo: TufRepo, box: TrustBox) -> None:
    repo.publish()
    box.refresh(repo.folder)
    repo.version = 3
    repo.write_snapshot(dict.fromkeys(["targets", *PATHS], 1))
    repo.write_timestamp()
    with pytest.raises(RolledBack, match=r"3\.snapshot\.json is older"):
        box.refresh(repo.folder)


def test_a_timestamp_that_points_back(repo: TufRepo, box: TrustBox) -> None:
    repo.publish()
    box.refresh(repo.folder)
    repo.write_timestamp(version=9, snapshot=1)
    with pytest.raises(RolledBack, match=r"timestamp\.json is older"):
        box.refresh(repo.folder)


@pytest.mark.parametrize(
    "pattern", ["1.snapshot.json", "1.targets.json", "timestamp.json", "1.withdraw.json"]
)
def test_an_incomplete_copy_is_no_source(repo: TufRepo, box: TrustBox, pattern: str) -> None:
    repo.metadata(pattern).unlink()
    with pytest.raises(NotThere):
        box.refresh(repo.folder)


def test_a_missing_directory_is_no_source(repo: TufRepo, box: TrustBox) -> None:
    (path,) = (repo.folder / "targets").glob("*.directory")
    path.unlink()
    with pytest.raises(NotThere):
        box.refresh(repo.folder)


def test_half_of_a_newer_state_then_a_complete_older_one(repo: TufRepo, box: TrustBox) -> None:
    box.refresh(repo.folder)
    repo.offer(Directory("43", "湖南省", (entry("43/music-1a", edition=2),)))
    repo.publish()
    complete = copy(repo, "complete")
    repo.publish()
    half = copy(repo, "half")
    (half / "metadata" / "3.editor.json").unlink()
    with pytest.raises(NoSource):
        box.refresh(half)
    assert box.refresh(complete).versions["timestamp"] == 2


NO_SOURCE: dict[str, Fault] = {
    "portal": Portal(),
    "portal without type": Portal(content_type="application/octet-stream"),
    "portal, long page": Portal(
        content_type="application/octet-stream", body=b"\n <html>" + bytes(100_000)
    ),
    "text": Replace(b"It works!"),
    "half a file": CutAfter(50),
    "server error": Status(500),
    "nothing": Replace(b""),
    "deep": Replace(b"[" * 15_000),
}


SPOILT = [
    (what, name)
    for what in NO_SOURCE
    for name in ("timestamp.json", "2.root.json", "1.snapshot.json", "*")
    if (what, name) != ("half a file", "2.root.json")  # there is none to cut
]


@pytest.mark.parametrize(("what", "name"), SPOILT)
def test_no_repository_is_no_source(
    box: TrustBox, server: FolderServer, what: str, name: str
) -> None:
    server.fail(f"metadata/{name}", NO_SOURCE[what], times=ALWAYS)
    with pytest.raises(NoSource) as caught:
        box.refresh(HttpTransport(server.url))
    assert caught.value.exit_code == 4
    assert caught.value.hint
    server.heal()
    box.refresh(HttpTransport(server.url))


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"signed": {}, "signatures": []}', b"null"])
def test_json_that_is_no_metadata_is_refused(
    box: TrustBox, server: FolderServer, body: bytes
) -> None:
    server.fail("metadata/timestamp.json", Replace(body))
    with pytest.raises(TrustRefused, match="breaks the rules"):
        box.refresh(HttpTransport(server.url))


def test_endless_metadata_is_refused(repo: TufRepo, box: TrustBox, server: FolderServer) -> None:
    repo.metadata("timestamp.json").write_bytes(b'{"signed": "' + b"x" * 100_000)
    with pytest.raises(FormatError, match="longer than"):
        box.refresh(HttpTransport(server.url))


def test_a_portal_in_place_of_the_directory(box: TrustBox, server: FolderServer) -> None:
    page = b"<html>".ljust(repo_directory_size(server), b" ")
    server.fail("targets/*.directory", Portal(content_type="text/plain", body=page))
    with pytest.raises(NoSource, match="something else"):
        box.refresh(HttpTransport(server.url))
    server.fail("targets/*.directory", Flip(-1))
    with pytest.raises(ProofFailed):
        box.refresh(HttpTransport(server.url))


def repo_directory_size(server: FolderServer) -> int:
    (path,) = (server.folder / "targets").glob("*.directory")
    return path.stat().st_size


def test_a_directory_above_the_limit(
    repo: TufRepo, box: TrustBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.trust.listing.MAX_SIZE", 10)
    with pytest.raises(FormatError, match="longer than the 10 bytes"):
        box.refresh(repo.folder)


# time


@pytest.mark.parametrize("year", [1970, 2000, 2026, 2099, 9999])
def test_no_clock_refuses_a_fresh_repository(repo: TufRepo, box: TrustBox, year: int) -> None:
    clock = unset(year)
    box.refresh(repo.folder, clock)
    repo.publish()
    assert box.refresh(repo.folder, clock).versions["timestamp"] == 2
    set_wrong = replace(clock, wall_is_set=True)
    repo.publish()
    assert box.refresh(repo.folder, set_wrong).versions["timestamp"] == 3
    assert not box.load(set_wrong).expired


def test_expiry_at_a_clock_that_is_set(repo: TufRepo, box: TrustBox) -> None:
    repo.expires["timestamp"] = timedelta(days=100)
    repo.publish()
    box.refresh(repo.folder, at(NOW + timedelta(days=99)))
    with pytest.raises(TrustRefused, match="has expired") as caught:
        box.refresh(repo.folder, at(NOW + timedelta(days=101)))
    assert "clock" in caught.value.hint
    # a clock nobody set, or too far ahead to be true, judges at the signed time
    box.refresh(repo.folder, replace(at(NOW + timedelta(days=101)), wall_is_set=False))
    box.refresh(repo.folder, at(NOW + timedelta(days=181)))


def test_what_was_accepted_stays_accepted(repo: TufRepo, box: TrustBox) -> None:
    repo.expires["timestamp"] = timedelta(days=100)
    repo.publish()
    box.refresh(repo.folder)
    assert not box.load(at(NOW + timedelta(days=99))).expired
    assert box.load(at(NOW + timedelta(days=101))).expired


def test_the_floor_moves_with_signed_time(repo: TufRepo, box: TrustBox) -> None:
    """Metadata signed in March shows that it is March, whatever the clock says."""
    stale = copy(repo, "stale")
    box.refresh(repo.folder, unset(2000))
    repo.now = NOW + timedelta(days=450)
    repo.publish()
    box.refresh(repo.folder, unset(2000))
    assert box.load(unset(2000)).signed_at == repo.now
    with pytest.raises(RolledBack):
        box.refresh(stale, unset(2000))
    repo.now -= timedelta(days=449)
    repo.publish()  # newer by version, but expired before the floor
    with pytest.raises(TrustRefused, match="has expired"):
        box.refresh(repo.folder, unset(2000))


def test_the_build_time_is_a_floor(repo: TufRepo, box: TrustBox) -> None:
    late = TrustClock(datetime(2000, 1, 1, tzinfo=UTC), False, NOW + timedelta(days=401))
    with pytest.raises(TrustRefused, match="has expired"):
        box.refresh(repo.folder, late)


# children


@pytest.fixture
def county(tmp_path: Path) -> TufRepo:
    county = TufRepo(tmp_path / "county", code="4301")
    county.publish()
    return county


def introduce(repo: TufRepo, child: TufRepo, code: str = "4301") -> None:
    urls = ["https://county.example/r"]
    repo.children = {code: (child.first_root, {"name": "长沙", "urls": urls})}
    repo.publish()


def test_a_child_is_introduced_and_revoked(
    repo: TufRepo, county: TufRepo, box: TrustBox, tmp_path: Path
) -> None:
    introduce(repo, county)
    (child,) = box.refresh(repo.folder).children
    assert (child.code, child.name, child.urls) == ("4301", "长沙", ("https://county.example/r",))
    assert box.load().children == (child,)
    below = TrustBox(tmp_path / "below", child.root.data)
    assert below.refresh(county.folder).code == "4301"
    repo.children = {}
    repo.publish()
    assert box.refresh(repo.folder).children == ()
    assert not list((box.folder / "roots").iterdir())


def test_a_child_takes_its_name_from_its_root(
    repo: TufRepo, county: TufRepo, box: TrustBox
) -> None:
    repo.children = {"4301": (county.first_root, {})}
    repo.publish()
    (child,) = box.refresh(repo.folder).children
    assert (child.name, child.urls) == ("publisher 4301", ())


CHILDREN: dict[str, tuple[str, str, dict[str, object], str]] = {
    "not below": ("4401", "4401", {}, "does not lie below"),
    "itself": ("43", "43", {}, "does not lie below"),
    "above": ("cn", "cn", {}, "does not lie below"),
    "under another name": ("4301", "4302", {}, "holds the root of publisher 4301"),
    "deeper path": ("4301", "x/4301", {}, "no place for"),
    "broken urls": ("4301", "4301", {"urls": "https://one"}, "introduction is broken"),
    "broken name": ("4301", "4301", {"name": 7}, "introduction is broken"),
}


@pytest.mark.parametrize("what", CHILDREN)
def test_refused_children(repo: TufRepo, box: TrustBox, tmp_path: Path, what: str) -> None:
    code, listed, custom, words = CHILDREN[what]
    child = TufRepo(tmp_path / "child", code=code)
    repo.children = {listed: (child.first_root, custom)}
    repo.publish()
    with pytest.raises(TrustRefused, match=words):
        box.refresh(repo.folder)


def test_an_address_nobody_can_use_costs_only_itself(
    repo: TufRepo, box: TrustBox, tmp_path: Path
) -> None:
    child = TufRepo(tmp_path / "child", code="4301")
    urls = ["file:///etc", "nonsense", "https://one.example/lessons", "http://", "ftp://x"]
    repo.children = {"4301": (child.first_root, {"urls": urls})}
    repo.publish()
    [found] = box.refresh(repo.folder).children
    assert found.urls == ("https://one.example/lessons",)


def test_a_child_with_demo_keys(repo: TufRepo, box: TrustBox, tmp_path: Path) -> None:
    introduce(repo, TufRepo(tmp_path / "child", code="4301", demo=True))
    with pytest.raises(TrustRefused, match="demo keys"):
        box.refresh(repo.folder)


def test_a_mirrored_publisher(repo: TufRepo, box: TrustBox, tmp_path: Path) -> None:
    from sync.transport.subtree import Subtree

    mirror = tmp_path / "mirror" / "mirrors" / box.root.publisher_id
    shutil.copytree(repo.folder, mirror)
    below = Subtree(VolumeTransport(tmp_path / "mirror"), f"mirrors/{box.root.publisher_id}/")
    assert box.refresh(below).directory == repo.directory


# roots


def test_parse_root(repo: TufRepo) -> None:
    root = parse_root(repo.first_root)
    assert (root.code, root.name, root.demo) == ("43", "publisher 43", False)
    assert len(root.publisher_id) == 16


def test_parse_root_refuses(repo: TufRepo, tmp_path: Path) -> None:
    second = repo.write_root()
    unsigned = json.dumps({**json.loads(repo.first_root), "signatures": []}).encode()
    nobody = TufRepo(tmp_path / "nobody")
    nobody.root_fields.clear()
    nobody.root_version = 0
    strange = TufRepo(tmp_path / "strange")
    strange.root_fields["x-kexia-publisher"] = {"code": "../43", "name": "x"}
    strange.root_version = 0
    for data, words in [
        (second, "not a publisher's first root"),
        (unsigned, "no root signed by its own keys"),
        (b"<html>", "no root signed by its own keys"),
        (repo.metadata("timestamp.json").read_bytes(), "this is a timestamp file"),
        (nobody.write_root(), "does not say whose it is"),
        (strange.write_root(), "no publisher code"),
    ]:
        with pytest.raises(FormatError, match=words):
            parse_root(data)


def test_any_demo_mark_counts(tmp_path: Path) -> None:
    repo = TufRepo(tmp_path / "repo")
    repo.root_fields["x-kexia-demo"] = "yes"
    repo.root_version = 0
    assert parse_root(repo.write_root()).demo


def test_roots_without_consistent_snapshots(tmp_path: Path) -> None:
    repo = TufRepo(tmp_path / "repo")
    root = repo.make_root()
    root.consistent_snapshot = False
    root.version = 1
    data = repo.write("1.root.json", root, repo.signers["root"])
    with pytest.raises(TrustRefused, match="consistent snapshots"):
        parse_root(data)


def test_anothers_trust_state(repo: TufRepo, box: TrustBox, tmp_path: Path) -> None:
    box.refresh(repo.folder)
    other = TufRepo(tmp_path / "other")
    mistaken = TrustBox(box.folder, other.first_root)
    with pytest.raises(TrustRefused, match="is of publisher"):
        mistaken.load()
    with pytest.raises(TrustRefused):
        mistaken.refresh(repo.folder)


def test_the_refusal_says_who_must_sign(repo: TufRepo, box: TrustBox) -> None:
    editor_only(repo)
    with pytest.raises(KexiaError) as caught:
        box.refresh(repo.folder)
    assert "kexia publish sign --as reviewer" in caught.value.hint
