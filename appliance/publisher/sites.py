"""A folder as one site: whether its names make a lawful list, before a file of it is read."""

from pathlib import Path

from catalog.sheets.folder import SiteFolder, read_site
from sync.errors import Fault, InputRefused


def check_site(folder: Path, found: SiteFolder) -> None:
    """Raise InputRefused with all faults of a folder that shall be one site."""
    if faults := _faults(folder, found):
        raise InputRefused(f"{folder}: no site", faults=faults)


def site_faults(folder: Path) -> tuple[Fault, ...]:
    """The faults of a folder that shall be one site."""
    return _faults(folder, read_site(folder))


def _faults(folder: Path, found: SiteFolder) -> tuple[Fault, ...]:
    return tuple(Fault(str(folder), each.what, each.cure) for each in found.problems)
