"""The card's FAT partition: the site file and its roots are read from it, secrets wiped from it."""

from dataclasses import dataclass
from pathlib import Path

from appliance.firststart.site import FILE, MAX_SITE
from sync.files import disk_errors, sync_file, write_durably
from sync.trust.root import MAX_ROOT

NAMES = (FILE, f"{FILE}.txt")
"""The second is what an editor makes of the first where Windows hides what follows the dot."""


@dataclass(frozen=True, slots=True)
class Card:
    """The partition's mounted folder."""

    folder: Path

    def site_file(self) -> Path | None:
        """The site file, whatever its letters' case; None: there is none."""
        with disk_errors(self.folder):
            try:
                names = {path.name.casefold(): path for path in self.folder.iterdir()}
            except (FileNotFoundError, NotADirectoryError):
                return None
        known = (names[name] for name in NAMES if name in names)
        return next((path for path in known if path.is_file()), None)

    def read_site(self) -> bytes | None:
        """The site file's bytes, one more than it may have at most; None: there is none."""
        path = self.site_file()
        return None if path is None else _read(path, MAX_SITE + 1)

    def read_root(self, name: str) -> bytes | None:
        """A root beside the site file (``roots/43.root.json``); None if it is not there."""
        path = self.folder / name
        return _read(path, MAX_ROOT + 1) if path.is_file() else None

    def wipe(self, left: bytes) -> None:
        """Overwrite the site file where it lies, then put ``left`` in its place, both durably.

        A card's own controller may keep older blocks that no program can reach; that is why the
        Wi-Fi's pass phrase and the PIN can be changed, and why nothing here promises more.
        """
        path = self.site_file()
        if path is None:
            return
        with disk_errors(path), path.open("r+b") as file:
            file.write(bytes(path.stat().st_size))
            sync_file(file)
        write_durably(path, left)


def _read(path: Path, most: int) -> bytes:
    with disk_errors(path), path.open("rb") as file:
        return file.read(most)
