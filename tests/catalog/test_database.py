import sqlite3
from pathlib import Path

import pytest

from catalog.errors import CatalogueError
from catalog.tables.database import building, open_read_only, sqlite_errors
from sync.errors import MediumFailing, NoRoom

GOLDEN = Path(__file__).parents[1] / "golden" / "catalogue-1.sql"


def build(path: Path) -> Path:
    with building(path):
        pass
    return path


def test_migrations_are_named_and_run_once(tmp_path: Path) -> None:
    path = build(build(tmp_path / "catalog.db"))
    rows = open_read_only(path).execute("SELECT name FROM _sqlite_migrations").fetchall()
    assert rows == [("first tables",)]


def test_tables_are_those_of_the_golden_file(tmp_path: Path) -> None:
    """Whoever changes a table adds a migration and a golden file."""
    path = build(tmp_path / "catalog.db")
    rows = open_read_only(path).execute(
        "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite%' "
        "AND name NOT LIKE '_sqlite%' ORDER BY type, name"
    )
    assert "".join(f"{' '.join(sql.split())};\n" for (sql,) in rows) == GOLDEN.read_text("utf-8")


def test_a_reader_cannot_write_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = build(tmp_path / "catalog.db")
    connection = open_read_only(path)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM collection")
    assert [child.name for child in tmp_path.iterdir()] == ["catalog.db"]


def test_a_finished_file_needs_no_journal(tmp_path: Path) -> None:
    connection = open_read_only(build(tmp_path / "catalog.db"))
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_no_catalogue_and_a_damaged_one_are_told(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="unable to open") as told:
        open_read_only(tmp_path / "catalog.db")
    assert "build the catalogue anew" in told.value.hint
    path = build(tmp_path / "catalog.db")
    path.write_bytes(b"\0" * 100 + path.read_bytes()[100:])
    with pytest.raises(CatalogueError):
        open_read_only(path)


def test_a_failed_building_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="no such table"), building(tmp_path / "a.db") as db:
        db.execute("SELECT * FROM nowhere")


def write_too_much(path: Path) -> None:
    with building(path) as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
        connection.execute("CREATE TABLE big AS SELECT zeroblob(1000000)")


def test_a_full_disk_is_no_room(tmp_path: Path) -> None:
    with pytest.raises(NoRoom):
        write_too_much(tmp_path / "catalog.db")


def fail_reading(path: Path) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_READ
    with sqlite_errors(path):
        raise error


def test_a_failing_card_is_a_failing_medium(tmp_path: Path) -> None:
    with pytest.raises(MediumFailing, match="disk I/O error"):
        fail_reading(tmp_path / "catalog.db")
