"""The network cards of this machine, with or without an address, as the kernel tells of them.

A root folder is the argument, so that a made tree can stand for a machine; addresses come from the
kernel of the namespace this runs in.
"""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from appliance.lan.card import Card
from appliance.network import SYSFS, read_interfaces
from appliance.onlink import ETHERNET, TETHERS, Connected

MAX_CARDS = 64


def read_cards(sysfs: Path = SYSFS) -> tuple[Card, ...]:
    """All Ethernet and Wi-Fi cards, by name; what is stacked on others (bridges) is none."""
    addresses = {one.name: one.addresses for one in read_interfaces(sysfs)}
    found = (_card(folder, addresses.get(folder.name, ())) for folder in _folders(sysfs))
    return tuple(card for card in found if card is not None)


def _folders(sysfs: Path) -> list[Path]:
    try:
        return sorted(sysfs.iterdir())[:MAX_CARDS]
    except OSError:
        return []


def _card(folder: Path, addresses: Iterable[Connected]) -> Card | None:
    if _text(folder / "type") != str(ETHERNET) or (folder / "bridge").exists():
        return None
    return Card(
        name=folder.name,
        mac=_text(folder / "address").lower(),
        is_wireless=any((folder / mark).exists() for mark in ("wireless", "phy80211")),
        is_phone=_driver(folder) in TETHERS,
        has_link=_text(folder / "carrier") == "1" and _text(folder / "operstate") != "dormant",
        addresses=tuple(addresses),
    )


def _driver(folder: Path) -> str:
    with suppress(OSError):
        return (folder / "device" / "driver").readlink().name
    return ""


def _text(path: Path) -> str:
    """A value of sysfs; empty if it cannot be read (``carrier`` of a card that is down)."""
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="ascii").strip()
    return ""
