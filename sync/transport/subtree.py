"""A repository inside another: what a publisher mirrors lies below a prefix, byte for byte."""

from collections.abc import Iterator

from sync.transport.base import Transport


class Subtree:
    """Reads ``<prefix>/<name>`` of ``inner``; ``prefix`` is relative (``mirrors/<id>/``)."""

    def __init__(self, inner: Transport, prefix: str) -> None:
        self._inner = inner
        self._prefix = prefix.strip("/")

    @property
    def label(self) -> str:
        """The inner source's, with the prefix."""
        return f"{self._inner.label}/{self._prefix}"

    def read(self, name: str, *, limit: int) -> bytes:
        """The whole file below the prefix."""
        return self._inner.read(f"{self._prefix}/{name}", limit=limit)

    def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:
        """``length`` bytes from ``offset`` of the file below the prefix."""
        return self._inner.stream(f"{self._prefix}/{name}", offset=offset, length=length)
