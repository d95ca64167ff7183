"""Tells one box something by stick: an instruction that only this box reads, in its folder."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from appliance import pin as pins
from appliance.technician.lacking import read_signed_have
from sync.errors import UsageError
from sync.files import write_durably
from sync.stick import instruction
from sync.stick.layout import BACK


@dataclass(frozen=True, slots=True)
class Instructed:
    """What lies on the stick now."""

    box: str
    name: str
    """As the box calls itself."""
    file: Path


def set_pin(stick: Path, have: Path, county: bytes, pin: str, now: datetime) -> Instructed:
    """Let the box that wrote the have-list take this PIN; ``county``: a recipient's private key.

    Raises UsageError for a PIN that may be none and for what is no stick's folder, and what
    ``read_signed_have`` raises.
    """
    if not stick.is_dir():
        raise UsageError(f"{stick} is no folder", hint="give the folder the stick is mounted at")
    paper, listed = read_signed_have(have)
    data = instruction.encode(pins.check(pin), box=paper.public, county=county, made_at=now)
    file = stick / BACK / paper.box / instruction.NAME
    write_durably(file, data)
    return Instructed(paper.box, listed.name, file)
