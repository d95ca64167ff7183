"""What the first start noted, read from the box's folder: for itself, the screen and the doctor."""

from appliance.firststart.note import MAX_NOTE, Note, decode
from appliance.paths import BoxPaths
from sync.errors import FormatError
from sync.files import read_bounded


def read_note(paths: BoxPaths) -> Note:
    """An empty note where nothing was noted, or nothing that can be read."""
    try:
        return decode(read_bounded(paths.first_start, MAX_NOTE))
    except (FormatError, OSError):
        return Note()
