"""From a row of the list to a site: every cell checked, every fault named by row and column.

The same checks as the box's own reader of site files (``appliance.firststart.checks``), so that no
sheet makes a file that a box refuses.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Protocol

from appliance.firststart import checks
from appliance.firststart.site import (
    NIGHT,
    Site,
    SitePublisher,
)
from appliance.lan import config as lan
from appliance.lan.config import Mode, NetworkConfig
from appliance.night import Night, check_clock
from appliance.timetable.sheet import Reading, read_timetable
from catalog import codes
from image_build.sites.sheet import Row
from sync.errors import Fault, InputRefused, KexiaError
from sync.trust.root import lies_below

CURE = "docs/images.md says what belongs here"
_VALUES = re.compile(r"[;；\n]")
_LIST = re.compile(r"[;；,，、\s]+")
_NIGHT = re.compile(r"(\d{1,2}:\d{2})(?::00)?\s*(?:-|–|—|~|～|至|到)\s*(\d{1,2}:\d{2})(?::00)?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}月\d{1,2}日")
_MODES = {
    Mode.ACCESS_POINT: ("热点", "自带热点", "自建热点", "accesspoint", "ap", "hotspot"),
    Mode.CLIENT: ("无线", "连接wifi", "已有wifi", "外部ap", "外部热点", "client", "wifi"),
    Mode.WIRED: ("有线", "网线", "wired", "cable", "ethernet"),
}
_BY_WORD = {word: mode for mode, words in _MODES.items() for word in words}
_COLUMN_OF = {"mode": "network"}
"""Keys of [network] whose column has another name."""


@dataclass(frozen=True, slots=True)
class Publisher:
    """A publisher whose root lies beside the sheet and was proved."""

    code: str
    data: bytes = field(repr=False)


class Beside(Protocol):
    """What lies beside the sheet, by the names it gives; both raise KexiaError."""

    def publisher(self, name: str) -> Publisher:
        """The publisher of a root file."""

    def timetable(self, name: str) -> bytes:
        """A timetable's bytes."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The site of a row, without the secrets it does not name, and its roots by their names."""

    site: Site
    roots: dict[str, bytes]
    notes: tuple[Fault, ...]
    """What its owner should know about how it was read."""


class Cells:
    """One row, read cell by cell; what is wrong is remembered."""

    def __init__(self, row: Row, faults: list[Fault]) -> None:
        self.row, self._faults = row, faults

    def wrong(self, key: str, what: str, cure: str = CURE) -> None:
        """Remember a fault of this cell."""
        self._faults.append(Fault(self.row.where(key), what, cure))

    def text(self, key: str, check: Callable[[str], str] = lambda _: "") -> str:
        """The cell's text, empty if there is none or it will not do."""
        value = " ".join(self.row.cells.get(key, "").split())
        if value and (what := check(value)):
            self.wrong(key, what)
            return ""
        return value

    def values(
        self, key: str, check: Callable[[str], str], split: re.Pattern[str] = _VALUES
    ) -> tuple[str, ...]:
        """The cell's several values, each once."""
        parts = (" ".join(part.split()) for part in split.split(self.row.cells.get(key, "")))
        found = []
        for value in dict.fromkeys(filter(None, parts)):
            if what := check(value):
                self.wrong(key, f"{value[:60]!r} {what}")
            else:
                found.append(value)
        return tuple(found)


def make_site(row: Row, beside: Beside, faults: list[Fault]) -> Draft:
    """The site of a row; with a fault in ``faults`` it is of no use."""
    cells = Cells(row, faults)
    publishers, data = _publishers(cells, beside)
    grades = _grades(cells)
    timetable = _timetable(cells, beside, grades)
    site = Site(
        name=_required(cells, "name", checks.check_name),
        code=_required(cells, "code", checks.check_code),
        grades=grades,
        subjects=_subjects(cells),
        serial=cells.text("serial", checks.check_serial),
        publishers=publishers,
        network=_network(cells),
        night=_night(cells),
        pin=_pin(cells),
        ssh_keys=cells.values("ssh_keys", checks.check_ssh_key),
        system=_system(cells, [each.code for each in data.values()]),
        timetable=timetable.week,
    )
    return Draft(site, {name: each.data for name, each in data.items()}, timetable.notes)


def _required(cells: Cells, key: str, check: Callable[[str], str]) -> str:
    if key not in cells.row.cells:
        cells.wrong(key, "is empty", "fill it in")
    return cells.text(key, check)


def _grades(cells: Cells) -> tuple[int, ...]:
    text = cells.row.cells.get("grades", "")
    if _DATE.fullmatch(text):
        cells.wrong("grades", "was turned into a date", "write 一至三年级, or format it as text")
        return ()
    found: set[int] = set()
    for value in cells.values("grades", lambda _: "", _LIST):
        tags = codes.resolve_all("grade", value) or codes.resolve_all("grade", f"{value}年级")
        if not tags:
            cells.wrong("grades", f"{value[:40]!r} is no grade", "like 一至三年级, or 1;2;3")
        found |= {tag.order + 1 for tag in tags}
    return tuple(sorted(found))


def _subjects(cells: Cells) -> tuple[str, ...]:
    found = []
    for value in cells.values("subjects", lambda _: "", _LIST):
        tag = codes.resolve("subject", value)
        if tag is None:
            near = "、".join(codes.suggest("subject", value[:40]))
            cure = f"perhaps {near}" if near else "like 音乐;美术;英语"
            cells.wrong("subjects", f"{value[:40]!r} is no subject", cure)
        else:
            found.append(tag.code)
    return tuple(dict.fromkeys(found))


def _night(cells: Cells) -> Night:
    text = cells.text("night")
    match = _NIGHT.fullmatch(text)
    if not text:
        return NIGHT
    times = [time.zfill(5) for time in match.groups()] if match else []
    if not times or any(map(check_clock, times)):
        cells.wrong("night", f"{text[:40]!r} is no time of the night", "like 22:00-06:00")
        return NIGHT
    return Night(*times)


def _timetable(cells: Cells, beside: Beside, grades: tuple[int, ...]) -> Reading:
    """The week of the file that the cell names: its faults are this cell's, with their places."""
    name = cells.text("timetable")
    if not name:
        return Reading((), ())
    codes_of = tuple(f"g{grade}" for grade in grades)
    try:
        return read_timetable(beside.timetable(name), PurePosixPath(name).name, codes_of)
    except InputRefused as error:
        for fault in error.faults:
            cells.wrong("timetable", f"{fault.where}: {fault.what}", fault.cure)
    except KexiaError as error:
        cells.wrong("timetable", f"{name[:80]!r} {error.fact}", error.hint or "mend it")
    return Reading((), ())


def _pin(cells: Cells) -> str:
    def check(text: str) -> str:
        what = checks.check_pin(text)
        return f"{what}; as a number it loses its zeros: format it as text" if what else ""

    return cells.text("pin", check)


def _network(cells: Cells) -> NetworkConfig:
    mode = _mode(cells)
    table: dict[str, object] = {"mode": mode.value}
    table |= {key: cells.row.cells.get(key, "").strip() for key in ("ssid", "passphrase")}
    table |= {key: cells.text(key) for key in ("address", "gateway")}
    table |= {key: list(cells.values(key, lambda _: "", _LIST)) for key in ("dns", "forward")}
    ssid = str(table["ssid"])
    if what := _hidden(ssid):
        cells.wrong("ssid", what)
        table["ssid"] = "x"
    if mode is Mode.ACCESS_POINT and not ssid:
        table["ssid"] = "Kexia"  # named after the box's number as soon as it has one
    channel = cells.text("channel")
    if channel:
        table["channel"] = int(channel) if re.fullmatch("[0-9]{1,3}", channel) else channel
        table["band"] = "5" if table["channel"] in lan.CHANNELS["5"] else "2.4"
    try:
        return lan.parse(table)
    except InputRefused as error:
        for fault in error.faults:
            key = fault.where.removeprefix(f"{lan.TABLE} ")
            cells.wrong(_COLUMN_OF.get(key, key), fault.what, fault.cure)
        return NetworkConfig()


def _hidden(ssid: str) -> str:
    """What a Wi-Fi's name may hold is wider than what a sheet or a card may be trusted with."""
    if ssid.startswith(checks.FORMULA):
        return f"may not begin with {ssid[0]}"
    return "" if ssid.isprintable() else "holds characters that cannot be seen"


def _mode(cells: Cells) -> Mode:
    text = re.sub(r"[\s_\-]", "", cells.text("network")).casefold()
    if not text:
        return Mode.WIRED if cells.text("address") else Mode.ACCESS_POINT
    mode = _BY_WORD.get(text)
    if mode is None:
        cells.wrong("network", f"{text[:40]!r} is no way to connect", "热点, 无线 or 有线")
    return mode or Mode.ACCESS_POINT


def _publishers(
    cells: Cells, beside: Beside
) -> tuple[tuple[SitePublisher, ...], dict[str, Publisher]]:
    if "roots" not in cells.row.cells:
        cells.wrong("roots", "is empty", "the publisher's 1.root.json, in the sheet's folder")
    found: dict[str, Publisher] = {}
    for name in cells.values("roots", lambda _: ""):
        try:
            publisher = beside.publisher(name)
        except KexiaError as error:
            cells.wrong("roots", f"{name[:80]!r} {error.fact}", error.hint or "mend it")
            continue
        if publisher.code in {each.code for each in found.values()}:
            cells.wrong("roots", f"publisher {publisher.code} stands twice", "keep one")
        found[f"roots/{publisher.code}.root.json"] = publisher
    codes_of = [each.code for each in found.values()]
    urls = _urls(cells, codes_of)
    collections = _collections(cells, codes_of)
    return tuple(
        SitePublisher(name, urls.get(each.code, ()), collections.get(each.code, ()))
        for name, each in found.items()
    ), found


def _urls(cells: Cells, known: list[str]) -> dict[str, tuple[str, ...]]:
    """Addresses by publisher: ``URL`` where there is one, ``43 URL`` where there are several."""
    found: dict[str, tuple[str, ...]] = {}
    for value in cells.values("urls", lambda _: ""):
        code, _, url = value.rpartition(" ")
        code = code or (known[0] if len(known) == 1 else "")
        if what := checks.check_url(url):
            cells.wrong("urls", f"{value[:60]!r} {what}")
        elif not code and known:
            cells.wrong("urls", f"whose is {url[:60]!r}?", f"write {known[0]} before it")
        elif known and code not in known:
            cells.wrong("urls", f"{code[:20]!r} is none of this row's publishers", "mend it")
        else:
            found[code] = (*found.get(code, ()), url)
    return found


def _collections(cells: Cells, known: list[str]) -> dict[str, tuple[str, ...]]:
    """What is subscribed to, below the publisher that brings it or introduces who does."""
    found: dict[str, tuple[str, ...]] = {}
    for value in cells.values("collections", checks.check_collection, _LIST):
        code = bringer(value, known)
        if code:
            found[code] = (*found.get(code, ()), value)
        elif known:
            cells.wrong("collections", f"{value[:60]!r} is of no publisher of this row", "mend it")
    return found


def _system(cells: Cells, known: list[str]) -> str:
    system = cells.text("system", checks.check_collection)
    if system and known and not bringer(system, known):
        cells.wrong("system", f"{system[:60]!r} is of no publisher of this row", "mend it")
        return ""
    return system


def bringer(collection: str, known: Iterable[str]) -> str:
    """The nearest of these publishers that publishes it or introduces who does; empty: none."""
    publisher = collection.partition("/")[0]
    able = [code for code in known if code == publisher or lies_below(publisher, code)]
    return max(able, key=lambda code: (code.isdigit(), len(code)), default="")
