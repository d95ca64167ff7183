"""The real machine for the network process: its cards, doors, programmes. Here root comes in."""

from contextlib import suppress
from pathlib import Path

from appliance.config import load
from appliance.lan import probe
from appliance.lan.arp import Address
from appliance.lan.card import Card
from appliance.lan.cards import read_cards
from appliance.lan.plan import Ports
from appliance.network import read_links
from appliance.paths import BoxPaths
from sync.errors import KexiaError
from sync.run import run

KEYS = (Path("/data/system/ssh/authorized_keys"), Path("/root/.ssh/authorized_keys"))
"""Where a technician's ssh key may lie."""
_SECONDS = 120.0


class Systemd:
    """``apply.System`` on a machine that systemd runs."""

    def reload_units(self) -> None:
        """See ``System``."""
        run(["systemctl", "daemon-reload"], timeout=_SECONDS)

    def restart(self, unit: str) -> None:
        """See ``System``; a unit that failed too often before is given another chance."""
        run(["systemctl", "reset-failed", unit], timeout=_SECONDS, accept=(0, 1))
        run(["systemctl", "restart", unit], timeout=_SECONDS)

    def stop(self, unit: str) -> None:
        """See ``System``."""
        run(["systemctl", "stop", unit], timeout=_SECONDS, accept=(0, 5))

    def reload_networks(self) -> None:
        """See ``System``; without a bus networkd is asked by being started anew."""
        try:
            run(["networkctl", "reload"], timeout=_SECONDS)
        except KexiaError:
            run(["systemctl", "restart", "systemd-networkd.service"], timeout=_SECONDS)

    def load_rules(self, file: Path) -> None:
        """See ``System``."""
        run(["nft", "-f", file], timeout=_SECONDS)


class Machine:
    """What the keeper asks of the machine."""

    def __init__(self, paths: BoxPaths) -> None:
        self._paths = paths

    def cards(self) -> tuple[Card, ...]:
        """The cards that are there now."""
        return read_cards()

    def is_taken(self, card: str, address: Address) -> bool:
        """Whether somebody else on the card's network has the address."""
        return probe.is_taken(card, address)

    def ports(self) -> Ports:
        """The doors that kexia.toml and keys ask for; what cannot be read opens none."""
        with suppress(KexiaError):
            config = load(self._paths)
            met = tuple(link.name for link in read_links(config.peers))
            return Ports(
                pages=config.listen.port,
                sites=config.listen.site_port,
                ssh=_has_keys(),
                peers=config.peers.port if config.peers.serve else 0,
                neighbours=met if config.peers.serve or config.peers.use else (),
            )
        return Ports(ssh=_has_keys())


def _has_keys() -> bool:
    with suppress(OSError):
        return any(path.is_file() and path.stat().st_size > 0 for path in KEYS)
    return False
