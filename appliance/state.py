"""state.db: what teachers make (classes, lists, usage); in no generation, in every backup.

It belongs to ``serve``. A power cut must not cost what a teacher saw confirmed: write-ahead log,
synchronous=FULL. Its tables come with the features that need them, each as a named migration.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.folder import VERSION, judge
from sync.errors import KexiaError, MediumFailing, NoRoom
from sync.files import make_folder

BUSY_SECONDS = 5.0
"""How long one connection waits for another's write."""
ACCESS = ("admin_pin", "admin_session")
"""Tables that say who may change this box: of this box alone, so in no backup."""
_RECORD = """CREATE TABLE IF NOT EXISTS migration (
    name TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE) STRICT, WITHOUT ROWID"""


class StateDamaged(KexiaError):
    """state.db cannot be read; the lessons are served all the same."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the tables; applied once, in order, each in its own transaction."""

    name: str
    statements: tuple[str, ...]


MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "the administrator's PIN, and who gave it",
        (
            "CREATE TABLE admin_pin (id INTEGER PRIMARY KEY CHECK (id = 1), hash TEXT NOT NULL)"
            " STRICT",
            "CREATE TABLE admin_session (token TEXT PRIMARY KEY, began INTEGER NOT NULL)"
            " STRICT, WITHOUT ROWID",
        ),
    ),
)


def open_state(path: Path, *, migrations: Sequence[Migration] = MIGRATIONS) -> sqlite3.Connection:
    """Open state.db, made and brought up to date where needed; the caller closes it.

    Raises StateDamaged, NoRoom or MediumFailing, and TooNew for one of a later box.
    """
    make_folder(path.parent)
    try:
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            _prepare(connection, migrations)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise _error(path, error) from error
    return connection


def _prepare(connection: sqlite3.Connection, migrations: Sequence[Migration]) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    judge(version, "state.db")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(_RECORD)
    for number, migration in enumerate(migrations):
        _apply(connection, migration, number)
    if version < VERSION:
        connection.execute(f"PRAGMA user_version = {VERSION}")


def _apply(connection: sqlite3.Connection, migration: Migration, number: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        known = connection.execute(
            "SELECT 1 FROM migration WHERE name = ?", [migration.name]
        ).fetchone()
        for statement in () if known else migration.statements:
            connection.execute(statement)
        if not known:
            connection.execute("INSERT INTO migration VALUES (?, ?)", [migration.name, number])
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _error(path: Path, error: sqlite3.Error) -> KexiaError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return NoRoom(f"{path}: no room left on the disk", hint="free some space, then try again")
    if code == sqlite3.SQLITE_IOERR:
        return MediumFailing(f"{path}: {error}", hint="the disk or card is failing; replace it")
    return StateDamaged(
        f"{path}: {error}", hint="restore it from the backup; the lessons are not concerned"
    )
