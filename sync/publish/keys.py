"""Private keys of a publisher: made, encrypted, found by the id the metadata names them with.

A key file is a PKCS 8 PEM called ``<role>-<first 16 digits of its keyid>.pem``: which keys are in
force is said by the metadata alone, so a kill between a new key and its metadata leaves no doubt.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from securesystemslib.signer import (  # type: ignore[attr-defined]  # documented, no __all__
    CryptoSigner,
)

from sync.errors import UsageError
from sync.files import make_folder, write_durably
from sync.publish.roles import KeyRole

KEY_MODE = 0o600
FOLDER_MODE = 0o700
PRIVATE_MARKS = (
    b"PRIVATE KEY-----",
    b"PuTTY-User-Key-File",
    b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70",  # Ed25519, PKCS 8 as DER
)
"""What no file outside ``keys/`` may hold; ``push`` looks for them."""


ROOT_KEYS = 3
ROOT_THRESHOLD = 2
AskPassphrase = Callable[[Path], bytes]
"""Asked for the passphrase of one encrypted key file."""
Signer = CryptoSigner


def no_passphrase(path: Path) -> bytes:
    """For demo keys, which are not encrypted; raises UsageError for one that is."""
    raise UsageError(
        f"{path.name} is encrypted and no passphrase was given",
        hint="use --passphrase-file or the environment variable KEXIA_PASSPHRASE",
    )


class KeyRing:
    """The keys below one folder, and key files somebody brought along for this command."""

    def __init__(
        self, folder: Path, *, ask: AskPassphrase = no_passphrase, brought: Sequence[Path] = ()
    ) -> None:
        self.folder = folder
        self._ask = ask
        self._brought = tuple(brought)
        self._opened: dict[str, Signer] = {}

    def make(self, role: KeyRole, passphrase: bytes | None) -> Signer:
        """A new key of ``role``, durably stored; ``None`` leaves it unencrypted (demo only)."""
        signer = CryptoSigner.generate_ed25519()
        make_folder(self.folder)
        self.folder.chmod(FOLDER_MODE)
        write_key(self.path(role, signer.public_key.keyid), signer, passphrase)
        self._opened[signer.public_key.keyid] = signer
        return signer

    def path(self, role: KeyRole, keyid: str) -> Path:
        """Where the key of that id is kept."""
        return self.folder / f"{role}-{keyid[:16]}.pem"

    def holds(self, role: KeyRole, keyid: str) -> bool:
        """True if the key's file is in the folder."""
        return self.path(role, keyid).is_file()

    def find(self, role: KeyRole, keyid: str) -> Signer | None:
        """The key of that id, if it is here; raises UsageError for a wrong passphrase."""
        if keyid not in self._opened and self.holds(role, keyid):
            self._open(self.path(role, keyid))
        if keyid not in self._opened:
            self._open_brought()
        return self._opened.get(keyid)

    def signers(self, role: KeyRole, keyids: Iterable[str], *, threshold: int) -> list[Signer]:
        """As many of the named keys as are here, at least ``threshold``; else UsageError."""
        found = [signer for keyid in keyids if (signer := self.find(role, keyid)) is not None]
        if len(found) < threshold:
            raise UsageError(
                f"{threshold} key(s) of the role {role} are needed, {len(found)} are here",
                hint=f"bring the key file of its holder: --key {role}.pem",
            )
        return found

    def only_brought(self) -> Signer:
        """The one key that was brought, for a machine without a workspace; else UsageError."""
        self._open_brought()
        if len(self._opened) != 1:
            raise UsageError(
                f"{len(self._opened)} key files were given",
                hint="away from the workspace, name the one to sign with: --key editor.pem",
            )
        return next(iter(self._opened.values()))

    def retire(self, role: KeyRole, *, in_force: Iterable[str]) -> None:
        """Remove the key files of ``role`` that the metadata no longer names."""
        kept = {self.path(role, keyid) for keyid in in_force}
        for path in self.folder.glob(f"{role}-*.pem"):
            if path not in kept:
                path.unlink()

    def _open(self, path: Path) -> None:
        signer = read_key(path, self._ask)
        self._opened[signer.public_key.keyid] = signer

    def _open_brought(self) -> None:
        for path in self._brought:
            self._open(path)
        self._brought = ()


def write_key(path: Path, signer: Signer, passphrase: bytes | None) -> None:
    """Store a private key durably, readable by its owner only."""
    write_durably(path, encrypt(signer, passphrase), mode=KEY_MODE)


def read_key(path: Path, ask: AskPassphrase) -> Signer:
    """Open a key file; raises UsageError for a missing file, wrong passphrase or other kind."""
    key = _load(path, ask)
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{path.name} is no Ed25519 key", hint="docs/keys.md says how to make one")
    return CryptoSigner(key)


def write_recipient_key(path: Path, private: bytes, passphrase: bytes | None) -> None:
    """Store the X25519 key of who reads what boxes send back, as other private keys are."""
    pem = X25519PrivateKey.from_private_bytes(private).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        _encryption(passphrase),
    )
    write_durably(path, pem, mode=KEY_MODE)


def read_recipient_key(path: Path, ask: AskPassphrase) -> bytes:
    """Open what ``write_recipient_key`` stored; raises UsageError."""
    key = _load(path, ask)
    if not isinstance(key, X25519PrivateKey):
        raise UsageError(
            f"{path.name} is no recipient's key", hint="make one with: kexia stick keys"
        )
    return key.private_bytes_raw()


def _encryption(passphrase: bytes | None) -> serialization.KeySerializationEncryption:
    if passphrase is None:
        return serialization.NoEncryption()
    return serialization.BestAvailableEncryption(passphrase)


def _load(path: Path, ask: AskPassphrase) -> object:
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise UsageError(f"key file {path}: {error.strerror}") from error
    passphrase = ask(path) if b"ENCRYPTED" in pem else None
    try:
        return serialization.load_pem_private_key(pem, passphrase)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{path.name}: wrong passphrase, or no private key") from error


def encrypt(signer: Signer, passphrase: bytes | None) -> bytes:
    """PEM of the private key, encrypted unless ``passphrase`` is ``None``."""
    plain = signer.private_bytes
    if passphrase is None:
        return plain
    return serialization.load_pem_private_key(plain, None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        _encryption(passphrase),
    )


def holds_private_key(head: bytes) -> bool:
    """True if ``head`` (any part of a file) looks like a private key in a format people use."""
    return any(mark in head for mark in PRIVATE_MARKS)
