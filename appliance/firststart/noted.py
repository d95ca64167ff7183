"""What the first start left in the box's folder: for itself, the screen, the doctor, a sync."""

from appliance.firststart.note import MAX_NOTE, Note, decode
from appliance.firststart.site import MAX_SITE, Site, read_site
from appliance.paths import BoxPaths
from sync.errors import FormatError, InputRefused
from sync.files import read_bounded


def read_note(paths: BoxPaths) -> Note:
    """An empty note where nothing was noted, or nothing that can be read."""
    try:
        return decode(read_bounded(paths.first_start, MAX_NOTE))
    except (FormatError, OSError):
        return Note()


def read_site_of(paths: BoxPaths) -> Site | None:
    """The site this box was set up for, without secrets; None: it has defaults."""
    try:
        return read_site(read_bounded(paths.site, MAX_SITE + 1))
    except (OSError, InputRefused):
        return None
