"""The box's configuration: its folder's layout and kexia.toml, parsed once at the border.

Everything else gets these values as arguments; nothing else reads TOML or the environment.
"""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache

import tomli_w

from appliance.fields import HINT as _HINT
from appliance.fields import Fields as _Fields
from appliance.fields import Unknown
from appliance.folder import Standing, put_over, standing
from appliance.night import Night
from appliance.onlink import PeerPolicy
from appliance.paths import BoxPaths as BoxPaths
from appliance.settings import FILE_SYSTEMS as FILE_SYSTEMS
from appliance.settings import MAX_BUDGET_MIB as MAX_BUDGET_MIB
from appliance.settings import MAX_RATE_KIB as MAX_RATE_KIB
from appliance.settings import Listen as Listen
from appliance.settings import Publisher as Publisher
from appliance.settings import Uplink as Uplink
from appliance.settings import Uploaders as Uploaders
from appliance.settings import Volumes as Volumes
from appliance.settings import check_url as check_url
from appliance.settings import (
    listen_of,
    night_of,
    peers_of,
    publisher_of,
    uplink_of,
    uploaders_of,
    volumes_of,
)
from sync.directory import COLLECTION
from sync.errors import UsageError
from sync.files import write_durably

HEADER = (
    "# This box: whom it follows and what it keeps. `kexia box` rewrites this file; unknown\n"
    "# fields are refused, so that a slip of the pen is seen.\n\n"
)
LESSON = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")
"""A lesson's id."""
_ALWAYS = ("publishers", "subscriptions")
"""Fields that ``save`` always writes: a file without them is what a power cut left, and to take it
for a box that follows nobody would cost the box its lessons."""


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
    listen: Listen = field(default_factory=Listen)
    network: Uplink = field(default_factory=Uplink)
    uploads: Uploaders = Uploaders.PIN
    volumes: Volumes = field(default_factory=Volumes)
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
    """Read kexia.toml; raises UsageError naming what is wrong in it, TooNew for a later box's."""
    unknown = _unknown(paths)
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
        return _parse_once(text, unknown)
    except UsageError as error:
        raise UsageError(f"{paths.config_file}: {error.fact}", hint=error.hint) from error


def save(paths: BoxPaths, config: BoxConfig) -> None:
    """Replace kexia.toml durably; what later code has in it beside what we know stays."""
    value = to_table(config)
    if _unknown(paths) is Unknown.PASSED_OVER and paths.config_file.exists():
        later = tomllib.loads(paths.config_file.read_text(encoding="utf-8"))
        value = put_over(later, value)
    write_durably(paths.config_file, _text(value).encode())


def _unknown(paths: BoxPaths) -> Unknown:
    return Unknown.PASSED_OVER if standing(paths) is Standing.AHEAD else Unknown.REFUSED


def parse(text: str, unknown: Unknown = Unknown.REFUSED) -> BoxConfig:
    """Parse kexia.toml's text; raises UsageError."""
    try:
        value = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"no TOML ({error})", hint=_HINT) from error
    fields = _Fields("", value, unknown)
    config = BoxConfig(
        name=fields.text("name", "box"),
        demo=fields.flag("demo"),
        clock_is_set=fields.flag("clock_is_set"),
        publishers=tuple(publisher_of(item) for item in fields.tables("publishers")),
        subscriptions=tuple(sorted({_collection(item) for item in fields.texts("subscriptions")})),
        wants=tuple(sorted({parse_want(item) for item in fields.texts("wants")})),
        system=_system(fields.text("system", "", least=0)),
        listen=listen_of(fields.table("listen")),
        network=uplink_of(fields.table("network")),
        peers=peers_of(fields.table("peers")),
        uploads=uploaders_of(fields.table("upload")),
        volumes=volumes_of(fields.table("volumes")),
        sync_every_hours=fields.count("sync_every_hours", 24, most=24 * 7),
        night=night_of(fields.table("night")),
    )
    fields.end()
    codes = [publisher.code for publisher in config.publishers]
    if len(set(codes)) != len(codes):
        raise UsageError("a publisher's code stands twice", hint=_HINT)
    missing = [name for name in _ALWAYS if name not in value]
    if missing:
        raise UsageError(f"has no {' and no '.join(missing)}: it is empty or cut off", hint=_HINT)
    return config


_parse_once = lru_cache(maxsize=1)(parse)
"""One sync asks for the configuration six times, lest it miss a change; mostly there is none."""


def encode(config: BoxConfig) -> str:
    """Text of kexia.toml; ``parse`` gives the same configuration back."""
    return _text(to_table(config))


def _text(value: dict[str, object]) -> str:
    return HEADER + tomli_w.dumps(value, multiline_strings=False)


def to_table(config: BoxConfig) -> dict[str, object]:
    """``config`` as the table that kexia.toml is."""
    return {
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
