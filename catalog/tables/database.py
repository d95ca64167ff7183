"""Where meaning is kept: the catalogue's tables, their migrations, and how SQLite is opened.

A catalogue is built beside by one writer (``ingest``), then never changed: readers open it
immutable, without locks or journal. This is the only door to sqlite-utils.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from catalog.errors import CatalogueError
from sync.errors import KexiaError, MediumFailing, NoRoom

if TYPE_CHECKING:
    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations

READ_CACHE = 2 * 1024
"""KiB of pages a reader keeps; the kernel's page cache does the rest."""

WRITE_CACHE = 32 * 1024
"""KiB of pages the builder keeps."""

_FIRST_TABLES = (
    """CREATE TABLE collection (
        id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE, publisher TEXT NOT NULL,
        title TEXT NOT NULL, edition INTEGER NOT NULL, revision TEXT NOT NULL,
        lessons INTEGER NOT NULL) STRICT""",
    # A series is what a collection has outside textbooks; its code is the collection's.
    """CREATE TABLE textbook (
        id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE,
        collection INTEGER NOT NULL REFERENCES collection (id), kind TEXT NOT NULL,
        title TEXT NOT NULL, stage TEXT NOT NULL, grade TEXT NOT NULL, subject TEXT NOT NULL,
        press TEXT NOT NULL, book TEXT NOT NULL, syllabus TEXT NOT NULL,
        lessons INTEGER NOT NULL) STRICT""",
    # position: the order of reading, depth first, so that a tree is one sorted pass.
    """CREATE TABLE chapter (
        id INTEGER PRIMARY KEY, textbook INTEGER NOT NULL REFERENCES textbook (id),
        code TEXT NOT NULL, parent INTEGER, title TEXT NOT NULL, depth INTEGER NOT NULL,
        position INTEGER NOT NULL) STRICT""",
    # Lessons that stand at the same places share a shelf; counting lessons is counting shelves.
    """CREATE TABLE shelf (
        id INTEGER PRIMARY KEY, places TEXT NOT NULL UNIQUE, lessons INTEGER NOT NULL) STRICT""",
    """CREATE TABLE place (
        shelf INTEGER NOT NULL REFERENCES shelf (id), stage TEXT NOT NULL, grade TEXT NOT NULL,
        subject TEXT NOT NULL, press TEXT NOT NULL, book TEXT NOT NULL) STRICT""",
    """CREATE TABLE lesson (
        id INTEGER PRIMARY KEY, code TEXT NOT NULL UNIQUE,
        collection INTEGER NOT NULL REFERENCES collection (id),
        shelf INTEGER NOT NULL REFERENCES shelf (id),
        title TEXT NOT NULL, folded TEXT NOT NULL, language TEXT NOT NULL,
        teacher TEXT NOT NULL, school TEXT NOT NULL, province TEXT NOT NULL,
        program TEXT NOT NULL, package_type TEXT NOT NULL, class_hour INTEGER,
        duration TEXT NOT NULL, roles TEXT NOT NULL, keywords TEXT NOT NULL,
        path TEXT NOT NULL, pieces TEXT NOT NULL, summary TEXT NOT NULL) STRICT""",
    """CREATE TABLE lesson_chapter (
        textbook INTEGER NOT NULL REFERENCES textbook (id), position INTEGER NOT NULL,
        lesson INTEGER NOT NULL REFERENCES lesson (id), chapter INTEGER REFERENCES chapter (id),
        PRIMARY KEY (textbook, position)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE textbook_shelf (
        textbook INTEGER NOT NULL REFERENCES textbook (id),
        shelf INTEGER NOT NULL REFERENCES shelf (id), lessons INTEGER NOT NULL,
        PRIMARY KEY (textbook, shelf)) STRICT, WITHOUT ROWID""",
    """CREATE TABLE resource (
        id INTEGER PRIMARY KEY, lesson INTEGER NOT NULL REFERENCES lesson (id),
        digest BLOB NOT NULL, size INTEGER NOT NULL, role TEXT NOT NULL, format TEXT NOT NULL,
        title TEXT NOT NULL, language TEXT NOT NULL, duration TEXT NOT NULL,
        licence TEXT NOT NULL, provider TEXT NOT NULL, authorised_scope TEXT NOT NULL,
        reviewed_by TEXT NOT NULL, subtitle_of BLOB) STRICT""",
    """CREATE TABLE suggestion (
        key TEXT NOT NULL, lesson INTEGER NOT NULL REFERENCES lesson (id),
        PRIMARY KEY (key, lesson)) STRICT, WITHOUT ROWID""",
    "CREATE INDEX textbook_by_collection ON textbook (collection)",
    "CREATE INDEX chapter_by_textbook ON chapter (textbook, position)",
    "CREATE INDEX place_by_shelf ON place (shelf)",
    "CREATE INDEX lesson_by_collection ON lesson (collection)",
    "CREATE INDEX lesson_by_shelf ON lesson (shelf)",
    "CREATE INDEX lesson_chapter_by_lesson ON lesson_chapter (lesson)",
    "CREATE INDEX resource_by_lesson ON resource (lesson)",
    "CREATE INDEX resource_by_digest ON resource (digest)",
)


def open_read_only(path: Path) -> sqlite3.Connection:
    """A finished catalogue; raises CatalogueError if there is none or it is damaged."""
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    with sqlite_errors(path):
        # The file never changes, so a reader may hand its connection to another thread.
        connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
        connection.execute(f"PRAGMA cache_size = -{READ_CACHE:d}")
        connection.execute("SELECT count(*) FROM collection").fetchone()
    return connection


@contextmanager
def building(path: Path) -> Iterator[sqlite3.Connection]:
    """A catalogue being built in one transaction: migrated before, analysed after.

    No journal and no syncing: when it fails the file is of no use and the caller drops it.
    """
    with sqlite_errors(path), closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(f"PRAGMA cache_size = -{WRITE_CACHE:d}")
        _migrate(connection)
        connection.execute("BEGIN")
        yield connection
        connection.execute("COMMIT")
        connection.execute("ANALYZE")
        connection.execute("PRAGMA journal_mode = DELETE")


@contextmanager
def sqlite_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours: full disk (6), failing medium (8), damaged catalogue (1)."""
    try:
        yield
    except sqlite3.Error as error:
        raise _error(path, error) from error


def _error(path: Path, error: sqlite3.Error) -> KexiaError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return NoRoom(f"{path}: no room left on the disk", hint="free some space, then try again")
    if code == sqlite3.SQLITE_IOERR:
        return MediumFailing(f"{path}: {error}", hint="the disk or card is failing; replace it")
    return CatalogueError(
        f"{path}: {error}", hint="build the catalogue anew from the feeds the box holds"
    )


def _migrate(connection: sqlite3.Connection) -> None:
    if _applied(connection) == list(_MIGRATIONS):
        return
    # sqlite-utils is 12 MB of memory and more CPU than a small update: serve, which only reads,
    # must not pay for it, nor a night whose catalogue has all its tables.
    from sqlite_utils import Database

    _migrations().apply(Database(connection, execute_plugins=False))


def _applied(connection: sqlite3.Connection) -> list[str]:
    """Names of the migrations this catalogue has had, in their order."""
    try:
        rows = connection.execute(
            "SELECT name FROM _sqlite_migrations WHERE migration_set = ? ORDER BY id", (_SET,)
        )
    except sqlite3.OperationalError:  # no such table: a new catalogue
        return []
    return [name for (name,) in rows]


def _migrations() -> "Migrations":
    from sqlite_utils.migrations import Migrations

    migrations = Migrations(_SET)
    for name, statements in _MIGRATIONS.items():

        @migrations(name=name)
        def _(database: "Database", statements: tuple[str, ...] = statements) -> None:
            for statement in statements:
                database.execute(statement)

    return migrations


_SET = "catalogue"
_MIGRATIONS = {"first tables": _FIRST_TABLES}
"""Statements by the migration's name, oldest first."""
