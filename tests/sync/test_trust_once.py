"""What python-tuf's client proved is proved once, and where its rules are wider once more."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from tuf.api.metadata import (  # type: ignore[attr-defined]  # documented, no __all__
    DelegatedRole,
    Delegations,
    MetaFile,
    Targets,
    Timestamp,
)

from sync import directory
from sync.directory import Directory
from sync.errors import TrustRefused
from sync.transport.volume import VolumeTransport
from sync.trust import Trusted, load
from tests.kit.trustbox import TrustBox
from tests.kit.tufrepo import PATHS, TufRepo, entry


@pytest.fixture
def repo(tmp_path: Path) -> TufRepo:
    repo = TufRepo(tmp_path / "repo")
    repo.publish()
    return repo


@pytest.fixture
def box(repo: TufRepo, tmp_path: Path) -> TrustBox:
    return TrustBox(tmp_path / "box", repo.first_root)


@pytest.fixture
def proofs(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often a refresh proves the folder once more."""
    counted = Counter[str]()

    def loading(folder: Path, **how: object) -> Trusted:
        counted["load"] += 1
        return load(folder, **how)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr("sync.trust.renew.load", loading)
    return counted


def test_what_was_proved_is_not_proved_again(
    repo: TufRepo, box: TrustBox, proofs: Counter[str]
) -> None:
    assert box.refresh(repo.folder) == box.load()
    repo.offer(Directory("43", "湖南省", (entry("43/music-1b"),)))
    repo.publish()
    assert box.refresh(repo.folder) == box.load()
    assert box.refresh(repo.folder) == box.load()
    repo.write_root()
    assert box.refresh(repo.folder) == box.load()
    assert not proofs


def delegate(repo: TufRepo, role: str, *names: str) -> None:
    """From now on ``role`` names others to speak for its own path, with its own key."""
    make = repo.make_delegated
    (key,) = repo.keys[role]
    keyid = key.public_key.keyid

    def delegating(asked: str) -> Targets:
        signed = make(asked)
        if asked == role:
            roles = {
                name: DelegatedRole(name, [keyid], 1, False, paths=[PATHS[role]]) for name in names
            }
            signed.delegations = Delegations({keyid: key.public_key}, roles)
            signed.targets.clear()
        return signed

    repo.make_delegated = delegating  # type: ignore[method-assign, assignment]  # what our publisher never writes


class Changing(VolumeTransport):
    """A repository that gives some files otherwise when they are asked for again."""

    def __init__(self, folder: Path, second: dict[str, bytes]) -> None:
        super().__init__(folder)
        self._second = second
        self._asked = Counter[str]()

    def read(self, name: str, *, limit: int) -> bytes:
        self._asked[name] += 1
        if self._asked[name] > 1 and name in self._second:
            return self._second[name]
        return super().read(name, limit=limit)


def test_a_role_cannot_speak_for_editor_and_reviewer(repo: TufRepo, box: TrustBox) -> None:
    """Rollout, the one key that is online, delegates to roles that bear their names."""
    delegate(repo, "rollout", "editor", "reviewer")
    repo.publish()
    false = Directory("43", "湖南省", (entry("43/false"),))
    second = {}
    for role in ("editor", "reviewer"):
        name = f"{repo.version}.{role}.json"
        honest = repo.metadata(name).read_bytes()
        signed = Targets(repo.version, expires=repo.now + timedelta(days=400))
        path = PATHS[role]
        signed.targets[path] = repo.target(path, directory.encode(false))
        second[f"metadata/{name}"] = repo.write(name, signed, repo.signers["rollout"])
        repo.metadata(name).write_bytes(honest)
    with pytest.raises(TrustRefused, match="not signed by enough"):
        box.refresh(Changing(repo.folder, second))
    assert not box.folder.exists()


def test_a_role_that_delegates_further_is_proved_once_more(
    repo: TufRepo, box: TrustBox, proofs: Counter[str]
) -> None:
    delegate(repo, "withdraw", "somebody")
    repo.publish()
    with pytest.raises(TrustRefused, match="somebody"):
        box.refresh(repo.folder)  # its file is not there
    make = repo.make_delegated
    repo.make_delegated = lambda role: _told(repo, make(role), role)  # type: ignore[method-assign]  # as above
    repo.publish()
    assert box.refresh(repo.folder) == box.load()
    assert proofs["load"] == 1


def _told(repo: TufRepo, signed: Targets, role: str) -> Targets:
    """With its target, so that nobody asks further."""
    if role == "withdraw":
        signed.targets = TufRepo.make_delegated(repo, role).targets
    return signed


def test_another_snapshot_of_the_same_version_is_refused(repo: TufRepo, box: TrustBox) -> None:
    """The client keeps the one it has; the timestamp names the other."""
    box.refresh(repo.folder)
    repo.expires["snapshot"] = timedelta(days=300)
    repo.write_snapshot(dict.fromkeys(["targets", *PATHS], 1))
    other = repo.metadata("1.snapshot.json").read_bytes()
    timestamp = Timestamp(
        2,
        expires=repo.now + timedelta(days=400),
        snapshot_meta=MetaFile.from_data(1, other, ["sha256"]),
        unrecognized_fields={"x-kexia-signed-at": repo.now.strftime("%Y-%m-%dT%H:%M:%SZ")},
    )
    repo.write("timestamp.json", timestamp, repo.signers["timestamp"])
    with pytest.raises(TrustRefused, match="is not the file that was signed for"):
        box.refresh(repo.folder)
