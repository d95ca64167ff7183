"""Results as plain JSON values, the same way for every command."""

from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def plain_object(value: "DataclassInstance") -> dict[str, object]:
    """The fields of a dataclass."""
    return {each.name: plain(getattr(value, each.name)) for each in fields(value)}


def plain(value: object) -> object:
    """Dataclasses become objects, paths and times texts; what JSON knows stays as it is."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain_object(value)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return _text(value)


def _text(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Path) else value
