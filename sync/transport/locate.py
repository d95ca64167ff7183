"""From what a person writes (a URL, a folder, a ``.kexia`` file) to the transport that reads it."""

from pathlib import Path

from sync.errors import UsageError
from sync.transport.address import is_web
from sync.transport.archive import ArchiveTransport
from sync.transport.base import Transport
from sync.transport.http import HttpTransport
from sync.transport.volume import VolumeTransport
from sync.transport.web import Web


def open_transport(location: str | Path, *, web: Web | None = None) -> Transport:
    """``http(s)://…``, a folder, or a ``.kexia`` file; raises UsageError for any other scheme.

    ``web`` is how web servers are reached; one for several locations shares its connections.
    """
    text = str(location)
    if is_web(text):
        return HttpTransport(text, web=web)
    if "://" in text:
        raise UsageError(
            f"{text[:120]!r}: this kind of address is not known",
            hint="give an http:// or https:// URL, a folder or a .kexia file",
        )
    path = Path(location)
    return ArchiveTransport(path) if path.is_file() else VolumeTransport(path)
