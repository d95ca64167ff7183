"""The two slots as the boot loader keeps them: GRUB's environment file, read and written. Pure.

``grub/grubenv`` is RAUC's and GRUB's: ``ORDER``, and for each slot ``OK`` (0: given up) and ``TRY``
(0 to 3 starts since it was last confirmed). ``grub/spare`` is ours: the same as it was when a slot
was last confirmed, which versions were (``A_PROVEN``, ``B_PROVEN``), and ``MACHINE``, its id.
The format is GRUB's (its manual, "Environment block"): 1024 bytes, a header line, lines
``NAME=VALUE``, then ``#`` up to the end.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sync.errors import FormatError

SIZE = 1024
HEADER = b"# GRUB Environment Block\n"
TRIES = 3
"""Starts that GRUB gives a slot before it takes the other one."""

Values = Mapping[str, str]


class Slot(StrEnum):
    """A root slot; its name is that of its partition after ``root``."""

    A = "A"
    B = "B"

    @property
    def other(self) -> "Slot":
        """The other slot."""
        return Slot.B if self is Slot.A else Slot.A


@dataclass(frozen=True, slots=True)
class Booted:
    """What runs."""

    slot: Slot
    version: str


def booted_slot(command_line: str) -> Slot | None:
    """The slot that the kernel was started from (``rauc.slot=A``); None: no box's image."""
    for word in command_line.split():
        name, _, value = word.partition("=")
        if name == "rauc.slot" and value in set(Slot):
            return Slot(value)
    return None


def read_block(data: bytes) -> dict[str, str]:
    """The variables of an environment file; raises FormatError for what GRUB refuses too."""
    if len(data) < len(HEADER) or len(data) > 64 * SIZE or not data.startswith(HEADER):
        raise FormatError("no environment block of GRUB's")
    text = data[len(HEADER) :].decode("utf-8", errors="replace")
    pairs = (line.partition("=") for line in text.split("\n") if not line.startswith("#"))
    return {name: value for name, found, value in pairs if found and name.isidentifier()}


def write_block(values: Values) -> bytes:
    """An environment file of ``SIZE`` bytes; raises FormatError for what cannot stand in one."""
    if any("\n" in text or "\\" in text for pair in values.items() for text in pair):
        raise FormatError("a line break or backslash in a variable of GRUB's")
    body = "".join(f"{name}={value}\n" for name, value in values.items()).encode()
    if len(HEADER) + len(body) > SIZE:
        raise FormatError(f"variables of GRUB's: more than {SIZE} bytes")
    return (HEADER + body).ljust(SIZE, b"#")


def is_good(values: Values, slot: Slot) -> bool:
    """True if GRUB would start ``slot`` by itself: neither given up nor out of tries."""
    return values.get(f"{slot}_OK") == "1" and values.get(f"{slot}_TRY") != str(TRIES)


def is_second(values: Values, slot: Slot) -> bool:
    """True if the other slot comes first: ``slot`` runs because that one was given up."""
    return (
        next((word for word in values.get("ORDER", "").split() if word in set(Slot)), slot) != slot
    )


def is_proven(spare: Values, booted: Booted) -> bool:
    """True if this very version was confirmed in this slot before."""
    return spare.get(f"{booted.slot}_PROVEN") == booted.version


def uncounted(values: Values, slot: Slot) -> dict[str, str]:
    """As if this start had not been: its try given back."""
    text = values.get(f"{slot}_TRY", "0")
    tries = int(text) if text in {"1", "2", "3"} else 1
    return {**values, f"{slot}_TRY": str(tries - 1)}


def mended(spare: Values, booted: Booted) -> dict[str, str]:
    """In the place of a lost one: what runs comes first, the other slot is as spare knows it."""
    slot, other = booted.slot, booted.slot.other
    ok = "1" if spare.get(f"{other}_OK") == "1" else "0"
    return {
        "ORDER": f"{slot} {other}",
        f"{slot}_OK": "1",
        f"{slot}_TRY": "1",
        f"{other}_OK": ok,
        f"{other}_TRY": "0",
    }


def remembered(values: Values, spare: Values, booted: Booted, machine: str) -> dict[str, str]:
    """What spare says after ``booted`` was confirmed; ``values`` are grubenv's."""
    slot, other = booted.slot, booted.slot.other
    other_ok = "1" if is_good(values, other) else "0"
    proven = spare.get(f"{other}_PROVEN", "") if other_ok == "1" else ""
    return {
        "ORDER": f"{slot} {other}",
        f"{slot}_OK": "1",
        f"{slot}_TRY": "0",
        f"{other}_OK": other_ok,
        f"{other}_TRY": "0",
        f"{slot}_PROVEN": booted.version,
        f"{other}_PROVEN": proven,
        "MACHINE": machine,
    }
