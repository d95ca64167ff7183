"""A stick's folder or a ``.kexia`` file, to be read by who trusts neither."""

from collections.abc import Iterator
from pathlib import Path

from appliance.technician.listing import Found, Kind, walk
from sync.errors import NotThere
from sync.stick import note as notes
from sync.stick.layout import NOTE, ROOT
from sync.stick.note import Note
from sync.transport.archive import ArchiveTransport
from sync.transport.base import Transport
from sync.transport.volume import VolumeTransport


class Medium:
    """What a stick is, whichever way it came."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._archive = ArchiveTransport(path) if path.is_file() else None
        self.transport: Transport = self._archive or VolumeTransport(path)

    def found(self) -> Iterator[Found]:
        """Everything in our folder but the way back.

        Raises InputRefused, MediumFailing; of an archive NoSource if it is cut off, FormatError.
        """
        if self._archive is None:
            yield from walk(self._path, ROOT)
            return
        for name, member in self._archive.members.items():
            if name.startswith(f"{ROOT}/"):
                yield Found(name, Kind.FILE, member.size)

    def note(self) -> Note | None:
        """What the medium says of itself; None if it says nothing. Raises FormatError."""
        try:
            return notes.decode(self.transport.read(NOTE, limit=notes.MAX_NOTE))
        except NotThere:
            return None
