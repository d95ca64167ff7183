"""Sealing, the only door to PyNaCl: papers that a box signs, and what only its recipients read.

A **paper** is one thing a box says, signed with the box's Ed25519 key (RFC 8032); little endian::

    offset  bytes  what
    0       8      "KXPAPER\\n"
    8       1      version, 1
    9       1      kind: 1 have-list, 2 report, 3 sealed report,
                    4 sealed backup, 5 backup,
                    6 instruction (of a county to a box)
    10      32     public key of the box
    42      8      epoch (u64)
    50      8      sequence (u64)
    58      64     signature over "kexia-paper-1\\0", then bytes 8 to 58, then the body
    122     …      body, to the end

A **sealed** text is read with the private X25519 key of any of its recipients (libsodium's sealed
boxes, ``crypto_box_seal``, hold the key of an XSalsa20-Poly1305 secret box)::

    0       8      "KXSEAL1\\n"
    8       1      number of recipients, 1 to 16
    9       80 n   the secret box's key, sealed to each recipient
    …       …      secret box: nonce (24), authenticator (16), the text

Keys and nonces are made by libsodium.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, PublicKey, SealedBox
from nacl.secret import SecretBox
from nacl.signing import SigningKey, VerifyKey
from nacl.utils import random

from sync.digest import sha256
from sync.errors import FormatError, TrustRefused, UsageError

PAPER_MAGIC = b"KXPAPER\n"
SEAL_MAGIC = b"KXSEAL1\n"
VERSION = 1
KEY_BYTES = 32
"""Of every key here, private (its seed) or public."""
MAX_RECIPIENTS = 16
MAX_NUMBER = 2**63 - 1
"""Of an epoch or a sequence: what every format here counts to."""
PAPER_BYTES = 122
"""What a signed paper adds to its body."""
_DOMAIN = b"kexia-paper-1\0"
_INSTRUCTING = b"kexia-instruction-key-1\0"
_HEAD = struct.Struct("<BB32sQQ")
_SIGNED_AT = len(PAPER_MAGIC) + _HEAD.size
_SEALED_KEY = KEY_BYTES + 48


class Kind(IntEnum):
    """What a paper is; part of what is signed, so that none passes for another."""

    HAVE = 1
    REPORT = 2
    SEALED_REPORT = 3
    SEALED_BACKUP = 4
    BACKUP = 5
    INSTRUCTION = 6
    """Not of a box: a county signs it."""


@dataclass(frozen=True, slots=True)
class Paper:
    """A paper whose signature held: who wrote it, where in its history it stands, what it says."""

    kind: Kind
    public: bytes
    """The key it was signed with. Whether that key is a known box's is for the reader to say."""
    epoch: int
    sequence: int
    body: bytes

    @property
    def box(self) -> str:
        """Id of the box."""
        return box_id(self.public)


def box_id(public: bytes) -> str:
    """The first 16 hexadecimal digits of the SHA-256 of a box's public key."""
    return sha256(public)[:16]


def new_seed() -> bytes:
    """A new private key of a box."""
    return random(KEY_BYTES)


def public_of(seed: bytes) -> bytes:
    """The public key of a box's private one; raises FormatError for a seed of another length."""
    return bytes(_signing(seed).verify_key)


def sign(kind: Kind, body: bytes, *, seed: bytes, epoch: int, sequence: int) -> bytes:
    """The paper's bytes; the same arguments give the same bytes."""
    key = _signing(seed)
    head = _HEAD.pack(VERSION, kind, bytes(key.verify_key), epoch, sequence)
    return PAPER_MAGIC + head + key.sign(_DOMAIN + head + body).signature + body


def open_paper(data: bytes, *, kind: Kind, limit: int) -> Paper:
    """The paper in ``data`` (at most ``limit`` bytes), if its signature holds.

    Nothing of the body is looked at before. Raises FormatError for what is no paper of ``kind``,
    TrustRefused for a signature that does not hold.
    """
    if not PAPER_BYTES <= len(data) <= limit or not data.startswith(PAPER_MAGIC):
        raise FormatError(f"no signed paper of {PAPER_BYTES} to {limit} bytes")
    head, body = data[len(PAPER_MAGIC) : _SIGNED_AT], data[PAPER_BYTES:]
    version, found, public, epoch, sequence = _HEAD.unpack(head)
    if (version, found) != (VERSION, kind):
        raise FormatError(
            f"a paper of kind {found} in version {version}, expected was {kind} in {VERSION}",
            hint="it may come from a newer box; update this software",
        )
    if max(epoch, sequence) > MAX_NUMBER:
        raise FormatError("a paper whose epoch or sequence is not below 2^63")
    try:
        VerifyKey(public).verify(_DOMAIN + head + body, data[_SIGNED_AT:PAPER_BYTES])
    except CryptoError as error:
        raise TrustRefused(
            f"the signature of a paper of box {box_id(public)} does not hold",
            hint="it was altered or damaged; collect it again from the box",
        ) from error
    return Paper(kind, public, epoch, sequence, body)


def check_same_writer(outer: Paper, inner: Paper) -> None:
    """Raise TrustRefused unless what was sealed is of the box that sent it, at that moment."""
    if (outer.public, outer.epoch, outer.sequence) != (inner.public, inner.epoch, inner.sequence):
        raise TrustRefused(
            f"box {outer.box} sent what box {inner.box} had sealed at another moment",
            hint="somebody put another box's paper into this one; do not use it",
        )


def seal(text: bytes, recipients: Iterable[bytes]) -> bytes:
    """``text`` for the holders of these public keys; raises UsageError for what is no key."""
    keys = sorted(set(recipients))
    if not 1 <= len(keys) <= MAX_RECIPIENTS:
        raise UsageError(f"{len(keys)} recipients, 1 to {MAX_RECIPIENTS} are possible")
    key = random(SecretBox.KEY_SIZE)
    sealed = b"".join(_sealed_key(key, public) for public in keys)
    return SEAL_MAGIC + bytes([len(keys)]) + sealed + SecretBox(key).encrypt(text)


def sealed_size(length: int, recipients: int) -> int:
    """Bytes of a sealed text of ``length`` bytes."""
    overhead = SecretBox.NONCE_SIZE + SecretBox.MACBYTES
    return len(SEAL_MAGIC) + 1 + recipients * _SEALED_KEY + overhead + length


def unseal(data: bytes, private: bytes) -> bytes:
    """The text, for who holds the X25519 key ``private``.

    Raises FormatError for what is not sealed, TrustRefused if it is for others or was altered.
    """
    if not data.startswith(SEAL_MAGIC) or len(data) < sealed_size(0, 1):
        raise FormatError("this is nothing sealed")
    count = data[len(SEAL_MAGIC)]
    start = len(SEAL_MAGIC) + 1
    end = start + count * _SEALED_KEY
    if not 1 <= count <= MAX_RECIPIENTS or len(data) < sealed_size(0, count):
        raise FormatError(f"sealed for {count} recipients in {len(data)} bytes: no such thing")
    keys = (data[at : at + _SEALED_KEY] for at in range(start, end, _SEALED_KEY))
    key = _first_opened(keys, SealedBox(PrivateKey(private)))
    try:
        return bytes(SecretBox(key).decrypt(data[end:]))
    except CryptoError as error:
        raise TrustRefused("what is sealed was altered or damaged") from error


def _first_opened(keys: Iterable[bytes], box: "SealedBox[PrivateKey]") -> bytes:
    for sealed in keys:
        try:
            return bytes(box.decrypt(sealed))
        except CryptoError:
            continue  # another recipient's
    raise TrustRefused(
        "sealed for other recipients than this key's",
        hint="use the key of one of the recipients that the publisher had signed",
    )


def new_recipient() -> tuple[bytes, bytes]:
    """A new X25519 pair, private and public."""
    key = PrivateKey.generate()
    return bytes(key), bytes(key.public_key)


def recipient_of(private: bytes) -> bytes:
    """The public key that belongs to a recipient's private one."""
    return bytes(PrivateKey(private).public_key)


def instruction_seed(private: bytes) -> bytes:
    """The Ed25519 key by which the holder of a recipient's key instructs boxes: it follows from
    that key, so that a county keeps one file.
    """
    return bytes.fromhex(sha256(_INSTRUCTING + private))


def seal_to_box(text: bytes, public: bytes) -> bytes:
    """``text`` for the box with this Ed25519 key alone; raises UsageError for what is no key."""
    try:
        key = VerifyKey(public).to_curve25519_public_key()
        return bytes(SealedBox(key).encrypt(text))
    except (CryptoError, ValueError, TypeError, RuntimeError) as error:
        raise UsageError("a box's key is no Ed25519 key") from error


def open_for_box(data: bytes, seed: bytes) -> bytes:
    """What was sealed to the box with this private key; raises TrustRefused."""
    key = _signing(seed).to_curve25519_private_key()
    try:
        return bytes(SealedBox(key).decrypt(data))
    except (CryptoError, ValueError, TypeError) as error:
        raise TrustRefused("sealed for another box, or altered") from error


def check_recipient(public: bytes) -> None:
    """Raise UsageError for a public key that nothing can be sealed to."""
    _sealed_key(bytes(SecretBox.KEY_SIZE), public)


def _sealed_key(key: bytes, public: bytes) -> bytes:
    try:
        return bytes(SealedBox(PublicKey(public)).encrypt(key))
    except (CryptoError, ValueError, TypeError) as error:
        raise UsageError("a recipient's key is no X25519 key") from error


def _signing(seed: bytes) -> SigningKey:
    if len(seed) != KEY_BYTES:
        raise FormatError(f"a box's key has {len(seed)} bytes, not {KEY_BYTES}")
    return SigningKey(seed)
