"""One built image → an image, or only its boot partition, for each site: copied, never built again.

What is written is the site's file and roots, onto the ESP where it lies in the copy. The same image
and the same site give the same bytes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from appliance.firststart.site import FILE, Site, read_site
from image_build.partitions.compose import write_sparse
from image_build.partitions.esp_image import ESP, put_files, take_esp
from image_build.partitions.source import Image, open_image
from image_build.sites.site_files import site_files
from sync.errors import Fault, InputRefused, KexiaError, NoRoom, UsageError
from sync.files import PARTIAL, disk_errors, free_space, make_folder, rename_durably
from sync.progress import Progress
from sync.run import run
from sync.trust import parse_root

_SECONDS = 3600.0


class Form(Enum):
    """What is made for each site."""

    IMAGE = ".img"
    PACKED = ".img.xz"
    ESP = ".esp.img"
    """The boot partition alone: a few MiB that differ from box to box."""


@dataclass(frozen=True, slots=True)
class Place:
    """A site's folder, read and checked."""

    name: str
    site: Site
    files: dict[str, bytes]
    """By their path on the ESP."""


def read_places(folder: Path, names: Sequence[str] = ()) -> tuple[Place, ...]:
    """The sites of a folder that `kexia image new` made, all or those of these names.

    ``names``: of the folders or of the sites. Raises UsageError, InputRefused with every fault.
    """
    below = folder / "sites" if (folder / "sites").is_dir() else folder
    if not below.is_dir():
        raise UsageError(
            f"{folder} is no folder", hint="kexia image new SHEET --to FOLDER makes one"
        )
    found, faults = [], []
    for path in sorted(one for one in below.iterdir() if (one / FILE).is_file()):
        try:
            found.append(_read(path))
        except InputRefused as error:
            faults += [
                Fault(f"{path} {fault.where}", fault.what, fault.cure) for fault in error.faults
            ]
        except KexiaError as error:
            faults.append(Fault(str(path), error.fact, error.hint))
    wanted = [one for one in found if not names or {one.name, one.site.name} & set(names)]
    known = {text for one in found for text in (one.name, one.site.name)}
    if faults:
        raise InputRefused(f"{below}: {len(faults)} faults; nothing was made", faults=tuple(faults))
    if missing := [name for name in names if name not in known]:
        raise UsageError(f"{below} has no site {missing[0]!r}", hint="name its folder, or the site")
    if not wanted:
        raise UsageError(
            f"{below} has no sites", hint="kexia image new SHEET --to FOLDER makes them"
        )
    return tuple(wanted)


def _read(path: Path) -> Place:
    files = site_files(path)
    for name, data in files.items():
        if name != FILE and name != f"roots/{(root := parse_root(data)).code}.root.json":
            raise UsageError(
                f"{name} is the root of {root.code}", hint="name it after its publisher"
            )
    return Place(path.name, read_site(files[FILE]), files)


def personalise(
    image: Path, places: Iterable[Place], to: Path, form: Form, progress: Progress
) -> tuple[Path, ...]:
    """Files in ``to``, one for each site, readable by their owner only: they hold secrets.

    Raises UsageError or FormatError for what is no image of a box, NoRoom.
    """
    make_folder(to)
    wanted = tuple(places)
    with _Plain(open_image(image), to, form, progress) as plain:
        progress.step("sites", total=len(wanted), unit="sites")
        made = []
        for place in wanted:
            made.append(_make(plain, place, to, form))
            progress.advance(1)
    return tuple(made)


class _Plain:
    """What is copied for each site: the image itself, unpacked, or its ESP; removed afterwards."""

    def __init__(self, image: Image, to: Path, form: Form, progress: Progress) -> None:
        self._scratch: list[Path] = []
        self.stem = image.path.name.removesuffix(".xz").removesuffix(".zst").removesuffix(".img")
        if image.is_packed:
            path = self._temporary(to / f"{self.stem}.unpacked{PARTIAL}")
            progress.step("unpack", total=image.size)
            write_sparse(image, path, progress)
            image = open_image(path)
        self.path, self.offset = image.path, image.table.find(ESP).offset
        if form is Form.ESP:
            self.path, self.offset = self._temporary(to / f"{self.stem}.esp{PARTIAL}"), 0
            take_esp(image, self.path)

    def _temporary(self, path: Path) -> Path:
        self._scratch.append(path)
        return path

    def __enter__(self) -> "_Plain":
        return self

    def __exit__(self, *_: object) -> None:
        for path in self._scratch:
            path.unlink(missing_ok=True)


def _make(plain: _Plain, place: Place, to: Path, form: Form) -> Path:
    path = to / f"{plain.stem}-{place.name}{form.value}"
    partial = path.with_name(f"{plain.stem}-{place.name}.img{PARTIAL}")
    _check_room(plain.path, to)
    with disk_errors(path):
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600)
    try:
        _copy(plain.path, partial)
        put_files(partial, place.files, offset=plain.offset)
        if form is Form.PACKED:
            partial = _pack(partial)
        rename_durably(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return path


def _copy(source: Path, to: Path) -> None:
    """By reference where the disk can, else only what is not empty."""
    run(["cp", "--reflink=auto", "--sparse=always", source, to], timeout=_SECONDS)


def _pack(path: Path) -> Path:
    """Two threads whatever the machine has: the block size decides the bytes, not the machine."""
    run(["xz", "-T2", "-1", "--force", "--suffix=.xz", path], timeout=_SECONDS)
    return path.with_name(f"{path.name}.xz")


def _check_room(source: Path, to: Path) -> None:
    needed = source.stat().st_blocks * 512
    if free_space(to) < needed + 2**26:
        raise NoRoom(
            f"{to} has no room for one more image of {needed // 2**20} MiB",
            hint="--esp-only makes a few MiB a site; `kexia image burn IMAGE --site …` none",
        )
