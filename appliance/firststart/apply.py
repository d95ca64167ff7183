"""A site put into force in the box's folder, part by part: each durable, each the same again."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from appliance import config as configs
from appliance import pin as pins
from appliance.config import BoxConfig, BoxPaths, Listen, Publisher
from appliance.firststart.card import Card
from appliance.firststart.chance import Below, new_name, new_passphrase
from appliance.firststart.site import FILE, Site, SitePublisher
from appliance.lan import keep
from appliance.lan.config import Mode, NetworkConfig
from appliance.state import open_state
from appliance.timetable import keep as timetables
from sync.errors import Fault, InputRefused, KexiaError, UsageError
from sync.files import make_folder, read_bounded, write_durably
from sync.trust import DemoKeys, Root, lies_below, parse_root
from sync.trust.root import MAX_ROOT, check_demo

LISTEN = Listen("0.0.0.0", 80, 8081)  # noqa: S104 - whom it may reach, nftables decides


def may_bring(code: str, collection: str) -> bool:
    """Whether a publisher publishes a collection, or introduces whoever does."""
    publisher = collection.partition("/")[0]
    return publisher == code or lies_below(publisher, code)


@dataclass(frozen=True, slots=True)
class Applying:
    """One site on its way into one box."""

    paths: BoxPaths
    card: Card
    below: Below
    demo: DemoKeys

    def roots(self, site: Site) -> dict[str, bytes]:
        """The roots that the site names, by name, each proved by its own signatures.

        One that is no longer on the card may be the box's own. Raises InputRefused with every
        fault: a box never follows a publisher of which it has no root.
        """
        found, faults = {}, []
        for publisher in site.publishers:
            try:
                found[publisher.root] = self._root(publisher)
            except KexiaError as error:
                cure = error.hint or "lay the publisher's 1.root.json there under this name"
                faults.append(Fault(publisher.root, error.fact, cure))
        if faults:
            raise InputRefused(f"{FILE}: {len(faults)} roots will not do", faults=tuple(faults))
        return found

    def _root(self, publisher: SitePublisher) -> bytes:
        data = self.card.read_root(publisher.root)
        if data is None and (kept := self.paths.root / publisher.root).is_file():
            data = read_bounded(kept, MAX_ROOT + 1)
        if data is None or len(data) > MAX_ROOT:
            raise UsageError("is missing" if data is None else "is longer than any root")
        root: Root = parse_root(data)
        if publisher.root != f"roots/{root.code}.root.json":
            raise UsageError(f"is the root of {root.code}", hint="name it after its publisher")
        check_demo(root, self.demo)
        outside = [each for each in publisher.collections if not may_bring(root.code, each)]
        if outside:
            raise UsageError(f"publishes nothing like {outside[0]}", hint="mend collections")
        return data

    def folders(self) -> None:
        """Those that every box has, as `kexia box init` makes them."""
        for folder in (self.paths.generations, self.paths.run):
            make_folder(folder)
        open_state(self.paths.state_db).close()

    def keep_roots(self, roots: Mapping[str, bytes]) -> None:
        """What the box trusts from now on: a file on its card is a hand that may say so."""
        for name, data in roots.items():
            write_durably(self.paths.root / name, data)

    def network(self, wanted: NetworkConfig) -> None:
        """The wanted network; a secret that was wiped from the card stays the one that is known."""
        known = self._known_network()
        if not wanted.ssid and wanted.mode is Mode.ACCESS_POINT:
            has_own = known is not None and known.mode is Mode.ACCESS_POINT
            wanted = replace(wanted, ssid=known.ssid if known and has_own else new_name(self.below))
        if not wanted.passphrase and known and known.ssid == wanted.ssid:
            wanted = replace(wanted, passphrase=known.passphrase)
        if not wanted.passphrase and wanted.mode is Mode.ACCESS_POINT:
            wanted = replace(wanted, passphrase=new_passphrase(self.below))
        if wanted != known:
            keep.save(self.paths, wanted)

    def own_network(self) -> str:
        """A Wi-Fi of the box's own, for a box that nobody described; its name."""
        self.network(NetworkConfig())
        return keep.load(self.paths).ssid

    def _known_network(self) -> NetworkConfig | None:
        try:
            return keep.load(self.paths)
        except KexiaError:
            return None

    def pin(self, pin: str) -> None:
        """The administrator's PIN; none given: the one that is set stays."""
        with closing(open_state(self.paths.state_db)) as state:
            if pin and not pins.matches(pin, pins.read_pin(state)):
                salt = bytes(self.below(256) for _ in range(pins.SALT))
                pins.set_pin(state, pins.hashed(pin, salt))

    def ssh_keys(self, keys: Sequence[str], file: Path) -> None:
        """Who may log in: these and nobody else; without any, sshd is not even started."""
        text = "".join(f"{key}\n" for key in keys)
        known = file.read_text(encoding="utf-8") if file.is_file() else ""
        if text != known:
            write_durably(file, text.encode(), mode=0o600)

    def timetable(self, site: Site, before: Site | None) -> None:
        """The week's lessons, where the site file says others than it did ``before``.

        Else those stay that the box was told since; but another school's never do.
        """
        is_moved = before is not None and (site.code, site.name) != (before.code, before.name)
        is_new = before is None or is_moved or site.timetable != before.timetable
        if site.timetable and is_new:
            timetables.save(self.paths, site.timetable)
        elif is_moved:
            timetables.forget(self.paths)

    def config(self, site: Site | None, *, name: str = "") -> None:
        """kexia.toml, the last part: from here on this is a box.

        What was decided on the box since stays, but for what the site file itself says.
        """
        is_new = not self.paths.config_file.exists()
        made = BoxConfig() if is_new else configs.load(self.paths)
        if is_new:
            made = replace(made, listen=LISTEN)
        if is_new or made.name == BoxConfig().name:  # a box that lost its network keeps its name
            made = replace(made, name=name or made.name)
        if site is not None:
            made = self._described(made, site)
        if is_new or made != configs.load(self.paths):
            configs.save(self.paths, made)

    def _described(self, made: BoxConfig, site: Site) -> BoxConfig:
        made = replace(made, name=site.name, night=site.night)
        made = replace(made, demo=made.demo or self.demo is DemoKeys.ACCEPT)
        for publisher in site.publishers:
            code = publisher.root.removeprefix("roots/").removesuffix(".root.json")
            made = made.following(Publisher(code, publisher.root, publisher.urls))
            made = made.subscribed(publisher.collections)
        made = replace(made, system=site.system)
        if site.system:
            made = replace(made.subscribed([site.system]), system=site.system)
        return made
