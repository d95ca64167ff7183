"""From what a person writes (a URL or a folder) to the transport that reads it."""

from pathlib import Path

from sync.errors import UsageError
from sync.transport.base import Transport
from sync.transport.http import CertificateDates, HttpTransport
from sync.transport.volume import VolumeTransport


def open_transport(
    location: str | Path,
    *,
    agent: str = "kexia",
    dates: CertificateDates = CertificateDates.CHECK,
) -> Transport:
    """``http(s)://…`` or a folder; raises UsageError for any other scheme.

    ``agent`` is the User-Agent; ``dates`` matters for https only.
    """
    text = str(location)
    if text.startswith(("http://", "https://")):
        return HttpTransport(text, agent=agent, dates=dates)
    if "://" in text:
        raise UsageError(
            f"{text[:120]!r}: this kind of address is not known",
            hint="give an http:// or https:// URL, or a folder",
        )
    return VolumeTransport(Path(location))
