"""The network a site wants: the table ``[network]`` of site.toml and network.toml, parsed. Pure.

``parse`` lists every fault at once, by table and key, in words for whoever wrote the file.
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from sync.errors import Fault, InputRefused

TABLE = "[network]"
AUTO, NONE = "auto", "none"
"""``uplink``: whatever card has a line; no line even where there is one."""
DEFAULT_CHANNEL = {"2.4": 6, "5": 36}
CHANNELS = {"2.4": frozenset(range(1, 14)), "5": frozenset({36, 40, 44, 48, 149, 153, 157, 161})}
"""By band; of 5 GHz only those in China that need no listening for radar before (DFS)."""
MAX_FORWARD, MAX_DNS = 64, 3
"""Devices that may be let through; servers that a resolver asks (resolv.conf(5))."""
_CARD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,14}")
_MAC = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_HEX_KEY = re.compile(r"[0-9A-Fa-f]{64}")


class Mode(StrEnum):
    """How tablets reach the box."""

    ACCESS_POINT = "access-point"
    """The box makes the Wi-Fi."""
    CLIENT = "client"
    """The box joins the Wi-Fi of an access point that stands there."""
    WIRED = "wired"
    """The box hangs on the cable of an access point or switch."""


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """``[network]``, checked."""

    mode: Mode = Mode.ACCESS_POINT
    ssid: str = ""
    """Wi-Fi name, 1 to 32 bytes of UTF-8; empty only where ``mode`` is wired."""
    passphrase: str = ""
    """8 to 63 printable ASCII characters, or 64 hexadecimal digits; a secret. Empty: to be made
    before the box makes a Wi-Fi (``access-point``); the Wi-Fi is open (``client``)."""
    channel: int = 6
    country: str = "CN"
    band: str = "2.4"
    """``2.4`` or ``5`` (GHz)."""
    address: ipaddress.IPv4Interface | None = None
    """Fixed address with its network; None: automatic. With ``access-point``: the box's own in the
    classroom's network, as long as no uplink lies there."""
    gateway: ipaddress.IPv4Address | None = None
    dns: tuple[str, ...] = ()
    """Name servers of the uplink; empty: as the uplink says."""
    uplink: str = AUTO
    """``auto``, ``none``, or the name of the card that leads out."""
    forward: tuple[str, ...] = ()
    """MAC addresses (``02:00:5e:10:00:01``), sorted, let through to the uplink; empty: none."""

    def __repr__(self) -> str:
        """Without the pass phrase: this may end up in a log."""
        return f"NetworkConfig(mode={self.mode.value!r}, ssid={self.ssid!r})"


def parse(table: Mapping[str, object]) -> NetworkConfig:
    """The configuration; raises InputRefused with every fault (``[network] channel``)."""
    reader = _Reader(table)
    mode = reader.one_of("mode", Mode.ACCESS_POINT, Mode)
    band = reader.one_of("band", "2.4", CHANNELS)
    config = NetworkConfig(
        mode=Mode(mode),
        ssid=reader.text("ssid", check_ssid),
        passphrase=reader.text("passphrase", check_passphrase),
        channel=reader.channel(band),
        country=reader.text("country", check_country, default="CN"),
        band=band,
        address=reader.address("address"),
        gateway=reader.gateway("gateway"),
        dns=reader.texts("dns", MAX_DNS, _name_server),
        uplink=reader.text("uplink", _check_uplink, default=AUTO),
        forward=tuple(sorted(set(reader.texts("forward", MAX_FORWARD, _mac)))),
    )
    reader.end()
    _check_together(config, reader)
    if reader.faults:
        raise InputRefused("the network is not described as it must be", faults=(*reader.faults,))
    return config


def table(config: NetworkConfig) -> dict[str, object]:
    """The table as TOML values; ``parse`` gives the same configuration back. Holds the secret."""
    return {
        "mode": config.mode.value,
        "ssid": config.ssid,
        "passphrase": config.passphrase,
        "channel": config.channel,
        "country": config.country,
        "band": config.band,
        "address": str(config.address or ""),
        "gateway": str(config.gateway or ""),
        "dns": list(config.dns),
        "uplink": config.uplink,
        "forward": list(config.forward),
    }


def check_ssid(text: str) -> str:
    """What is wrong with a Wi-Fi name; empty: nothing."""
    if len(text.encode("utf-8", "surrogatepass")) > 32:
        return "is longer than 32 bytes (10 Chinese characters, or 32 Latin letters)"
    return "" if text.isprintable() and text == text.strip() else _UNPRINTABLE


def check_passphrase(text: str) -> str:
    """What is wrong with a pass phrase of WPA2 (IEEE 802.11i, H.4.1); empty: nothing."""
    if _HEX_KEY.fullmatch(text):
        return ""
    if not 8 <= len(text) <= 63:
        return "must have 8 to 63 characters"
    return "" if text.isascii() and text.isprintable() else "may hold Latin letters, digits, signs"


def check_country(text: str) -> str:
    """What is wrong with a country code; empty: nothing."""
    return "" if _COUNTRY.fullmatch(text) else "must be two capital letters: CN"


_UNPRINTABLE = "holds characters that cannot be printed, or spaces at its ends"


class _Reader:
    """One table, read key by key; what is wrong is remembered, a default stands in."""

    def __init__(self, table: Mapping[str, object]) -> None:
        self._left = dict(table)
        self.faults: list[Fault] = []

    def wrong(self, key: str, what: str, cure: str = "see docs/images.md for its values") -> None:
        self.faults.append(Fault(f"{TABLE} {key}", what, cure))

    def one_of(self, key: str, default: str, known: Iterable[str]) -> str:
        value = self._left.pop(key, default)
        if isinstance(value, str) and value in set(known):
            return value
        self.wrong(key, f"{_short(value)} is none of its values", f"one of {', '.join(known)}")
        return default

    def text(self, key: str, check: Callable[[str], str], *, default: str = "") -> str:
        value = self._left.pop(key, default)
        if not isinstance(value, str):
            self.wrong(key, "must be text", "write it in quotes")
        elif value and (what := check(value)):
            self.wrong(key, what)
        else:
            return value or default
        return default

    def texts(self, key: str, most: int, read: Callable[[str], str | None]) -> tuple[str, ...]:
        value = self._left.pop(key, [])
        if not isinstance(value, list) or len(value) > most:
            self.wrong(key, f"must be a list of at most {most} texts", 'like ["…"]')
            return ()
        found = [read(item) if isinstance(item, str) else None for item in value]
        for item, one in zip(value, found, strict=True):
            if one is None:
                self.wrong(key, f"{_short(item)} is no address of this kind")
        return tuple(one for one in found if one is not None)

    def channel(self, band: str) -> int:
        value = self._left.pop("channel", DEFAULT_CHANNEL[band])
        if isinstance(value, int) and not isinstance(value, bool) and value in CHANNELS[band]:
            return value
        known = ", ".join(map(str, sorted(CHANNELS[band])))
        self.wrong("channel", f"{_short(value)} is no channel of {band} GHz", f"one of {known}")
        return DEFAULT_CHANNEL[band]

    def address(self, key: str) -> ipaddress.IPv4Interface | None:
        text = self.text(key, lambda _: "")
        if not text:
            return None
        try:
            found = ipaddress.IPv4Interface(text)
        except ValueError:
            found = None
        if found is None or "/" not in text or not _can_be_a_host(found):
            self.wrong(key, f"{_short(text)} is no address of a machine", "like 192.168.1.2/24")
            return None
        return found

    def gateway(self, key: str) -> ipaddress.IPv4Address | None:
        text = self.text(key, lambda _: "")
        try:
            return ipaddress.IPv4Address(text) if text else None
        except ValueError:
            self.wrong(key, f"{_short(text)} is no address", "like 192.168.1.1")
            return None

    def end(self) -> None:
        for key in sorted(self._left):
            self.wrong(str(key)[:40], "is no key of this table", "remove it, or mend its spelling")


def _check_together(config: NetworkConfig, reader: _Reader) -> None:
    """What keys must be to each other; only where each alone is right."""
    if any(
        fault.where.endswith((" mode", " ssid", " address", " gateway")) for fault in reader.faults
    ):
        return
    if config.mode is not Mode.WIRED and not config.ssid:
        reader.wrong("ssid", "is missing", "the name of the Wi-Fi")
    if config.gateway is None:
        return
    if config.address is None or config.mode is Mode.ACCESS_POINT:
        reader.wrong("gateway", "has no use here", "only with a fixed address behind a router")
    elif config.gateway == config.address.ip or config.gateway not in config.address.network:
        reader.wrong("gateway", f"is not in {config.address.network}", "the router's address there")


def _can_be_a_host(own: ipaddress.IPv4Interface) -> bool:
    network, ip = own.network, own.ip
    if not 8 <= network.prefixlen <= 30 or ip in (network[0], network[-1]):
        return False
    return not (ip.is_loopback or ip.is_multicast or ip.is_link_local or ip.is_reserved)


def _name_server(text: str) -> str | None:
    try:
        return str(ipaddress.ip_address(text)) if "%" not in text else None
    except ValueError:
        return None


def _mac(text: str) -> str | None:
    """A MAC address of one device, in its one spelling."""
    mac = text.strip().lower().replace("-", ":")
    if not _MAC.fullmatch(mac) or int(mac[:2], 16) & 1:  # an odd first byte: a group's address
        return None
    return mac


def _check_uplink(text: str) -> str:
    return "" if _CARD.fullmatch(text) else "must be auto, none, or a network card's name"


def _short(value: object) -> str:
    return repr(value)[:60]
