"""What can be wrong with meaning, on top of what can be wrong with bytes."""

from sync.errors import InputRefused, KexiaError


class CatalogueError(KexiaError):
    """Base of the catalogue's own errors."""


class UnknownLesson(CatalogueError):
    """No lesson, textbook or collection of that id in this generation."""


class IndexDamaged(CatalogueError):
    """The search index fails its checks; it is rebuilt from the catalogue."""


class SheetRefused(InputRefused):
    """A metadata sheet or its folder has faults, all listed with row, column and cure."""
