"""``kexia box timetable``: the week of this point, shown, taken from a sheet, or forgotten."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.cli.command import command
from appliance.cli.console import Json, result
from appliance.config import BoxPaths
from sync.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from appliance.timetable.week import Period
    from sync.errors import Fault


def add_to(app: typer.Typer) -> None:
    """Add the command to the group ``box``."""
    command(app)(timetable)


def timetable(
    box: Annotated[Path, typer.Argument(metavar="BOX", help="The box's folder.")],
    sheet: Annotated[
        Path | None,
        typer.Argument(metavar="[SHEET]", help="The week, CSV, XLSX or ODS; none: show it."),
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Forget the week.")] = False,
    as_json: Json = False,
) -> None:
    """Show the week of this box's school, or take it from a sheet; pages show it at once.

    `kexia image new --example-timetable FILE` writes a sheet that shows how. What is taught decides
    what comes first where bytes do not suffice. A faulty sheet changes nothing (3).
    """
    from appliance.config import load as load_config
    from appliance.timetable import keep

    paths = BoxPaths(box)
    load_config(paths)  # no box: says so
    if clear and sheet is not None:
        raise UsageError("a sheet and --clear", hint="give one of the two")
    notes: tuple[Fault, ...] = ()
    if clear:
        keep.forget(paths)
    elif sheet is not None:
        notes = _take(paths, sheet)
    week = keep.load(paths)
    value: dict[str, object] = {"timetable": _plain(week), "notes": [str(note) for note in notes]}
    lines = [f"note: {note}" for note in notes]
    lines += _lines(week) or ["no timetable: kexia box timetable BOX SHEET"]
    result(value, as_json=as_json, text=lambda: "\n".join(lines))


def _take(paths: BoxPaths, sheet: Path) -> "tuple[Fault, ...]":
    from appliance.cli.sheets import sheet_bytes
    from appliance.firststart.noted import read_site_of
    from appliance.timetable import keep
    from appliance.timetable.sheet import read_timetable

    data = sheet_bytes(sheet, "kexia image new --example-timetable kebiao.xlsx writes one")
    site = read_site_of(paths)
    grades = [f"g{grade}" for grade in site.grades] if site else []
    reading = read_timetable(data, sheet.name, grades)
    keep.save(paths, reading.week)
    return reading.notes


def _plain(week: "Sequence[Period]") -> list[dict[str, object]]:
    from appliance.timetable.week import week_tables

    return week_tables(week)


def _lines(week: "Sequence[Period]") -> list[str]:
    from appliance.timetable.week import DAY_LETTERS
    from catalog import codes

    def taught(one: "Period") -> str:
        return "；".join(
            codes.name("grade", each.grade) + codes.name("subject", each.subject)
            for each in one.taught
        )

    return [f"星期{DAY_LETTERS[one.day - 1]} {one.begin}-{one.end} {taught(one)}" for one in week]
