"""What a county tells one box by stick: today, a new PIN for its administrator. Pure.

``KEXIA/back/<box-id>/instruction.kxi`` is a signed paper of kind 6 (``sealing``): signed with the
county's key for instructions, which follows from its recipient's key and stands beside it in
``config/recipients.json``; its epoch is 0, its sequence the second (Unix time) it was made in. The
body, format 1, canonical JSON, says which box it is for and carries the PIN sealed to that box's
key (libsodium's sealed box), as hexadecimal digits::

    {"box": "<16 digits>", "format": "kexia-instruction-1", "pin": "<sealed>"}

A box follows one only if a publisher it follows names the key, if it is for this box, and if it is
newer than the last it followed from that key: an old stick found in a drawer sets no old PIN.
"""

from dataclasses import dataclass
from datetime import datetime

from sync import canonical
from sync.errors import FormatError, TrustRefused
from sync.stick import sealing
from sync.stick.sealing import Kind, Paper

NAME = "instruction.kxi"
FORMAT = "kexia-instruction-1"
MAX_SIZE = 4096
MAX_PIN = 64
"""Characters."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """What a box is told; ``pin`` is still sealed."""

    box: str
    pin: bytes


def encode(pin: str, *, box: bytes, county: bytes, made_at: datetime) -> bytes:
    """The file's bytes, for the box with this public key, by the county with this private one."""
    sealed = sealing.seal_to_box(pin.encode(), box)
    body = {"format": FORMAT, "box": sealing.box_id(box), "pin": sealed.hex()}
    return sealing.sign(
        Kind.INSTRUCTION,
        canonical.dumps(body),
        seed=sealing.instruction_seed(county),
        epoch=0,
        sequence=int(made_at.timestamp()),
    )


def open_instruction(data: bytes) -> tuple[Paper, Instruction]:
    """The paper, whose signature held, and what it says; raises FormatError, TrustRefused.

    Whether the key it was signed with may instruct this box is for the caller to say.
    """
    paper = sealing.open_paper(data, kind=Kind.INSTRUCTION, limit=MAX_SIZE)
    value = canonical.loads(paper.body, what="an instruction")
    if value.get("format") != FORMAT:
        raise FormatError(
            f"an instruction of format {str(value.get('format'))[:40]!r}, known is {FORMAT}",
            hint="this box's software may be too old for it",
        )
    try:
        sealed = bytes.fromhex(canonical.as_text(value["pin"]))
        return paper, Instruction(canonical.as_text(value["box"]), sealed)
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"an instruction lacks a field, or it is wrong ({error})") from error


def pin_of(instruction: Instruction, seed: bytes) -> str:
    """The PIN, for the box it is for; raises TrustRefused, FormatError."""
    text = sealing.open_for_box(instruction.pin, seed)
    try:
        pin = text.decode()
    except UnicodeDecodeError as error:
        raise FormatError("a PIN that is no text") from error
    if not pin or len(pin) > MAX_PIN:
        raise TrustRefused(f"a PIN has 1 to {MAX_PIN} characters, this one {len(pin)}")
    return pin
