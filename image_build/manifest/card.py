"""What a card must hold: `card.json`, made of an image, compared with what a card has. Pure.

Slots by their root's digest, the boot partition by its files, the boot code by itself. What a site
changes (site.toml, roots, GRUB's environment, the data partition) is left out.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from sync.digest import Digest, parse_digest
from sync.errors import FormatError

FORMAT = 1
FILE = "card.json"
MAX_CARD = 2**20
SLOTS = ("rootA", "rootB")
ESP, BIOS_BOOT, DATA = "esp", "biosboot", "data"
EMPTY = "empty"
ENVIRONMENT = "grub/grubenv"
OF_THE_SITE = (
    *("site.toml", "site.toml.txt", "site.toml.partial", "site.toml.txt.partial", "roots/"),
    *(ENVIRONMENT, "grub/grubenv.partial", "grub/spare", "grub/spare.partial"),
)
"""What a site or the box itself writes on the boot partition; folders end in a stroke."""
HARMLESS = ("System Volume Information/", "$RECYCLE.BIN/", ".fseventsd/", ".Trashes", ".Spotlight")
"""What Windows and macOS leave on every stick they see."""


@dataclass(frozen=True, slots=True)
class Place:
    """A partition; bytes."""

    name: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Card:
    """What an image brings to a card."""

    version: str
    places: tuple[Place, ...]
    root: Digest
    root_size: int
    """Bytes of the root at the beginning of its slot."""
    boot_code: Digest
    """Of the first 440 bytes."""
    bios_boot: str
    """Digest of that partition; empty: there is none."""
    esp: Mapping[str, Digest]


@dataclass(frozen=True, slots=True)
class Found:
    """What a card has."""

    places: tuple[Place, ...]
    slots: Mapping[str, str]
    """Slot → ``EMPTY``, or the version of the system in it; nothing: none we know."""
    boot_code: Digest
    bios_boot: str
    esp: Mapping[str, Digest]
    extra: str = ""
    """What GRUB's environment adds to the kernel's command line: nothing, on a card of ours."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of the comparison."""

    wrong: tuple[str, ...]
    """What does not hold, a sentence each."""
    slots: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """What is no fault and no part of the image."""


def encode(card: Card) -> bytes:
    """The bytes of card.json."""
    value = {"format": FORMAT, **asdict(card)}
    return (json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


def decode(data: bytes) -> Card:
    """The card of card.json's bytes; raises FormatError."""
    try:
        value = json.loads(data[: MAX_CARD + 1])
        if value["format"] != FORMAT:
            raise FormatError(f"{FILE} has a format this program does not know")
        esp = {str(path): parse_digest(digest) for path, digest in value["esp"].items()}
        return Card(
            version=str(value["version"]),
            places=tuple(_place(one) for one in value["places"]),
            root=parse_digest(value["root"]),
            root_size=_count(value["root_size"]),
            boot_code=parse_digest(value["boot_code"]),
            bios_boot=parse_digest(value["bios_boot"]) if value["bios_boot"] else "",
            esp=esp,
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FormatError(f"{FILE} is damaged") from error


def is_ours(path: str) -> bool:
    """True for a file of the boot partition that the image brings and nobody changes."""
    return not _among(path, OF_THE_SITE)


def compare(found: Found, cards: tuple[Card, ...]) -> Verdict:
    """``found`` against the first card's boot parts; slots against those of any card."""
    card = cards[0]
    wrong = [*_places(found, card), *_slots(found)]
    if found.boot_code != card.boot_code:
        wrong.append("the boot code in the first sector is not the image's")
    if found.bios_boot != card.bios_boot:
        wrong.append("the partition biosboot is not the image's")
    if found.extra:
        wrong.append(f"{ENVIRONMENT} gives the kernel options of its own: {found.extra}")
    notes, faults = _esp(found.esp, card.esp)
    return Verdict((*wrong, *faults), dict(found.slots), notes)


def _places(found: Found, card: Card) -> list[str]:
    wanted = {one.name: one for one in card.places}
    have = {one.name: one for one in found.places}
    if set(wanted) != set(have):
        return [f"it has partitions {', '.join(have)}, not {', '.join(wanted)}"]
    moved = [
        name
        for name, one in have.items()
        if one.offset != wanted[name].offset or (one.size != wanted[name].size and name != DATA)
    ]
    return [f"the partition {name} is not where the image has it" for name in moved]


def _slots(found: Found) -> list[str]:
    unknown = [name for name in SLOTS if not found.slots.get(name)]
    if not unknown and all(found.slots[name] == EMPTY for name in SLOTS):
        return ["both slots are empty: there is no system on it"]
    return [
        f"slot {name} holds a system that is not in the manifest (altered, or another version)"
        for name in unknown
    ]


def _esp(
    found: Mapping[str, Digest], wanted: Mapping[str, Digest]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is there beyond the image, harmless; what does not hold."""
    wrong = [
        f"{path} is missing on the boot partition" for path in sorted(set(wanted) - set(found))
    ]
    wrong += [
        f"{path} on the boot partition is not the image's"
        for path in sorted(set(wanted) & set(found))
        if wanted[path] != found[path]
    ]
    extra = [path for path in sorted(set(found) - set(wanted)) if is_ours(path)]
    notes = tuple(f"{path} was left there by a computer" for path in extra if _harmless(path))
    wrong += [
        f"{path} on the boot partition is in no image" for path in extra if not _harmless(path)
    ]
    return notes, tuple(wrong)


def _harmless(path: str) -> bool:
    recovered = path.upper().startswith("FSCK") and path.upper().endswith(".REC")
    return recovered or path.startswith("._") or _among(path, HARMLESS)


def _among(path: str, names: tuple[str, ...]) -> bool:
    lower = path.casefold()
    return any(
        lower.startswith(name.casefold()) if name.endswith("/") else lower == name.casefold()
        for name in names
    )


def _place(value: Mapping[str, object]) -> Place:
    return Place(str(value["name"]), _count(value["offset"]), _count(value["size"]))


def _count(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError("no count")
