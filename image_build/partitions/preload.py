"""Lessons before the first start: a box's folder filled in the office, by the box's own programme.

What comes onto the card is what a sync leaves and nothing that belongs to one machine: no
configuration (the first start makes it from the site file), no key, no history, no PIN.
"""

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from appliance import config
from appliance.box.keepsake import put_back
from appliance.box.programmes import Invitation, init_box
from appliance.box.restore import open_backup
from appliance.box.works import Works
from appliance.config import BoxPaths
from appliance.firststart.site import FILE, Site, read_site
from appliance.generation import current
from appliance.technician.from_box import fill_stick
from appliance.update.sync import Machine
from image_build.partitions import esp
from image_build.partitions.data_image import BOX
from sync.errors import InputRefused, NoSource, UsageError
from sync.files import make_folder, write_durably
from sync.lease import hold
from sync.progress import Progress
from sync.stick import backup as backups

_LONGEST = backups.MAX_STORED + 2**16
OF_EVERY_BOX = ("generations", "current", "library", "feeds", "heads", "tables", "published")
"""What a sync leaves that is the same on whichever box it was done."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose box it will be."""

    site: Site
    roots: Mapping[str, bytes]
    """By name (``roots/43.root.json``)."""

    @property
    def collections(self) -> tuple[str, ...]:
        """What its lessons are; the system is in the image."""
        return tuple(one for publisher in self.site.publishers for one in publisher.collections)

    @property
    def lessons_key(self) -> tuple[object, ...]:
        """Sites with the same key get the same lessons, prepared once."""
        return tuple(sorted(self.roots.items())), tuple(sorted(self.collections))


@dataclass(frozen=True, slots=True)
class Prepared:
    """A tree for the data partition."""

    tree: Path
    editions: Mapping[str, int]
    """Collection → edition that is in it."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What preparing takes from the machine it is done on."""

    machine: Callable[[BoxPaths], Machine]
    now: Callable[[], datetime]
    accept_demo: bool = False
    """Also publishers whose private keys everybody can have: for trials only."""


def wanted_by(volume: Path) -> Wanted:
    """The site on an ESP (a FAT volume in a file); raises UsageError if it has none."""
    names = set(esp.files(volume))
    if FILE not in names:
        raise UsageError(
            "the image does not say whose box it will be: it has no site.toml",
            hint="give the site's folder with --site, or burn an image of `kexia image site`",
        )
    site = read_site(esp.read(volume, FILE))
    missing = [one.root for one in site.publishers if one.root not in names]
    if missing:
        raise InputRefused(f"the image has no {missing[0]}, which its site.toml names")
    return Wanted(site, {one.root: esp.read(volume, one.root) for one in site.publishers})


def prepare(wanted: Wanted, place: str, scratch: Path, desk: Desk, progress: Progress) -> Prepared:
    """A tree with the lessons ``wanted``, from ``place``: a repository, a stick, a box's folder.

    ``scratch``: an empty folder on the disk that shall hold it. Raises what a sync raises, and
    NoSource if ``place`` has not all of it.
    """
    paths = BoxPaths(scratch / "box")
    _found(wanted, paths, scratch, desk)
    message = {"command": "sync", "from": [_source(place, scratch, desk, progress)], "peers": False}
    with hold(paths.lease, holder="kexia image burn"):
        Works(paths, desk.machine(paths))(message, progress)
    editions = _editions(paths)
    missing = sorted(set(wanted.collections) - set(editions))
    if missing:
        raise NoSource(
            f"{place} has not all of the lessons this site is to get: {', '.join(missing)}",
            hint="nothing was written; preload from another source, or change the site's file",
        )
    tree = scratch / "tree"
    _take(paths, tree / BOX)
    return Prepared(tree, editions)


def bring_back(tree: Path, backup: Path, private: bytes) -> str:
    """Put a sealed backup into ``tree``; the name of the box that made it.

    The new card's box draws a key of its own when it first needs one: none is made here. Raises
    what ``kexia box restore`` raises.
    """
    _, found = open_backup(_bytes_of(backup), private)
    paths = BoxPaths(tree / BOX)
    make_folder(paths.root)
    put_back(found.database, paths.state_db)
    return found.name


def _found(wanted: Wanted, paths: BoxPaths, scratch: Path, desk: Desk) -> None:
    """A box that follows the site's publishers, and never asks their servers."""
    for name, data in wanted.roots.items():
        root = scratch / name
        write_durably(root, data)
        init_box(paths, Invitation(root, (), wanted.site.name, desk.accept_demo))
    if not wanted.collections:
        raise UsageError("the site subscribes to nothing", hint="name its collections in site.toml")
    config.save(paths, config.load(paths).subscribed(wanted.collections))


def _source(place: str, scratch: Path, desk: Desk, progress: Progress) -> str:
    """``place``, or for a box's folder a stick filled from it."""
    if not (Path(place) / "kexia.toml").is_file():
        return place
    stick = scratch / "stick"
    stick.mkdir()
    fill_stick(BoxPaths(Path(place)), stick, desk.now(), progress)
    return str(stick)


def _editions(paths: BoxPaths) -> dict[str, int]:
    generation = current(paths)
    if generation is None:
        return {}
    return {
        one.entry.id: one.entry.edition for one in generation.record.collections if one.is_whole
    }


def _take(paths: BoxPaths, to: Path) -> None:
    """Move what is of every box; the rest stays where it is thrown away."""
    make_folder(to)
    for name in OF_EVERY_BOX:
        if os.path.lexists(paths.root / name):
            shutil.move(paths.root / name, to / name)


def _bytes_of(backup: Path) -> bytes:
    try:
        with backup.open("rb") as file:
            return file.read(_LONGEST + 1)
    except OSError as error:
        raise UsageError(f"{backup}: {error.strerror}") from error
