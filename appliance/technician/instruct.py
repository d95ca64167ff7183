"""Tells one box something by stick: an instruction that only this box reads, in its folder."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from appliance import pin as pins
from appliance.technician.lacking import read_signed_have
from sync.errors import UsageError
from sync.files import write_durably
from sync.stick import instruction
from sync.stick.layout import BACK

AHEAD = timedelta(days=400)
"""A clock further ahead of a box's last word is wrong: a box that followed its instruction would
follow no later one, made with a right clock."""


@dataclass(frozen=True, slots=True)
class Instructed:
    """What lies on the stick now."""

    box: str
    name: str
    """As the box calls itself."""
    file: Path


def set_pin(stick: Path, have: Path, county: bytes, pin: str, now: datetime) -> Instructed:
    """Let the box that wrote the have-list take this PIN; ``county``: a recipient's private key.

    Raises UsageError for a PIN that may be none, for what is no stick's folder and for a clock far
    ahead of the box's, and what ``read_signed_have`` raises.
    """
    if not stick.is_dir():
        raise UsageError(f"{stick} is no folder", hint="give the folder the stick is mounted at")
    paper, listed = read_signed_have(have)
    if listed.made_at is not None and now - listed.made_at > AHEAD:
        raise UsageError(
            f"this computer's clock says {now:%Y-%m-%d}, {listed.name} wrote {have.name} on "
            f"{listed.made_at:%Y-%m-%d}",
            hint="set the clock right; if it is, collect a newer have-list from the box first",
        )
    data = instruction.encode(pins.check(pin), box=paper.public, county=county, made_at=now)
    file = stick / BACK / paper.box / instruction.NAME
    write_durably(file, data)
    return Instructed(paper.box, listed.name, file)
