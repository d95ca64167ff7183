"""A sheet that somebody names on the command line: its bytes, or one line on why there are none."""

from pathlib import Path

from catalog.sheets.table import MAX_FILE
from sync.errors import UsageError
from sync.files import read_bounded


def sheet_bytes(sheet: Path, hint: str) -> bytes:
    """No more than one byte beyond what is read; raises UsageError with ``hint``."""
    try:
        return read_bounded(sheet, MAX_FILE + 1)
    except OSError as error:
        raise UsageError(f"{sheet}: {error.strerror}", hint=hint) from error
