"""A composition put into force: written below /run, and only what changed is loaded again.

Doing it twice does nothing twice. Nothing of it outlives a restart: a box starts from network.toml.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from appliance.lan import units
from appliance.lan.compose import Composition
from appliance.lan.units import FOLDER
from sync.files import disk_errors, write_whole

ALL_UNITS = (units.HOSTAPD, units.SUPPLICANT, units.DNSMASQ, units.THROUGH)
UNFINISHED = "unfinished"
"""Lies beside the settings while something is being put into force."""
_OURS = "*-kexia-*.network"


class System(Protocol):
    """The machine's own programmes; each raises KexiaError if it cannot."""

    def reload_units(self) -> None:
        """Have systemd read the units anew."""

    def restart(self, unit: str) -> None:
        """Start a unit, again if it runs."""

    def stop(self, unit: str) -> None:
        """Stop a unit; one that does not run stays as it is."""

    def reload_networks(self) -> None:
        """Have systemd-networkd read its files anew."""

    def load_rules(self, file: Path) -> None:
        """Load a firewall in one transaction."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are written."""

    networkd: Path = Path("/run/systemd/network")
    units: Path = Path("/run/systemd/system")
    settings: Path = Path(FOLDER)
    forwarding: Path = Path("/proc/sys/net/ipv4/ip_forward")


@dataclass(slots=True)
class Applied:
    """What was done."""

    written: list[str] = field(default_factory=list)
    """Names of files that changed or went."""
    restarted: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)

    @property
    def is_anything(self) -> bool:
        """False: it was in force already."""
        return bool(self.written or self.restarted or self.stopped)


def apply(wanted: Composition, places: Places, system: System) -> Applied:
    """Put ``wanted`` into force: the firewall first, so that nothing stands open meanwhile.

    Raises KexiaError if a programme refuses; the next call does everything again.
    """
    done, marker = Applied(), places.settings / UNFINISHED
    again = marker.exists()  # an earlier try wrote files, and nobody knows what was loaded
    rules = _written(places.settings, {"rules.nft": wanted.rules})
    marker.touch()
    if rules or again:
        system.load_rules(places.settings / "rules.nft")
    _forward(places.forwarding, wanted)
    networks = _written(places.networkd, wanted.networkd, remove=_OURS)
    if networks or again:
        system.reload_networks()
    settings = _written(places.settings, wanted.settings)
    changed = _written(places.units, wanted.units)
    _stop(wanted, places, system, done)
    if changed or done.stopped or again:
        system.reload_units()
    for unit, names in wanted.services.items():
        moved = bool(networks) and unit == units.HOSTAPD  # tablets ask anew when the Wi-Fi does
        if again or moved or unit in changed or settings & set(names):
            system.restart(unit)
            done.restarted.append(unit)
    marker.unlink()
    done.written = sorted(rules | networks | settings | changed)
    return done


def _stop(wanted: Composition, places: Places, system: System, done: Applied) -> None:
    gone = [unit for unit in ALL_UNITS if unit not in wanted.units]
    for unit in gone:
        if (places.units / unit).exists():
            system.stop(unit)
            (places.units / unit).unlink()
            done.stopped.append(unit)


def _forward(place: Path, wanted: Composition) -> None:
    """Tell the kernel whether it may pass packets on, unless it knows."""
    value = "1" if wanted.forwards else "0"
    with disk_errors(place):
        if place.read_text(encoding="ascii").strip() != value:
            place.write_text(value, encoding="ascii")


def _written(folder: Path, texts: Mapping[str, str], *, remove: str = "") -> set[str]:
    """Write what is not so already, for root alone to read; the names that changed or went."""
    with disk_errors(folder):
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        changed = {name for name, text in texts.items() if _read(folder / name) != text.encode()}
        for name in changed:
            write_whole(folder / name, texts[name].encode(), mode=_mode(name))
        return changed | (_removed(folder.glob(remove), texts) if remove else set())


def _removed(found: Iterable[Path], texts: Mapping[str, str]) -> set[str]:
    gone = [path for path in found if path.name not in texts]
    for path in gone:
        path.unlink()
    return {path.name for path in gone}


def _mode(name: str) -> int:
    """Networks and units are read by others than root; settings may hold a secret."""
    return 0o644 if name.endswith((".network", ".service")) else 0o600


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
