"""What teachers made, copied out of ``state.db`` for a backup, and put back on a new card.

SQLite's own backup copies a consistent state while ``serve`` goes on writing.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from appliance.state import ACCESS, BUSY_SECONDS, MIGRATIONS, StateDamaged
from sync.errors import FormatError, LeaseHeld, UsageError
from sync.files import make_folder, rename_durably, write_durably

_OURS = ("migration", *ACCESS)
"""Tables that say nothing of what teachers made."""
_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"


def snapshot(database: Path, scratch: Path, *, limit: int) -> bytes | None:
    """The bytes of a consistent copy; None if there is nothing in it to lose.

    Raises UsageError above ``limit`` bytes, StateDamaged if it cannot be read.
    """
    if not database.exists():
        return None
    make_folder(scratch)
    copy = scratch / "state.copy"
    copy.unlink(missing_ok=True)
    try:
        with closing(_opened(database, "ro")) as source:
            if not holds_work(source):
                return None
            with closing(sqlite3.connect(copy)) as target:
                source.backup(target)
                _forget_access(target)
                target.execute("PRAGMA journal_mode = DELETE")
        return _bounded(copy, limit)
    except sqlite3.Error as error:
        hint = "restore it from the last backup"
        raise StateDamaged(f"{database}: {error}", hint=hint) from error
    finally:
        copy.unlink(missing_ok=True)


def _forget_access(copy: sqlite3.Connection) -> None:
    """Who may change the box stays on the box: overwritten, not only unlinked."""
    copy.execute("PRAGMA secure_delete = ON")
    known = {name for (name,) in copy.execute(_TABLES)}
    for table in (name for name in ACCESS if name in known):
        copy.execute(f"DELETE FROM {table}")  # noqa: S608 - a name of ours
    copy.commit()


def _bounded(copy: Path, limit: int) -> bytes:
    size = copy.stat().st_size
    if size > limit:
        raise UsageError(
            f"what teachers made takes {size} bytes, a backup holds at most {limit}",
            hint="copy state.db by hand while the box is off",
        )
    return copy.read_bytes()


def holds_work(connection: sqlite3.Connection) -> bool:
    """True if any table but our own has a row."""
    names = [name for (name,) in connection.execute(_TABLES) if name not in _OURS]
    return any(
        connection.execute(f'SELECT 1 FROM "{name}" LIMIT 1').fetchone()  # noqa: S608 - from the schema
        for name in names
    )


def put_back(data: bytes, database: Path) -> None:
    """Make ``data`` the box's ``state.db``. Raises UsageError if there is work in the present one,
    LeaseHeld if somebody has it open, FormatError if ``data`` is no whole database of ours.
    """
    _refuse_used(database)
    beside = database.with_name(f"{database.name}.restored")
    write_durably(beside, data, mode=0o640)
    try:
        _check(beside)
        for suffix in ("-wal", "-shm"):
            database.with_name(database.name + suffix).unlink(missing_ok=True)
        rename_durably(beside, database)
    finally:
        beside.unlink(missing_ok=True)


def _refuse_used(database: Path) -> None:
    if not database.exists():
        return
    try:
        with closing(_opened(database, "rw")) as connection:
            # others that have it open hold a shared lock, so the exclusive one is refused
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("BEGIN IMMEDIATE")
            is_used = holds_work(connection)
    except sqlite3.OperationalError as error:
        raise LeaseHeld(
            f"{database} is in use ({error})", hint="stop the box (kexia box run), then try again"
        ) from error
    except sqlite3.DatabaseError:
        return  # damaged: what is restored is better
    if is_used:
        raise UsageError(
            f"{database} holds work of its own", hint="restore onto a new card, or a new box"
        )


def _check(database: Path) -> None:
    try:
        with closing(_opened(database, "ro")) as connection:
            [(found,)] = connection.execute("PRAGMA integrity_check(1)").fetchall()
            known = connection.execute("SELECT name FROM migration").fetchall()
    except (sqlite3.Error, ValueError) as error:
        raise FormatError(f"the backup holds no database of a box ({error})") from error
    if found != "ok":
        raise FormatError(f"the backup holds a damaged database ({found})")
    if unknown := {name for (name,) in known} - {each.name for each in MIGRATIONS}:
        raise FormatError(
            f"the backup is of a newer box (it knows {min(unknown)})",
            hint="update this box's system, then restore",
        )


def _opened(database: Path, mode: str) -> sqlite3.Connection:
    uri = f"{database.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
