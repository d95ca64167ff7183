"""From a list of sites to a folder: one image's TOML, and a site's file and roots for each row.

::

    FOLDER/image.toml                    the image, for `kexia image build`
    FOLDER/roots/43.root.json
    FOLDER/sites/430121-青山教学点/       what goes onto that box's card: site.toml, roots/

Everything is checked before anything is written. Secrets that were made once are kept when the list
is read again; what a row says itself always counts.
"""

import os
import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import tomli_w

from appliance.firststart.chance import Below, new_passphrase, new_pin
from appliance.firststart.site import FILE, MAX_SITE, Site, read_site, write_site
from appliance.lan.config import Mode
from image_build.sites.rows import Publisher, make_site
from image_build.sites.sheet import Row
from sync.errors import Fault, InputRefused, UsageError
from sync.files import disk_errors, write_durably
from sync.trust import DemoKeys, parse_root
from sync.trust.root import MAX_ROOT, check_demo

IMAGE, SITES = "image.toml", "sites"
CA = "ca.pem"
"""In an authority's folder."""
_UNSAFE = re.compile(r"[^\w-]+|_")
MAX_FOLDER = 120
"""Bytes of a site's folder name."""
MAX_TIMETABLE = 4 * 2**20
"""Bytes of a sheet with a week in it."""
_HEADER = (
    "# 课匣镜像 / an image of Kexia (docs/images.md): kexia image build image.toml --to IMAGES\n"
    "# The sites beside it are put onto cards later; nothing of them is built in.\n\n"
)


@dataclass(frozen=True, slots=True)
class ImageWish:
    """What a technician says of the image itself."""

    name: str
    board: str
    suite: str
    version: str
    """``YYYY.MM.DD.n``."""
    authority: Path | None = None
    """Folder of who signs system updates; None: as the image's TOML says already, or nobody."""


@dataclass(frozen=True, slots=True)
class Maker:
    """What making takes from outside."""

    base: Path
    """The folder that the sheet's root files lie in, or below."""
    below: Below
    demo: DemoKeys


@dataclass(frozen=True, slots=True)
class MadeSite:
    """One site's folder."""

    folder: str
    """Below ``FOLDER/sites``."""
    site: Site
    roots: Mapping[str, bytes]
    is_new: bool


@dataclass(frozen=True, slots=True)
class Made:
    """What lies in the folder now."""

    sites: tuple[MadeSite, ...]
    left: tuple[str, ...]
    """Folders of sites that are no longer in the list; nothing was removed."""
    notes: tuple[Fault, ...]
    """About files that the list names."""


def make_sites(rows: Sequence[Row], folder: Path, maker: Maker) -> Made:
    """Check the rows and write their sites; raises InputRefused with every fault of all rows."""
    faults: list[Fault] = []
    beside = _Beside(maker)
    drafts = [make_site(row, beside, faults) for row in rows]
    earlier = [_known(folder / SITES / folder_of(draft.site), faults) for draft in drafts]
    _check_alike([(row, draft.site) for row, draft in zip(rows, drafts, strict=True)], faults)
    if faults:
        count = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"
        fact = f"the list of sites has {count}; nothing was written"
        raise InputRefused(fact, faults=tuple(faults))
    serials = _Serials([draft.site for draft in drafts] + [one for one in earlier if one])
    sites = tuple(
        MadeSite(
            folder_of(draft.site),
            _filled(draft.site, known, serials, maker.below),
            draft.roots,
            known is None,
        )
        for draft, known in zip(drafts, earlier, strict=True)
    )
    _check_lengths(rows, sites)
    for made in sites:
        _write(folder / SITES / made.folder, made)
    names = {made.folder for made in sites}
    left = sorted(path.parent.name for path in (folder / SITES).glob(f"*/{FILE}"))
    notes = dict.fromkeys(note for draft in drafts for note in draft.notes)
    return Made(sites, tuple(name for name in left if name not in names), tuple(notes))


def write_image(folder: Path, wish: ImageWish, made: Made, demo: DemoKeys) -> Path:
    """The image's TOML: what was there and is not of the list or ``demo`` stays as it was."""
    path = folder / IMAGE
    roots = {name: data for one in made.sites for name, data in one.roots.items()}
    for name, data in roots.items():
        write_durably(folder / name, data)
    table: dict[str, object] = {
        "format": 1,
        "name": wish.name,
        "board": wish.board,
        "suite": wish.suite,
        "version": wish.version,
    }
    if path.exists():
        table = _read_toml(path)
    table |= {"roots": sorted(roots), "sites": SITES}
    if wish.authority is not None:
        table["ca"] = _ca_of(wish.authority, folder)
    table.pop("demo", None)
    if demo is DemoKeys.ACCEPT:
        table["demo"] = True
    write_durably(path, (_HEADER + tomli_w.dumps(table)).encode())
    return path


def says_demo(folder: Path) -> bool:
    """Whether the image's TOML there says ``demo = true`` now; raises UsageError."""
    path = folder / IMAGE
    return path.exists() and _read_toml(path).get("demo") is True


def _ca_of(authority: Path, folder: Path) -> str:
    """The authority's certificate as the image's TOML names it; raises UsageError."""
    ca = authority / CA
    if not ca.is_file():
        raise UsageError(
            f"{ca} is not there", hint=f"kexia image authority new {authority} --name …"
        )
    return os.path.relpath(ca, folder)


def folder_of(site: Site) -> str:
    """The site's folder: safe on every file system, the same whenever it is made."""
    name = _UNSAFE.sub("-", unicodedata.normalize("NFC", site.name)).strip("-")
    whole = f"{site.code}-{name}"
    while len(whole.encode()) > MAX_FOLDER:
        whole = whole[:-1]
    return whole.rstrip("-")


class _Beside:
    """Files beside the sheet: roots are read and proved once, timetables read once."""

    def __init__(self, maker: Maker) -> None:
        self._maker = maker
        self._roots: dict[str, Publisher] = {}
        self._timetables: dict[str, bytes] = {}

    def publisher(self, name: str) -> Publisher:
        """The publisher of a root file; raises UsageError, FormatError or TrustRefused."""
        if name not in self._roots:
            data = self._read(
                name, MAX_ROOT, "is longer than any root", "the publisher's 1.root.json"
            )
            root = parse_root(data)
            check_demo(root, self._maker.demo)
            self._roots[name] = Publisher(root.code, data)
        return self._roots[name]

    def timetable(self, name: str) -> bytes:
        """A timetable's bytes; raises UsageError."""
        if name not in self._timetables:
            what = "is longer than any timetable"
            self._timetables[name] = self._read(name, MAX_TIMETABLE, what, "one week's")
        return self._timetables[name]

    def _read(self, name: str, most: int, longer: str, what: str) -> bytes:
        inside = PurePosixPath(name.replace("\\", "/"))
        if inside.is_absolute() or ".." in inside.parts or ":" in name or not name.isprintable():
            raise UsageError("lies outside the sheet's folder", hint="lay it beside the sheet")
        try:
            with (self._maker.base / inside).open("rb") as file:
                data = file.read(most + 1)
        except (OSError, ValueError) as error:
            raise UsageError("is not there", hint="lay it beside the sheet") from error
        if len(data) > most:
            raise UsageError(longer, hint=f"give {what}")
        return data


class _Serials:
    """Numbers for boxes that have none: the county's code and the next free number."""

    def __init__(self, sites: Sequence[Site]) -> None:
        self._taken = {site.serial for site in sites}

    def next(self, code: str) -> str:
        """One that no box of this list has."""
        numbers = (f"{code}-{number:03d}" for number in range(1, 10**6))
        found = next(one for one in numbers if one not in self._taken)
        self._taken.add(found)
        return found


def _known(place: Path, faults: list[Fault]) -> Site | None:
    """The site as it was made before, with its secrets; one that cannot be read is a fault."""
    path = place / FILE
    try:
        with path.open("rb") as file:
            return read_site(file.read(MAX_SITE + 1))
    except FileNotFoundError:
        return None
    except (OSError, InputRefused) as error:
        what = f"was made before and cannot be read any more ({error})"
        faults.append(Fault(str(path), what, "mend it; or move it away: its secrets are made anew"))
        return None


def _check_alike(drafts: Sequence[tuple[Row, Site]], faults: list[Fault]) -> None:
    """Two rows must not make one folder, nor two boxes bear one number."""
    folders: dict[str, Row] = {}
    serials: dict[str, Row] = {}
    for row, site in drafts:
        key = unicodedata.normalize("NFKC", folder_of(site)).casefold()
        for kind, taken, value in (("name", folders, key), ("serial", serials, site.serial)):
            if not value or (kind == "name" and not site.name):
                continue
            if (other := taken.setdefault(value, row)) is not row:
                what = f"is that of {other.place} again, or too like it"
                faults.append(Fault(row.where(kind), what, "give each site its own"))


def _check_lengths(rows: Sequence[Row], sites: Sequence[MadeSite]) -> None:
    """No site file may be longer than a box reads; raises InputRefused."""
    cure = "subscribe to less, or give a shorter timetable"
    faults = [
        Fault(row.place, f"its {FILE} would be longer than a box reads", cure)
        for row, made in zip(rows, sites, strict=True)
        if len(write_site(made.site)) > MAX_SITE
    ]
    if faults:
        raise InputRefused("the list of sites is too much; nothing was written", faults=(*faults,))


def _filled(site: Site, known: Site | None, serials: _Serials, below: Below) -> Site:
    """The site with what its row left open: as it was made before, else made now."""
    if not site.serial:
        site = replace(
            site, serial=known.serial if known and known.serial else serials.next(site.code)
        )
    if not site.pin:
        before = known.pin if known else ""
        site = replace(site, pin=before or new_pin(below))
    network = site.network
    if network.mode is Mode.ACCESS_POINT:
        if network.ssid == "Kexia":
            network = replace(network, ssid=f"Kexia-{site.serial}")
        if not network.passphrase:
            before = known.network.passphrase if known else ""
            network = replace(network, passphrase=before or new_passphrase(below))
    return replace(site, network=network)


def _write(place: Path, made: MadeSite) -> None:
    """Secrets are for the technician's eyes only."""
    for folder in (place, place / "roots"):
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
    for name, data in made.roots.items():
        write_durably(place / name, data)
    write_durably(place / FILE, write_site(made.site), mode=0o600)


def _read_toml(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(
            f"{path}: {error}", hint="mend it, or move it away to have a new one"
        ) from error
