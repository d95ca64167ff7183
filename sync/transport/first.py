"""Several sources of the same repository: each file from the first that has it."""

from collections.abc import Iterator, Sequence

from sync.errors import KexiaError, MediumFailing, NoSource, NotThere
from sync.transport.base import Transport


class FirstOf:
    """Asks ``sources`` in their order, for every file anew.

    A source that lacks a file, is silent or fails is passed over. When all were, raises the
    most telling error: a failing medium before a silent source before a missing file.
    """

    def __init__(self, sources: Sequence[Transport]) -> None:
        if not sources:
            raise ValueError("FirstOf needs a source")
        self._sources = tuple(sources)

    @property
    def label(self) -> str:
        """All labels."""
        return ", ".join(source.label for source in self._sources)

    def read(self, name: str, *, limit: int) -> bytes:
        """The whole file from the first source that has it."""
        errors: list[KexiaError] = []
        for source in self._sources:
            try:
                return source.read(name, limit=limit)
            except (NoSource, MediumFailing) as error:
                errors.append(error)
        raise most_telling(errors)

    def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:
        """``length`` bytes from ``offset``; where one source breaks off the next goes on."""
        errors: list[KexiaError] = []
        done = 0
        for source in self._sources:
            try:
                for block in source.stream(name, offset=offset + done, length=length - done):
                    done += len(block)
                    yield block
            except (NoSource, MediumFailing) as error:
                errors.append(error)
            else:
                return
        raise most_telling(errors)


def most_telling(errors: list[KexiaError]) -> KexiaError:
    """Of several sources' errors: a failing medium, else a silent source, else a missing file."""

    def weight(error: KexiaError) -> int:
        return 2 * isinstance(error, MediumFailing) + (not isinstance(error, NotThere))

    return max(errors, key=weight)
