"""The box's configuration: its folder's layout and kexia.toml, parsed once at the border.

Everything else gets these values as arguments; nothing else reads TOML or the environment.
"""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import PurePosixPath

import tomli_w

from appliance.fields import HINT as _HINT
from appliance.fields import Fields as _Fields
from appliance.night import Night
from appliance.onlink import LAN, PeerPolicy
from appliance.paths import BoxPaths as BoxPaths
from sync.directory import CODE, COLLECTION, is_address
from sync.errors import UsageError
from sync.files import write_durably
from sync.transport.address import check_proxy

HEADER = (
    "# This box: whom it follows and what it keeps. `kexia box` rewrites this file; unknown\n"
    "# fields are refused, so that a slip of the pen is seen.\n\n"
)
LESSON = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")
"""A lesson's id."""
MAX_BUDGET_MIB = 2**24
_ALWAYS = ("publishers", "subscriptions")
"""Fields that ``save`` always writes: a file without them is what a power cut left, and to take it
for a box that follows nobody would cost the box its lessons."""
FILE_SYSTEMS = ("vfat", "exfat", "ext4", "ntfs3")
"""What ``[volumes] types`` may name."""
MAX_RATE_KIB = 1024 * 1024
"""A cap above a GiB a second caps nothing."""


@dataclass(frozen=True, slots=True)
class Publisher:
    """A publisher this box was told to follow: its root came with the box, not over the net."""

    code: str
    root: str
    """File below the box's folder (``roots/43.root.json``)."""
    urls: tuple[str, ...]
    """Its own servers, in the order to try them."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Where ``serve`` listens: pages on ``port``, sites (content that is not ours) on another."""

    host: str = "127.0.0.1"
    port: int = 8080
    site_port: int = 8081


@dataclass(frozen=True, slots=True)
class Uplink:
    """How the update process uses the network: nothing else decides it, no environment either."""

    rate_kib: int = 0
    """KiB a second that web servers may give together, at most; 0: no cap."""
    proxy: str = ""
    """``http://[user:password@]host:port`` that every request goes through; empty: none."""
    night_mib: int = 0
    """MiB that web servers may give from noon to noon (UTC); 0: no budget."""
    month_mib: int = 0
    """The same for a calendar month."""
    metered_mib: int = 50
    """MiB from noon to noon (UTC) while the line is a phone on USB; 0: nothing comes over it."""


class Uploaders(StrEnum):
    """Who may give the box a `.kexia` file over the classroom's Wi-Fi."""

    PIN = "pin"
    ANYONE = "anyone"
    NOBODY = "nobody"


@dataclass(frozen=True, slots=True)
class Volumes:
    """What the box does with sticks and cards."""

    on: bool = True
    types: tuple[str, ...] = ("vfat", "exfat")
    """File systems that are opened: ``vfat``, ``exfat``, ``ext4``, ``ntfs3``."""
    leds: tuple[str, ...] = ()
    """Lamps below /sys/class/leds that show how it goes."""


@dataclass(frozen=True, slots=True)
class BoxConfig:
    """kexia.toml, validated."""

    name: str = "box"
    demo: bool = False
    """Accept demo keys; never on a production image."""
    clock_is_set: bool = False
    """The administrator vouches for the wall clock (an RTC, a GPS); else only NTP does."""
    publishers: tuple[Publisher, ...] = ()
    subscriptions: tuple[str, ...] = ()
    """Collection ids, sorted."""
    wants: tuple[tuple[str, str], ...] = ()
    """Single lessons asked for: collection and lesson id, sorted."""
    system: str = ""
    """The subscription that brings updates of the box's own system; empty: none does."""
    listen: Listen = Listen()
    network: Uplink = Uplink()
    uploads: Uploaders = Uploaders.PIN
    volumes: Volumes = Volumes()
    peers: PeerPolicy = field(default_factory=PeerPolicy)
    sync_every_hours: int = 24
    """How often the update process asks by itself; 0: only on demand."""
    night: Night = field(default_factory=Night)
    """When it may do so, where a clock is set and lessons are there already."""

    def subscribed(self, collections: Iterable[str]) -> "BoxConfig":
        """This configuration with more subscriptions; raises UsageError for a bad id."""
        wanted = {*self.subscriptions, *(_collection(item) for item in collections)}
        return replace(self, subscriptions=tuple(sorted(wanted)))

    def unsubscribed(self, collections: Iterable[str]) -> "BoxConfig":
        """This configuration without these subscriptions; raises UsageError for one it lacks."""
        unwanted = set(collections)
        if missing := unwanted - set(self.subscriptions):
            raise UsageError(
                f"not subscribed: {', '.join(sorted(missing))}",
                hint="`kexia box status BOX` lists the subscriptions",
            )
        kept = tuple(item for item in self.subscriptions if item not in unwanted)
        return replace(self, subscriptions=kept)

    def wanting(self, lessons: Iterable[str]) -> "BoxConfig":
        """This configuration with more single lessons; raises UsageError for a bad key."""
        wants = {*self.wants, *map(parse_want, lessons)}
        return replace(self, wants=tuple(sorted(wants)))

    def not_wanting(self, lessons: Iterable[str]) -> "BoxConfig":
        """This configuration without these lessons; raises UsageError for one not asked for."""
        unwanted = set(map(parse_want, lessons))
        if missing := unwanted - set(self.wants):
            names = ", ".join(sorted("/".join(item) for item in missing))
            raise UsageError(
                f"not asked for: {names}", hint="`kexia box want BOX` lists what is asked for"
            )
        return replace(self, wants=tuple(item for item in self.wants if item not in unwanted))

    @property
    def collections(self) -> tuple[str, ...]:
        """Collections of which something is wanted, sorted."""
        return tuple(sorted({*self.subscriptions, *(item for item, _ in self.wants)}))

    def following(self, publisher: Publisher) -> "BoxConfig":
        """This configuration with one more publisher, or other URLs for one it has."""
        others = (item for item in self.publishers if item.code != publisher.code)
        return replace(self, publishers=(*others, publisher))


def load(paths: BoxPaths) -> BoxConfig:
    """Read kexia.toml; raises UsageError naming what is wrong in it."""
    try:
        text = paths.config_file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise UsageError(
            f"{paths.root} is no box: it has no kexia.toml",
            hint="make one with: kexia box init BOX --root ROOT.json --url URL",
        ) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{paths.config_file}: not UTF-8", hint=_HINT) from error
    except OSError as error:
        raise UsageError(f"{paths.config_file}: {error.strerror}", hint=_HINT) from error
    try:
        return parse(text)
    except UsageError as error:
        raise UsageError(f"{paths.config_file}: {error.fact}", hint=error.hint) from error


def save(paths: BoxPaths, config: BoxConfig) -> None:
    """Replace kexia.toml durably."""
    write_durably(paths.config_file, encode(config).encode())


def parse(text: str) -> BoxConfig:
    """Parse kexia.toml's text; raises UsageError."""
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"no TOML ({error})", hint=_HINT) from error
    fields = _Fields("", value)
    config = BoxConfig(
        name=fields.text("name", "box"),
        demo=fields.flag("demo"),
        clock_is_set=fields.flag("clock_is_set"),
        publishers=tuple(_publisher(item) for item in fields.tables("publishers")),
        subscriptions=tuple(sorted({_collection(item) for item in fields.texts("subscriptions")})),
        wants=tuple(sorted({parse_want(item) for item in fields.texts("wants")})),
        system=_system(fields.text("system", "", least=0)),
        listen=_listen(fields.table("listen")),
        network=_network(fields.table("network")),
        peers=_peers(fields.table("peers")),
        uploads=_uploads(fields.table("upload")),
        volumes=_volumes(fields.table("volumes")),
        sync_every_hours=fields.count("sync_every_hours", 24, most=24 * 7),
        night=_night(fields.table("night")),
    )
    fields.end()
    codes = [publisher.code for publisher in config.publishers]
    if len(set(codes)) != len(codes):
        raise UsageError("a publisher's code stands twice", hint=_HINT)
    missing = [name for name in _ALWAYS if name not in value]
    if missing:
        raise UsageError(f"has no {' and no '.join(missing)}: it is empty or cut off", hint=_HINT)
    return config


def encode(config: BoxConfig) -> str:
    """Text of kexia.toml; ``parse`` gives the same configuration back."""
    value = {
        "name": config.name,
        "demo": config.demo,
        "clock_is_set": config.clock_is_set,
        "sync_every_hours": config.sync_every_hours,
        "subscriptions": list(config.subscriptions),
        "wants": [f"{collection}/{lesson}" for collection, lesson in config.wants],
        "system": config.system,
        "listen": {
            "host": config.listen.host,
            "port": config.listen.port,
            "site_port": config.listen.site_port,
        },
        "night": {"from": config.night.begin, "to": config.night.end},
        "network": {
            "rate_kib": config.network.rate_kib,
            "proxy": config.network.proxy,
            "night_mib": config.network.night_mib,
            "month_mib": config.network.month_mib,
            "metered_mib": config.network.metered_mib,
        },
        "upload": {"who": config.uploads.value},
        "volumes": {
            "on": config.volumes.on,
            "types": list(config.volumes.types),
            "leds": list(config.volumes.leds),
        },
        "peers": {
            "serve": config.peers.serve,
            "use": config.peers.use,
            "interfaces": list(config.peers.interfaces),
            "port": config.peers.port,
            "rate_kib": config.peers.rate_kib,
            "fault_kib": config.peers.fault_kib,
        },
        "publishers": [
            {"code": item.code, "root": item.root, "urls": list(item.urls)}
            for item in config.publishers
        ],
    }
    return HEADER + tomli_w.dumps(value, multiline_strings=False)


def _publisher(fields: _Fields) -> Publisher:
    publisher = Publisher(fields.text("code"), fields.text("root"), tuple(fields.texts("urls")))
    fields.end()
    if not CODE.fullmatch(publisher.code):
        raise UsageError(f"{publisher.code!r} is no publisher's code", hint=_HINT)
    path = PurePosixPath(publisher.root)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise UsageError(f"root {publisher.root!r} lies outside the box's folder", hint=_HINT)
    for url in publisher.urls:
        check_url(url)
    return publisher


def check_url(url: str) -> str:
    """``url`` if it is one a box can fetch from; raises UsageError."""
    if not is_address(url):
        raise UsageError(
            f"{url[:200]!r} is no http:// or https:// address", hint="give the repository's URL"
        )
    return url


def _collection(item: str) -> str:
    if not COLLECTION.fullmatch(item):
        raise UsageError(
            f"{item[:80]!r} is no collection id",
            hint="ids look like 43/music-1a; `kexia box subscribe BOX` lists what is offered",
        )
    return item


def _system(item: str) -> str:
    return _collection(item) if item else ""


def parse_want(key: str) -> tuple[str, str]:
    """Collection and lesson of ``collection/lesson``; raises UsageError."""
    collection, _, lesson = key.rpartition("/")
    if not (COLLECTION.fullmatch(collection) and LESSON.fullmatch(lesson)):
        raise UsageError(
            f"{key[:120]!r} is no lesson's key",
            hint="keys look like 43/music-1a/l3; `kexia box search BOX …` shows them",
        )
    return collection, lesson


def _listen(fields: _Fields) -> Listen:
    standard = Listen()
    listen = Listen(
        fields.text("host", standard.host),
        fields.count("port", standard.port, most=65535),
        fields.count("site_port", standard.site_port, most=65535),
    )
    fields.end()
    return listen


def _night(fields: _Fields) -> Night:
    night = Night(fields.text("from", "", least=0), fields.text("to", "", least=0))
    fields.end()
    if not night.is_lawful:
        raise UsageError("night.from and night.to must be times of day like 22:00", hint=_HINT)
    return night


def _network(fields: _Fields) -> Uplink:
    uplink = Uplink(
        rate_kib=fields.count("rate_kib", 0, most=MAX_RATE_KIB),
        proxy=fields.text("proxy", "", least=0),
        night_mib=fields.count("night_mib", 0, most=MAX_BUDGET_MIB),
        month_mib=fields.count("month_mib", 0, most=MAX_BUDGET_MIB),
        metered_mib=fields.count("metered_mib", Uplink().metered_mib, most=MAX_BUDGET_MIB),
    )
    fields.end()
    if uplink.proxy:
        try:
            check_proxy(uplink.proxy)
        except UsageError as error:
            raise UsageError(f"network.proxy: {error.fact}", hint=error.hint) from error
    return uplink


def _peers(fields: _Fields) -> PeerPolicy:
    standard = PeerPolicy()
    policy = PeerPolicy(
        serve=fields.flag("serve"),
        use=fields.flag("use"),
        interfaces=tuple(fields.texts("interfaces", [LAN])),
        port=fields.count("port", standard.port, most=65535),
        rate_kib=fields.count("rate_kib", standard.rate_kib, most=MAX_RATE_KIB),
        fault_kib=fields.count("fault_kib", standard.fault_kib, most=MAX_RATE_KIB),
    )
    fields.end()
    if policy.port < 1024:
        raise UsageError("peers.port must be a number from 1024 to 65535", hint=_HINT)
    return policy


def _uploads(fields: _Fields) -> Uploaders:
    who = fields.text("who", Uploaders.PIN.value)
    fields.end()
    if who not in set(Uploaders):
        raise UsageError(f"upload.who: {who[:40]!r} is none of {', '.join(Uploaders)}", hint=_HINT)
    return Uploaders(who)


def _volumes(fields: _Fields) -> Volumes:
    standard = Volumes()
    volumes = Volumes(
        on=fields.flag("on", standard.on),
        types=tuple(dict.fromkeys(fields.texts("types", standard.types))),
        leds=tuple(fields.texts("leds")),
    )
    fields.end()
    if unknown := set(volumes.types) - set(FILE_SYSTEMS):
        known = ", ".join(FILE_SYSTEMS)
        raise UsageError(f"volumes.types: {min(unknown)[:40]!r} is none of {known}", hint=_HINT)
    if any("/" in led or led in ("", ".", "..") for led in volumes.leds):
        raise UsageError("volumes.leds: names of folders in /sys/class/leds", hint=_HINT)
    return volumes
