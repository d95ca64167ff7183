"""Under which licences packages come: from their copyright files to short names, to a list. Pure.

DEP-5 files say it for machines; of others we take which common licences they name. What neither
says stays "see its copyright file": nothing is guessed.
"""

import re
from collections.abc import Iterable

from image_build.manifest.packages import Package

MAX_COPYRIGHT = 2**21
MAX_LICENCES = 200
UNREAD = "(see its copyright file)"
_FORMAT = re.compile(rb"\AFormat:[^\n]*copyright-format", re.IGNORECASE)
_LICENCE = re.compile(rb"^License:[ \t]*([^\n]+)$", re.IGNORECASE | re.MULTILINE)
_COMMON = re.compile(rb"/usr/share/common-licenses/([A-Za-z0-9][A-Za-z0-9.+-]{0,30})")
_SHORT = re.compile(r"[A-Za-z0-9][\w.+ ,/()-]{0,99}")
SPDX = {
    "agpl-3": "AGPL-3.0-only",
    "agpl-3+": "AGPL-3.0-or-later",
    "apache-2.0": "Apache-2.0",
    "artistic": "Artistic-1.0",
    "artistic-2.0": "Artistic-2.0",
    "bsd-2-clause": "BSD-2-Clause",
    "bsd-3-clause": "BSD-3-Clause",
    "bsd-4-clause": "BSD-4-Clause",
    "bsl-1.0": "BSL-1.0",
    "cc0": "CC0-1.0",
    "cc0-1.0": "CC0-1.0",
    "expat": "MIT",
    "gfdl-1.3+": "GFDL-1.3-or-later",
    "gpl-1": "GPL-1.0-only",
    "gpl-1+": "GPL-1.0-or-later",
    "gpl-2": "GPL-2.0-only",
    "gpl-2+": "GPL-2.0-or-later",
    "gpl-3": "GPL-3.0-only",
    "gpl-3+": "GPL-3.0-or-later",
    "isc": "ISC",
    "lgpl-2": "LGPL-2.0-only",
    "lgpl-2+": "LGPL-2.0-or-later",
    "lgpl-2.1": "LGPL-2.1-only",
    "lgpl-2.1+": "LGPL-2.1-or-later",
    "lgpl-3": "LGPL-3.0-only",
    "lgpl-3+": "LGPL-3.0-or-later",
    "mit": "MIT",
    "mpl-1.1": "MPL-1.1",
    "mpl-2.0": "MPL-2.0",
    "ofl-1.1": "OFL-1.1",
    "psf-2.0": "PSF-2.0",
    "python-2.0": "Python-2.0",
    "zlib": "Zlib",
}
"""Short names of DEP-5 and of wheels, in small letters, by their SPDX identifier."""


def licences(copyright_file: bytes) -> tuple[str, ...]:
    """Short names in a copyright file, sorted; empty if it names none that we can read."""
    text = copyright_file[:MAX_COPYRIGHT].replace(b"\r\n", b"\n")
    if _FORMAT.match(text):
        found = {_tidy(match[1]) for match in _LICENCE.finditer(text)}
    else:
        found = {_tidy(match[1].rstrip(b".")) for match in _COMMON.finditer(text)}
    short = sorted(one for one in found if _SHORT.fullmatch(one))
    return tuple(short[:MAX_LICENCES])


def spdx(name: str) -> str:
    """The SPDX identifier of a short name; empty if we know none."""
    return SPDX.get(name.lower(), "")


def listed(packages: Iterable[Package]) -> bytes:
    """The licence list, for people: one line a package, then how often each licence stands."""
    lines, counts = [], dict[str, int]()
    for one in packages:
        names = one.licences or (UNREAD,)
        lines.append(f"{one.line}: {', '.join(names)}")
        for name in names:
            counts[name] = counts.get(name, 0) + 1
    lines += ["", "# Packages by licence"]
    lines += [f"# {count:5} {name}" for name, count in sorted(counts.items())]
    return ("\n".join(lines) + "\n").encode()


def _tidy(raw: bytes) -> str:
    return " ".join(raw.decode("utf-8", "replace").split())
