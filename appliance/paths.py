"""Where things are below a box's folder: the one place that knows its layout. Pure."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class BoxPaths:
    """Where things are below a box's folder."""

    root: Path

    @property
    def config_file(self) -> Path:
        """``kexia.toml``."""
        return self.root / "kexia.toml"

    @property
    def network(self) -> Path:
        """``network.toml``: the network the site wants, with the Wi-Fi's pass phrase."""
        return self.root / "network.toml"

    @property
    def site(self) -> Path:
        """``site.toml``: the site this box was set up for, without its secrets."""
        return self.root / "site.toml"

    @property
    def timetable(self) -> Path:
        """``timetable.toml``: which grade learns which subject when."""
        return self.root / "timetable.toml"

    @property
    def first_start(self) -> Path:
        """``first-start.json``: what was done with the card's site file."""
        return self.root / "first-start.json"

    @property
    def format_file(self) -> Path:
        """Which version all of this is of."""
        return self.root / "format.json"

    @property
    def roots(self) -> Path:
        """``roots/<code>.root.json``: the publishers somebody with a key to this box chose."""
        return self.root / "roots"

    @property
    def generations(self) -> Path:
        """``generations/<n>/``."""
        return self.root / "generations"

    @property
    def current(self) -> Path:
        """The link to the generation being served."""
        return self.root / "current"

    @property
    def ledger(self) -> Path:
        """Bytes fetched by day."""
        return self.root / "ledger.json"

    @property
    def metered_ledger(self) -> Path:
        """Bytes fetched over phones by day."""
        return self.root / "ledger-metered.json"

    @property
    def last_sync(self) -> Path:
        """What the last sync told."""
        return self.root / "last-sync.json"

    @property
    def uploads(self) -> Path:
        """`.kexia` files that phones are sending; belongs to ``serve``."""
        return self.root / "uploads"

    @property
    def state_db(self) -> Path:
        """What teachers make; belongs to ``serve`` and to no generation."""
        return self.root / "state.db"

    @property
    def run(self) -> Path:
        """What lives only as long as a process: socket and lease."""
        return self.root / "run"

    @property
    def socket(self) -> Path:
        """The update process's socket."""
        return self.run / "update.sock"

    @property
    def volumes(self) -> Path:
        """What is plugged in, as the volumes process tells it."""
        return self.run / "volumes.json"

    @property
    def network_state(self) -> Path:
        """The network that is in force, as the network process tells it."""
        return self.run / "network.json"

    @property
    def network_working(self) -> Path:
        """The last network.toml by which tablets could reach this box."""
        return self.root / "network.working.toml"

    @property
    def network_refused(self) -> Path:
        """The network.toml that was given up for the one before."""
        return self.root / "network.refused.toml"

    @property
    def classroom(self) -> Path:
        """The box's address in its own Wi-Fi, so that it stays the same."""
        return self.root / "classroom-address"

    @property
    def mounts(self) -> Path:
        """Where the volumes process mounts, unless it is told another place."""
        return self.run / "volumes"

    @property
    def returning(self) -> Path:
        """Sticks that were being written when they were pulled."""
        return self.root / "returning.json"

    @property
    def lease(self) -> Path:
        """The sole right to write lessons."""
        return self.run / "update.lease"

    @property
    def published(self) -> Path:
        """Feeds as their publishers compressed them, by that digest: what neighbours ask for."""
        return self.root / "published"

    @property
    def peer_id(self) -> Path:
        """Sixteen digits by which neighbours tell this box from others."""
        return self.root / "peer-id"

    @property
    def refused_peers(self) -> Path:
        """Neighbours nothing is taken from for a while."""
        return self.root / "refused-peers.json"

    @property
    def cache(self) -> Path:
        """What may be removed at any time: page images, compressed pages."""
        return self.root / "cache"

    @property
    def prepared(self) -> Path:
        """Papers that wait for the next stick, signed and sealed: whoever mounts needs no key."""
        return self.cache / "back" / "papers"

    @property
    def identity(self) -> Path:
        """Who this box is: its key, its history; in no image, no backup, no generation."""
        return self.root / "identity"

    @property
    def staging(self) -> Path:
        """Partial transfers."""
        return self.root / "staging"

    @property
    def scratch(self) -> Path:
        """Copies of trust state that a source may still spoil; emptied by every sync."""
        return self.root / "scratch"
