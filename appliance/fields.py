"""A TOML table read field by field, at the border: what nobody asked for is refused. Pure."""

from collections.abc import Iterable, Mapping
from enum import Enum

from sync.errors import UsageError

HINT = "mend kexia.toml, or see docs/box.md for its fields"


class Unknown(Enum):
    """What becomes of fields that nobody asked for."""

    REFUSED = "refused"
    """A slip of the pen is seen."""
    PASSED_OVER = "passed over"
    """Later code wrote the file."""


class Fields:
    """One table; each method raises UsageError for a field that is not as it must be."""

    def __init__(
        self, where: str, value: Mapping[str, object], unknown: Unknown = Unknown.REFUSED
    ) -> None:
        self._where, self._unknown = where, unknown
        self._left = dict(value)

    def text(self, name: str, default: str | None = None, *, least: int = 1) -> str:
        """A text of at least ``least`` letters."""
        value = self._left.pop(name, default)
        if not isinstance(value, str) or len(value.strip()) < least:
            raise self._wrong(name, "must be text")
        return value

    def flag(self, name: str, default: bool = False) -> bool:  # noqa: FBT001, FBT002 - its value
        """True or false."""
        value = self._left.pop(name, default)
        if not isinstance(value, bool):
            raise self._wrong(name, "must be true or false")
        return value

    def count(self, name: str, default: int, *, most: int) -> int:
        """A number from 0 to ``most``."""
        value = self._left.pop(name, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
            raise self._wrong(name, f"must be a number from 0 to {most}")
        return value

    def texts(self, name: str, default: Iterable[str] = ()) -> list[str]:
        """A list of texts."""
        value = self._left.pop(name, list(default))
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._wrong(name, "must be a list of texts")
        return value

    def table(self, name: str) -> "Fields":
        """A table; empty if it is not there."""
        value = self._left.pop(name, {})
        if not isinstance(value, dict):
            raise self._wrong(name, "must be a table")
        return Fields(f"{name}.", value, self._unknown)

    def tables(self, name: str) -> list["Fields"]:
        """A list of tables; empty if it is not there."""
        value = self._left.pop(name, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self._wrong(name, "must be a list of tables")
        return [
            Fields(f"{name}[{number}].", item, self._unknown) for number, item in enumerate(value)
        ]

    def end(self) -> None:
        """All fields have been asked for; raises UsageError for one that is left."""
        if self._left and self._unknown is Unknown.REFUSED:
            raise self._wrong(min(self._left), "is no field of this file")

    def _wrong(self, name: str, what: str) -> UsageError:
        return UsageError(f"{self._where}{name} {what}", hint=HINT)
