"""Values of the sheet in one spelling: licences, scopes, languages, durations, numbers. Pure.

Each function takes what people write and gives the canonical text, or "" (0, None) for what it is
not; what to say about it is the caller's business.
"""

import re
import unicodedata

from catalog.model import DURATION

OWN_USE = "授权使用"
"""Licence of what was licensed to us alone; authorised_scope says to whom it may be shown."""
LICENCES = (
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "FSFAP"),
    *("GFDL-1.2-only", "GFDL-1.2-or-later", "GFDL-1.3-only", "GFDL-1.3-or-later"),
    *("GPL-2.0-only", "GPL-2.0-or-later", "GPL-3.0-only", "GPL-3.0-or-later"),
    *("LAL-1.3", "MIT", "MulanPSL-2.0", "ODbL-1.0", "ODC-By-1.0", "OFL-1.1", "PDDL-1.0"),
    "Unlicense",
)
"""SPDX identifiers we accept besides the CC family and ``LicenseRef-…``."""

_SPDX = {licence.casefold(): licence for licence in LICENCES}
_CC = re.compile(
    r"cc[ -]?(?P<terms>by(?:-(?:nc-nd|nc-sa|nc|nd|sa))?)"
    r"(?:-(?P<version>1\.0|2\.0|2\.5|3\.0|4\.0)(?:-(?P<place>[a-z]{2,3}))?)?"
)
_OWN_LICENCE = re.compile(r"licenseref-[a-z0-9.-]{1,64}", re.IGNORECASE)
_LANGUAGE = re.compile(
    r"(?P<language>[a-z]{2,3})(?:-(?P<script>[a-z]{4}))?(?:-(?P<region>[a-z]{2}|\d{3}))?"
    r"(?P<rest>(?:-(?:[a-z0-9]{5,8}|\d[a-z0-9]{3}))*(?:-x(?:-[a-z0-9]{1,8})+)?)",
    re.IGNORECASE | re.ASCII,
)
_SCOPES = {"province": 2, "city": 4, "county": 6}
_SCOPE_NAMES = {"全部": "all", "全国": "all", "省": "province", "市": "city", "县": "county"}
_SCOPE_NAMES |= {"区": "county", "学校": "school", "校": "school"}
_CLOCK = re.compile(r"(?:(\d{1,2}):)?(\d{1,2}):(\d{2})", re.ASCII)
_HOUR = re.compile(r"第?\s*(\d{1,2}|[一二三四五六七八九十]{1,3})\s*(?:课时)?", re.ASCII)
_DIGITS = ("", *"一二三四五六七八九")
_NUMERALS = {
    (("", "十")[tens] if tens < 2 else _DIGITS[tens] + "十") + _DIGITS[ones]: 10 * tens + ones
    for tens in range(10)
    for ones in range(10)
}


def plain(text: str) -> str:
    """``text`` as identities compare it: one width, one space."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


def licence(text: str) -> str:
    """The licence in one spelling (CC BY 4.0 → CC-BY-4.0); "" for one we do not accept."""
    folded = plain(text).casefold().replace(" ", "-")
    if folded in ("cc0", "cc-0", "cc0-1.0", "cc-zero"):
        return "CC0-1.0"
    cc = _CC.fullmatch(folded)
    if cc:
        parts = ["CC", cc["terms"].upper(), cc["version"], (cc["place"] or "").upper()]
        return "-".join(part for part in parts if part)
    if plain(text) == OWN_USE or _OWN_LICENCE.fullmatch(folded):
        return OWN_USE if plain(text) == OWN_USE else "LicenseRef-" + plain(text)[11:]
    return _SPDX.get(folded, "")


def scope(text: str) -> str:
    """The authorised scope in one spelling (``province:43``); "" for none."""
    kind, _, code = plain(text).replace(" ", "").partition(":")
    kind = _SCOPE_NAMES.get(kind, kind.casefold())
    if kind == "all" and not code:
        return kind
    if kind == "school" and re.fullmatch(r"[A-Za-z0-9-]{1,32}", code):
        return f"school:{code}"
    if kind in _SCOPES and re.fullmatch(r"[0-9]+", code) and len(code) == _SCOPES[kind]:
        return f"{kind}:{code}"
    return ""


def iso_duration(seconds: float) -> str:
    """ISO 8601 of a length in seconds, rounded to whole ones: ``PT3M20S``."""
    minutes, rest = divmod(max(1, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "H"), (minutes, "M"), (rest, "S"))
    return "PT" + "".join(f"{number}{unit}" for number, unit in parts if number)


def chapter(text: str) -> tuple[str, ...]:
    """The titles of a path (``第一单元/1 观潮``), "" for an empty one; () if all are empty."""
    titles = tuple(" ".join(title.split()) for title in text.split("/"))
    return titles if any(titles) else ()


def _numeral(text: str) -> int:
    return int(text) if text.isdigit() else _NUMERALS.get(text, 0)


def language(text: str) -> str:
    """A BCP 47 tag in its usual spelling (``zh-hans`` → ``zh-Hans``); "" for none."""
    found = _LANGUAGE.fullmatch(text.replace("_", "-"))
    if found is None:
        return ""
    parts = [found["language"].lower(), (found["script"] or "").title()]
    parts.append((found["region"] or "").upper())
    return "-".join(part for part in parts if part) + found["rest"].lower()


def duration(text: str) -> str:
    """ISO 8601 of ``PT3M20S``, ``3:20`` or ``0:03:20``; "" for none."""
    clock = _CLOCK.fullmatch(plain(text))
    if clock is None:
        iso = plain(text).upper()
        return iso if DURATION.fullmatch(iso) else ""
    hours, minutes, seconds = (int(part or 0) for part in clock.groups())
    return iso_duration(3600 * hours + 60 * minutes + seconds)


def class_hour(text: str) -> int:
    """The number in ``1``, ``第1课时`` or ``第一课时``; 0 for none."""
    found = _HOUR.fullmatch(plain(text))
    return _numeral(found[1]) if found else 0
