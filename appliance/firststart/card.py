"""The card's FAT partition: the site file and its roots are read from it, secrets wiped from it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from appliance.firststart.site import FILE, MAX_SITE
from sync.files import disk_errors, sync_file, sync_folder, write_durably
from sync.trust.root import MAX_ROOT

NAMES = (FILE, f"{FILE}.txt")
"""The second is what an editor makes of the first where Windows hides what follows the dot."""


@dataclass(frozen=True, slots=True)
class Card:
    """The partition's mounted folder."""

    folder: Path

    def site_files(self) -> tuple[Path, ...]:
        """The site files by any of their names, whatever the letters' case."""
        with disk_errors(self.folder):
            try:
                named = {path: path.name.casefold() for path in sorted(self.folder.iterdir())}
            except (FileNotFoundError, NotADirectoryError):
                return ()
        return tuple(
            path for name in NAMES for path in named if named[path] == name and path.is_file()
        )

    def read_sites(self) -> tuple[bytes, ...]:
        """Each site file's bytes, at most one more than it may have."""
        return tuple(_read(path, MAX_SITE + 1) for path in self.site_files())

    def read_root(self, name: str) -> bytes | None:
        """A root beside the site file (``roots/43.root.json``); None if it is not there."""
        path = self.folder / name
        return _read(path, MAX_ROOT + 1) if path.is_file() else None

    def wipe(self, left: bytes) -> None:
        """Overwrite the site file where it lies, then put ``left`` in its place, both durably.

        Under other names there is none any more after that. A card's own controller may keep older
        blocks that no program can reach; that is why the Wi-Fi's pass phrase and the PIN can be
        changed, and why nothing here promises more.
        """
        files = self.site_files()
        for path in files[1:]:
            _remove(path)
        for path in files[:1]:
            _overwrite(path)
            write_durably(path, left)

    def remove(self, goes: Callable[[bytes], bool]) -> None:
        """Overwrite and remove the site files of whose bytes ``goes`` says so, durably."""
        for path in self.site_files():
            if goes(_read(path, MAX_SITE + 1)):
                _remove(path)


def _overwrite(path: Path) -> None:
    with disk_errors(path), path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
        sync_file(file)


def _remove(path: Path) -> None:
    _overwrite(path)
    with disk_errors(path):
        path.unlink()
        sync_folder(path.parent)


def _read(path: Path, most: int) -> bytes:
    with disk_errors(path), path.open("rb") as file:
        return file.read(most)
