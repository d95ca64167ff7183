"""Who a box is: its key, its epoch, its sequence; made at first need, for this box alone.

``identity/`` lies in the box's folder and in no image, backup or generation. The epoch is drawn
anew when the folder was copied or the history lost, so that of two boxes with one key each shows
itself; the sequence is durable before a paper bears it, so that no number is used twice.
"""

import os
import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.config import BoxPaths
from sync import canonical
from sync.digest import sha256
from sync.errors import FormatError, KexiaError
from sync.files import make_folder, write_durably
from sync.stick import sealing

KEY, HISTORY, REPORTS = "box.key", "history.json", "reports"
FORMAT = "kexia-history-1"
_KEY_MAGIC = b"kexia-box-key-1 "
_LONGEST = 4096
_SERIAL = Path("/sys/firmware/devicetree/base/serial-number")
"""A Pi's own number, readable by everybody; other machines have none that is."""


class IdentityDamaged(KexiaError):
    """The box's key cannot be read; it signs nothing until somebody decides."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A box that can sign."""

    seed: bytes
    """The private key; stays on this box."""
    epoch: int
    sequence: int
    """The last one used."""

    @property
    def public(self) -> bytes:
        """The public key."""
        return sealing.public_of(self.seed)

    @property
    def box(self) -> str:
        """The box's id."""
        return sealing.box_id(self.public)


@dataclass(frozen=True, slots=True)
class Chance:
    """Where new keys and epochs come from."""

    seed: Callable[[], bytes] = sealing.new_seed
    epoch: Callable[[], int] = lambda: secrets.randbits(62)


def known_id(paths: BoxPaths) -> str | None:
    """The box's id, if it has a key already; changes nothing. Raises IdentityDamaged."""
    seed = _read_key(paths.identity / KEY)
    return None if seed is None else sealing.box_id(sealing.public_of(seed))


def read_seed(paths: BoxPaths) -> bytes | None:
    """The box's private key, if it has one; changes nothing. Raises IdentityDamaged."""
    return _read_key(paths.identity / KEY)


def open_identity(paths: BoxPaths, chance: Chance | None = None) -> Identity:
    """The box's identity, made if there is none. Only who holds the lease may call it.

    A copied folder keeps its key and its numbers, and gets another epoch. A lost history takes the
    key along: with one key, numbers only grow. Raises IdentityDamaged.
    """
    chance = chance or Chance()
    folder = paths.identity
    make_folder(folder)
    folder.chmod(0o700)
    seed, history = _read_key(folder / KEY), _read_history(folder / HISTORY)
    here = place_of(folder)
    if seed is None or history is None:
        return _made(folder, chance, here)
    epoch, sequence, place = history
    if place == here:
        return Identity(seed, epoch, sequence)
    copied = Identity(seed, chance.epoch(), sequence)
    _keep(folder, copied, here)
    return copied


def _made(folder: Path, chance: Chance, here: str) -> Identity:
    """A new one; what an earlier key signed is nothing that this one may send."""
    shutil.rmtree(folder / REPORTS, ignore_errors=True)
    made = Identity(chance.seed(), chance.epoch(), 0)
    write_durably(folder / KEY, _KEY_MAGIC + made.seed.hex().encode() + b"\n", mode=0o600)
    _keep(folder, made, here)
    return made


def next_number(paths: BoxPaths, identity: Identity) -> Identity:
    """The identity with the next sequence, durable already: sign with it."""
    following = replace(identity, sequence=identity.sequence + 1)
    _keep(paths.identity, following, place_of(paths.identity))
    return following


def begin_anew(paths: BoxPaths, chance: Chance | None = None) -> Identity:
    """Another key, another epoch: this card is another box from now on."""
    (paths.identity / KEY).unlink(missing_ok=True)
    return open_identity(paths, chance)


def place_of(folder: Path) -> str:
    """Differs where a folder was copied to: its number on the disk, the disk's, the board's.

    A copy of a whole card, block by block, differs only by the board.
    """
    about, disk = folder.stat(), os.statvfs(folder)
    try:
        serial = _SERIAL.read_bytes()[:64]
    except OSError:
        serial = b""
    return sha256(b"%d %d " % (about.st_ino, disk.f_fsid) + serial)[:32]


def _read_key(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            data = file.read(_LONGEST)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise IdentityDamaged(f"{path}: {error.strerror}") from error
    digits = data.removeprefix(_KEY_MAGIC).rstrip(b"\n")
    try:
        seed = bytes.fromhex(digits.decode("ascii"))
        if data.startswith(_KEY_MAGIC) and len(seed) == sealing.KEY_BYTES:
            return seed
    except ValueError:
        pass
    raise IdentityDamaged(
        f"{path} is damaged",
        hint="remove it: the box makes a new key and counts as a new box from then on",
    )


def _read_history(path: Path) -> tuple[int, int, str] | None:
    """Epoch, sequence, place; None if it is lost or damaged."""
    try:
        with path.open("rb") as file:
            fields = canonical.loads(file.read(_LONGEST), what=path.name)
        if fields["format"] != FORMAT:
            return None
        return (
            canonical.as_count(fields["epoch"]),
            canonical.as_count(fields["sequence"]),
            canonical.as_text(fields["place"]),
        )
    except (FileNotFoundError, FormatError, KeyError, TypeError):
        return None


def _keep(folder: Path, identity: Identity, place: str) -> None:
    fields = {
        "format": FORMAT,
        "epoch": identity.epoch,
        "sequence": identity.sequence,
        "place": place,
    }
    write_durably(folder / HISTORY, canonical.dumps(fields), mode=0o600)
