"""The tables of kexia.toml: what each says, and how it is read, fault by fault. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath

from appliance.fields import HINT, Fields
from appliance.night import Night
from appliance.onlink import LAN, PeerPolicy
from sync.directory import CODE, is_address
from sync.errors import UsageError
from sync.transport.address import check_proxy

MAX_BUDGET_MIB = 2**24
MAX_RATE_KIB = 1024 * 1024
"""A cap above a GiB a second caps nothing."""
FILE_SYSTEMS = ("vfat", "exfat", "ext4", "ntfs3")
"""What ``[volumes] types`` may name."""


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
    leds: tuple[str, ...] = ("ACT",)
    """Lamps below /sys/class/leds that show how it goes; this one is a Raspberry Pi's green one."""


def publisher_of(fields: Fields) -> Publisher:
    """One of the tables ``publishers``; raises UsageError."""
    publisher = Publisher(fields.text("code"), fields.text("root"), tuple(fields.texts("urls")))
    fields.end()
    if not CODE.fullmatch(publisher.code):
        raise UsageError(f"{publisher.code!r} is no publisher's code", hint=HINT)
    path = PurePosixPath(publisher.root)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise UsageError(f"root {publisher.root!r} lies outside the box's folder", hint=HINT)
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


def listen_of(fields: Fields) -> Listen:
    """The table ``listen``; raises UsageError."""
    standard = Listen()
    listen = Listen(
        fields.text("host", standard.host),
        fields.count("port", standard.port, most=65535),
        fields.count("site_port", standard.site_port, most=65535),
    )
    fields.end()
    return listen


def night_of(fields: Fields) -> Night:
    """The table ``night``; raises UsageError."""
    night = Night(fields.text("from", "", least=0), fields.text("to", "", least=0))
    fields.end()
    if not night.is_lawful:
        raise UsageError("night.from and night.to must be times of day like 22:00", hint=HINT)
    return night


def uplink_of(fields: Fields) -> Uplink:
    """The table ``network``; raises UsageError."""
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


def peers_of(fields: Fields) -> PeerPolicy:
    """The table ``peers``; raises UsageError."""
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
        raise UsageError("peers.port must be a number from 1024 to 65535", hint=HINT)
    return policy


def uploaders_of(fields: Fields) -> Uploaders:
    """The table ``upload``; raises UsageError."""
    who = fields.text("who", Uploaders.PIN.value)
    fields.end()
    if who not in set(Uploaders):
        raise UsageError(f"upload.who: {who[:40]!r} is none of {', '.join(Uploaders)}", hint=HINT)
    return Uploaders(who)


def volumes_of(fields: Fields) -> Volumes:
    """The table ``volumes``; raises UsageError."""
    standard = Volumes()
    volumes = Volumes(
        on=fields.flag("on", standard.on),
        types=tuple(dict.fromkeys(fields.texts("types", standard.types))),
        leds=tuple(fields.texts("leds", standard.leds)),
    )
    fields.end()
    if unknown := set(volumes.types) - set(FILE_SYSTEMS):
        known = ", ".join(FILE_SYSTEMS)
        raise UsageError(f"volumes.types: {min(unknown)[:40]!r} is none of {known}", hint=HINT)
    if any("/" in led or led in ("", ".", "..") for led in volumes.leds):
        raise UsageError("volumes.leds: names of folders in /sys/class/leds", hint=HINT)
    return volumes
