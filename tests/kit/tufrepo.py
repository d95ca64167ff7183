"""A publisher's signed metadata, made with real keys and without the publisher's own code.

So what the box refuses is tested against something that our publisher would never write.
"""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from securesystemslib.signer import CryptoSigner, Key  # type: ignore[attr-defined]  # no __all__
from tuf.api.metadata import (  # type: ignore[attr-defined]  # documented, no __all__
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    T,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization.json import JSONSerializer

from sync import directory
from sync.digest import sha256
from sync.directory import CollectionEntry, Directory, FeedRef, Stored
from sync.shortened import Shortened, custom_value, shorten
from sync.trust.notices import Withdrawal, encode_held, encode_withdrawals

NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)
PATHS = {
    "editor": "directory",
    "reviewer": "review/directory",
    "rollout": "rollout",
    "withdraw": "withdraw",
}
SERIALIZER = JSONSerializer(compact=True)


def new_key() -> CryptoSigner:
    return CryptoSigner.generate_ed25519()


def entry(collection: str, *, edition: int = 1) -> CollectionEntry:
    """A directory's entry that leads nowhere."""
    stored = Stored(sha256(f"{collection} {edition}".encode()), 10)
    return CollectionEntry(
        collection, "音乐", {"stage": ("primary",)}, edition, 1, 10, FeedRef(stored, stored), ()
    )


class TufRepo:
    """A repository's ``metadata/`` and ``targets/`` below ``folder``.

    Attributes say what is signed next; ``publish`` signs and writes it as the next version.
    ``signers`` may be changed apart from ``keys`` to sign with keys the metadata does not name.
    """

    def __init__(
        self, folder: Path, *, code: str = "43", demo: bool = False, now: datetime = NOW
    ) -> None:
        self.folder = folder
        self.code = code
        self.now = now
        self.version = 0
        self.keys = {
            "root": [new_key() for _ in range(3)],
            **{role: [new_key()] for role in ("targets", "snapshot", "timestamp", *PATHS)},
        }
        self.signers = {role: list(keys) for role, keys in self.keys.items()}
        self.root_fields: dict[str, object] = {
            "x-kexia-publisher": {"code": code, "name": f"publisher {code}"}
        }
        if demo:
            self.root_fields["x-kexia-demo"] = True
        self.expires = {role: timedelta(days=400) for role in self.keys}
        self.expires["root"] = timedelta(days=3650)
        self.directory: Directory | None = Directory(code, "湖南省", (entry(f"{code}/music-1a"),))
        self.review: Directory | None = self.directory
        self.custom: dict[str, object] | None = None
        """What the editor says of the directory besides."""
        self.withdrawals: tuple[Withdrawal, ...] = ()
        self.held: tuple[str, ...] = ()
        self.children: dict[str, tuple[bytes, dict[str, object]]] = {}
        self.root_version = 0
        self.write_root()

    @property
    def first_root(self) -> bytes:
        return self.metadata("1.root.json").read_bytes()

    def metadata(self, name: str) -> Path:
        return self.folder / "metadata" / name

    def offer(self, listed: Directory) -> None:
        """Editor and reviewer sign this directory next."""
        self.directory = self.review = listed

    def shorten(self, *earlier: Directory) -> Shortened:
        """Write the shorter forms of the directory, which the editor names from now on."""
        assert self.directory is not None
        forms, files = shorten(directory.encode(self.directory), map(directory.encode, earlier))
        for name, data in files.items():
            (self.folder / name).write_bytes(data)
        self.custom = custom_value(forms)
        return forms

    def write_root(self, *, also: Iterable[CryptoSigner] = ()) -> bytes:
        """The next root, naming ``keys``, signed by the root's ``signers`` and ``also``."""
        self.root_version += 1
        return self.write(
            f"{self.root_version}.root.json", self.make_root(), [*self.signers["root"], *also]
        )

    def make_root(self) -> Root:
        root = Root(
            version=self.root_version,
            expires=self.now + self.expires["root"],
            unrecognized_fields=dict(self.root_fields),
        )
        for role in ("root", "targets", "snapshot", "timestamp"):
            for key in self.keys[role]:
                root.add_key(key.public_key, role)
        root.roles["root"].threshold = 2
        return root

    def replace_key(self, role: str) -> CryptoSigner:
        """A new key for ``role``; the old one is returned, and root or targets must be written."""
        (old,) = self.keys[role]
        self.keys[role] = [new_key()]
        self.signers[role] = list(self.keys[role])
        return old

    def publish(self) -> None:
        """Sign everything as the next version and write it, timestamp last."""
        self.version += 1
        listed = {"targets": self.make_targets()}
        listed |= {role: self.make_delegated(role) for role in PATHS}
        for role, signed in listed.items():
            self.write(f"{signed.version}.{role}.json", signed, self.signers[role])
        self.write_snapshot({role: signed.version for role, signed in listed.items()})
        self.write_timestamp()

    def write_snapshot(self, versions: dict[str, int]) -> None:
        snapshot = Snapshot(self.version, expires=self._expiry("snapshot"))
        snapshot.meta = {f"{role}.json": MetaFile(version) for role, version in versions.items()}
        self.write(f"{self.version}.snapshot.json", snapshot, self.signers["snapshot"])

    def write_timestamp(self, *, version: int = 0, snapshot: int = 0, signed_at: str = "") -> None:
        """The timestamp of this version; what is given replaces what it would say."""
        timestamp = Timestamp(
            version or self.version,
            expires=self._expiry("timestamp"),
            snapshot_meta=MetaFile(snapshot or self.version),
            unrecognized_fields={
                "x-kexia-signed-at": signed_at or self.now.strftime("%Y-%m-%dT%H:%M:%SZ")
            },
        )
        self.write("timestamp.json", timestamp, self.signers["timestamp"])

    def make_targets(self) -> Targets:
        keys: dict[str, Key] = {
            key.public_key.keyid: key.public_key for role in PATHS for key in self.keys[role]
        }
        roles = {
            role: DelegatedRole(
                role, [key.public_key.keyid for key in self.keys[role]], 1, True, paths=[path]
            )
            for role, path in PATHS.items()
        }
        targets = Targets(self.version, expires=self._expiry("targets"))
        targets.delegations = Delegations(keys, roles)
        for code, (data, custom) in self.children.items():
            path = f"roots/{code}.root.json"
            targets.targets[path] = self.target(path, data, custom)
        return targets

    def make_delegated(self, role: str) -> Targets:
        signed = Targets(self.version, expires=self._expiry(role))
        data = self._said(role)
        if data is not None:
            custom = self.custom if role == "editor" else None
            signed.targets[PATHS[role]] = self.target(PATHS[role], data, custom)
        return signed

    def target(self, path: str, data: bytes, custom: dict[str, object] | None = None) -> TargetFile:
        """Write a target's bytes; what is to be signed about them."""
        target = TargetFile.from_data(path, data, ["sha256"])
        if custom is not None:
            target.unrecognized_fields["custom"] = custom
        folder, slash, last = path.rpartition("/")
        stored = (
            self.folder / "targets" / f"{folder}{slash}{hashlib.sha256(data).hexdigest()}.{last}"
        )
        stored.parent.mkdir(parents=True, exist_ok=True)
        stored.write_bytes(data)
        return target

    def write(self, name: str, signed: T, signers: Iterable[CryptoSigner]) -> bytes:
        metadata = Metadata[T](signed)
        for signer in signers:
            metadata.sign(signer, append=True)
        data: bytes = metadata.to_bytes(SERIALIZER)
        self.metadata(name).parent.mkdir(parents=True, exist_ok=True)
        self.metadata(name).write_bytes(data)
        return data

    def _expiry(self, role: str) -> datetime:
        return self.now + self.expires[role]

    def _said(self, role: str) -> bytes | None:
        if role == "rollout":
            return encode_held(self.held)
        if role == "withdraw":
            return encode_withdrawals(self.withdrawals)
        listed = self.directory if role == "editor" else self.review
        return None if listed is None else directory.encode(listed)
