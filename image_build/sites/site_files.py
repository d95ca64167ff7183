"""A site as it was made for one teaching point: its files for the card's ESP, checked."""

from pathlib import Path

from appliance.firststart.site import FILE, MAX_SITE, ROOTS, read_site
from sync.errors import UsageError
from sync.trust.root import MAX_ROOT

SITES = "sites"
"""Folder of `kexia image new` that has a folder for each site."""


def site_files(place: Path) -> dict[str, bytes]:
    """Files by their path on the ESP: site.toml and the roots it names.

    ``place``: the site's file, or the folder it lies in; roots lie beside the file or one folder
    further up. Raises UsageError, InputRefused with every fault of the file.
    """
    file = next((one for one in _candidates(place) if one.is_file()), None)
    if file is None:
        raise UsageError(
            f"{place} is no site: there is no {FILE}",
            hint="give a site of the folder that `kexia image new` made (FOLDER/NAME)",
        )
    data = _read(file, MAX_SITE)
    files = {FILE: data}
    for publisher in read_site(data).publishers:
        files[publisher.root] = _root(file, publisher.root)
    return files


def _candidates(place: Path) -> tuple[Path, ...]:
    """``FOLDER/NAME`` means ``FOLDER/sites/NAME`` as well."""
    return (place / FILE, place.parent / SITES / place.name / FILE, place)


def _root(file: Path, name: str) -> bytes:
    for folder in (file.parent, file.parent.parent):
        if (path := folder / name).is_file():
            return _read(path, MAX_ROOT)
    raise UsageError(
        f"{file} names {name}, which is not there",
        hint=f"lay the publisher's 1.root.json into a folder {ROOTS} beside it, under this name",
    )


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    if len(data) > limit:
        raise UsageError(f"{path} is longer than {limit} bytes")
    return data
