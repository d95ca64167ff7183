"""The site file: what a technician says of one teaching point, on the card's FAT partition. Pure.

``site.toml``, format 1, made by `kexia image new` or by hand in an editor of any age: UTF-8 with
or without a mark, UTF-16 or GB 18030, lines ended either way. Golden file:
``tests/golden/site-1.toml``.
"""

import re
import tomllib
from dataclasses import dataclass, field, replace

import tomli_w

from appliance.firststart.checks import (
    check_code,
    check_collection,
    check_name,
    check_pin,
    check_serial,
    check_ssh_key,
    check_subject,
    check_url,
)
from appliance.lan import config as lan
from appliance.lan.config import NetworkConfig
from appliance.night import Night, check_clock
from appliance.reading import Reader
from appliance.timetable.week import Period, read_week, week_tables
from sync.errors import Fault, InputRefused

FORMAT = 1
FILE = "site.toml"
ROOTS = "roots"
"""The folder beside the site file that holds its publishers' roots."""
MAX_SITE = 64 * 1024
"""Bytes of the longest site file."""
MAX_PUBLISHERS, MAX_URLS, MAX_COLLECTIONS, MAX_KEYS = 16, 8, 500, 8
LAST_GRADE = 12
_ROOT = re.compile(rf"{ROOTS}/[a-z0-9][a-z0-9-]{{1,31}}\.root\.json")
_HEADER = (
    "# 课匣 Kexia: 一个教学点的设置 / the settings of one teaching point (docs/images.md).\n"
    "# 把本文件和 roots 文件夹放在卡的 KEXIA 分区；开机后 Wi-Fi 密码和 PIN 会从这里抹掉。\n"
    "# Put it with the folder roots on the card's partition KEXIA; at the next start the Wi-Fi's\n"
    "# pass phrase and the PIN are wiped from here.\n\n"
)


@dataclass(frozen=True, slots=True)
class SitePublisher:
    """A publisher that this box follows."""

    root: str
    """``roots/<code>.root.json``, beside the site file."""
    urls: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()
    """What the box subscribes to; ids below this publisher's code."""


NIGHT = Night("22:00", "06:00")


@dataclass(frozen=True, slots=True)
class Site:
    """site.toml, checked."""

    name: str
    code: str
    """Of the county, as the statistics office numbers it."""
    grades: tuple[int, ...] = ()
    """1 to 12."""
    subjects: tuple[str, ...] = ()
    """Codes of ``catalog.codes``."""
    serial: str = ""
    """The county's own number for this box."""
    publishers: tuple[SitePublisher, ...] = ()
    network: NetworkConfig = field(default_factory=NetworkConfig)
    night: Night = NIGHT
    pin: str = field(default="", repr=False)
    """Six digits, a secret; empty: none, or the box has it already."""
    ssh_keys: tuple[str, ...] = ()
    system: str = ""
    """Collection that brings updates of the system; empty: none."""
    timetable: tuple[Period, ...] = ()
    """The week's lessons; empty: nobody said."""

    @property
    def has_secrets(self) -> bool:
        """True while the file holds what must not stay on a card."""
        return bool(self.pin or self.network.passphrase)

    def without_secrets(self) -> "Site":
        """What may stay on the card."""
        return replace(self, pin="", network=replace(self.network, passphrase=""))


def read_site(data: bytes) -> Site:
    """The site of a file's bytes; raises InputRefused with every fault, by table and key."""
    table = _toml(_decode(data))
    faults: list[Fault] = []
    top = Reader("", table, faults)
    if top.take("format") != FORMAT:
        top.wrong("format", "is not one this box knows", f"format = {FORMAT}")
    about = Reader("[site]", top.table("site"), faults)
    night = Reader("[night]", top.table("night"), faults)
    access = Reader("[access]", top.table("access"), faults)
    update = Reader("[update]", top.table("update"), faults)
    site = Site(
        name=about.text("name", check_name),
        code=about.text("code", check_code),
        grades=about.numbers("grades", 1, LAST_GRADE),
        subjects=about.texts("subjects", check_subject, 64),
        serial=about.text("serial", check_serial),
        publishers=_publishers(top, faults),
        network=_network(top, faults),
        night=Night(
            night.text("from", check_clock, NIGHT.begin), night.text("to", check_clock, NIGHT.end)
        ),
        pin=access.text("pin", check_pin),
        ssh_keys=access.texts("ssh_keys", check_ssh_key, MAX_KEYS),
        system=update.text("system", check_collection),
        timetable=read_week(top, faults),
    )
    for key, value in (("name", site.name), ("code", site.code)):
        if not value and not any(fault.where == f"[site] {key}" for fault in faults):
            about.wrong(key, "is missing")
    for reader in (top, about, night, access, update):
        reader.end()
    if faults:
        raise InputRefused(f"{FILE} is not as it must be", faults=tuple(faults))
    return site


def write_site(site: Site) -> bytes:
    """Bytes of site.toml; ``read_site`` gives the same site back. Holds its secrets."""
    value: dict[str, object] = {
        "format": FORMAT,
        "site": {
            "name": site.name,
            "code": site.code,
            "grades": list(site.grades),
            "subjects": list(site.subjects),
            "serial": site.serial,
        },
        **({} if site.network == NetworkConfig() else {"network": lan.table(site.network)}),
        "night": {"from": site.night.begin, "to": site.night.end},
        "access": {"pin": site.pin, "ssh_keys": list(site.ssh_keys)},
        "update": {"system": site.system},
        "publisher": [
            {"root": each.root, "urls": list(each.urls), "collections": list(each.collections)}
            for each in site.publishers
        ],
        **({"timetable": week_tables(site.timetable)} if site.timetable else {}),
    }
    text = _HEADER + tomli_w.dumps(value, multiline_strings=False)
    return text.replace("\n", "\r\n").encode()  # editors on Windows of any age show its lines


def _decode(data: bytes) -> str:
    if len(data) > MAX_SITE:
        raise _refused("is longer than any site file", f"at most {MAX_SITE} bytes")
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    for codec in ("utf-16",) if marked else ("utf-8-sig", "gb18030"):
        try:
            return data.decode(codec)
        except UnicodeDecodeError:
            continue
    raise _refused("is no text", "save it as UTF-8")


def _toml(text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refused(
            f"is no TOML ({str(error)[:120]})", "compare it with docs/images.md"
        ) from error


def _refused(what: str, cure: str) -> InputRefused:
    return InputRefused(f"{FILE} {what}", faults=(Fault(FILE, what, cure),))


def _publishers(top: Reader, faults: list[Fault]) -> tuple[SitePublisher, ...]:
    found: list[SitePublisher] = []
    for number, table in enumerate(top.tables("publisher", MAX_PUBLISHERS), start=1):
        reader, before = Reader(f"[[publisher]] {number}", table, faults), len(faults)
        root = reader.text("root", _check_root)
        one = SitePublisher(
            root,
            reader.texts("urls", check_url, MAX_URLS),
            reader.texts("collections", check_collection, MAX_COLLECTIONS),
        )
        if not root and len(faults) == before:
            reader.wrong("root", "is missing", 'like root = "roots/43.root.json"')
        elif root and any(each.root == root for each in found):
            reader.wrong("root", f"{root} stands twice", "name each publisher once")
        reader.end()
        found.append(one)
    return tuple(found)


def _network(top: Reader, faults: list[Fault]) -> NetworkConfig:
    table = top.take("network")
    if table is None:
        return NetworkConfig()
    if not isinstance(table, dict):
        top.wrong("[network]", "must be a table", "write [network] on a line of its own")
        return NetworkConfig()
    try:
        return lan.parse(table)
    except InputRefused as error:
        faults.extend(error.faults)
        return NetworkConfig()


def _check_root(text: str) -> str:
    return "" if _ROOT.fullmatch(text) else "must be like roots/43.root.json"
