"""``kexia image new``: from a list of sites, or from answers, to an image's TOML and its sites."""

import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.cli.command import command
from appliance.cli.console import Json, result
from sync.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from image_build.sites.sheet import Row
    from sync.errors import Fault


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    command(app)(new)


def new(
    sheet: Annotated[
        Path | None,
        typer.Argument(metavar="SHEET", help="List of sites, CSV or XLSX; none: you are asked."),
    ] = None,
    to: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where image.toml and the sites go.")
    ] = None,
    example: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write an empty sheet (.csv, .xlsx) and stop."),
    ] = None,
    example_timetable: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a timetable that shows how (.csv, .xlsx); stop."),
    ] = None,
    board: Annotated[str, typer.Option(help="The machine it is for: amd64, pi.")] = "amd64",
    suite: Annotated[str, typer.Option(help="Debian's suite: bookworm, trixie.")] = "bookworm",
    name: Annotated[str, typer.Option(help="How the image's files begin.")] = "kexia",
    authority: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Who may sign system updates; without: nobody."),
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Accept publishers with demo keys: for trials only.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make an image's TOML and a site file for each row; again keeps the secrets made before.

    Every fault of the sheet is named by row and column, and nothing is written (3). Pass phrases
    and PINs that the sheet does not give are made; `kexia image site` prints them on cards.
    """
    if example is not None or example_timetable is not None:
        _write_examples(example, example_timetable, as_json=as_json)
        return
    if to is None:
        raise UsageError("where to?", hint="kexia image new SHEET --to FOLDER")
    from image_build.builder.boards import boards, suites
    from image_build.sites.new import ImageWish, Maker, make_sites, says_demo, write_image
    from sync.trust import DemoKeys

    keys = DemoKeys.ACCEPT if demo else DemoKeys.REFUSE
    _one_of("board", board, boards())
    _one_of("suite", suite, suites())
    rows, notes, base = _read(sheet)
    was_demo = says_demo(to)
    made = make_sites(rows, to, Maker(base, secrets.randbelow, keys))
    version = f"{datetime.now(UTC):%Y.%m.%d}.1"
    image = write_image(to, ImageWish(name, board, suite, version, authority), made, keys)
    value: dict[str, object] = {
        "image": str(image),
        "sites": [one.folder for one in made.sites],
        "new": [one.folder for one in made.sites if one.is_new],
        "no_longer_listed": list(made.left),
        "demo": demo,
        "notes": [str(note) for note in (*notes, *made.notes)],
    }
    lines = [f"{image}: {len(made.sites)} sites in {to / 'sites'}"]
    lines += [f"note: {note}" for note in (*notes, *made.notes)]
    if was_demo and not demo:
        lines.append("note: demo = true was taken out: these boxes refuse demo keys (else: --demo)")
    if "\nca = " not in image.read_text(encoding="utf-8"):
        lines.append("note: without --authority these boxes take no system updates")
    lines += [f"note: {name} is not in the list any more; it stays" for name in made.left]
    lines.append(f"next: kexia image build {image} --to IMAGES")
    result(value, as_json=as_json, text=lambda: "\n".join(lines))


def _one_of(what: str, name: str, known: "Mapping[str, object]") -> None:
    if name not in known:
        raise UsageError(f"--{what} cannot be {name!r}", hint=f"one of {', '.join(known)}")


def _read(sheet: Path | None) -> "tuple[tuple[Row, ...], tuple[Fault, ...], Path]":
    from appliance.cli.sheets import sheet_bytes
    from image_build.sites.sheet import read_sites

    if sheet is None:
        return _asked(), (), Path()
    data = sheet_bytes(sheet, "kexia image new --example sites.xlsx writes one")
    reading = read_sites(data, sheet.name)
    return reading.rows, reading.notes, sheet.parent


QUESTIONS = (
    ("name", "教学点名称 Name of the teaching point"),
    ("code", "县代码 County code (430121)"),
    ("grades", "年级 Grades (一至三年级)"),
    ("subjects", "学科 Subjects (音乐;美术;英语)"),
    ("network", "联网方式 Network (热点 own Wi-Fi, 无线 join a Wi-Fi, 有线 cable)"),
    ("ssid", "Wi-Fi名称 Wi-Fi name (empty: made)"),
    ("passphrase", "Wi-Fi密码 Wi-Fi pass phrase (empty: made)"),
    ("address", "有线地址 Fixed address (empty: automatic)"),
    ("roots", "发布者根文件 Publisher's root file (43.root.json)"),
    ("urls", "发布网址 Its address (https://…)"),
    ("collections", "资源 Collections (43/music-1a;43/art-1a)"),
    ("timetable", "课程表 Timetable, a file (kebiao.xlsx; empty: none)"),
)


def _asked() -> "tuple[Row, ...]":
    from image_build.sites.sheet import Row

    if not sys.stdin.isatty():
        raise UsageError(
            "no list of sites, and nobody is here to answer",
            hint="kexia image new SHEET --to FOLDER; --example sites.xlsx writes an empty one",
        )
    answers = {key: str(typer.prompt(f"{text}\n", default="")).strip() for key, text in QUESTIONS}
    return (Row("your answers", {key: text for key, text in answers.items() if text}, {}),)


def _write_examples(sites: Path | None, timetable: Path | None, *, as_json: bool) -> None:
    from appliance.timetable import sheet as timetables
    from image_build.sites import sheet as lists

    value: dict[str, object] = {}
    lines: list[str] = []
    if sites is not None:
        _write_example(sites, lists.example)
        value["example"] = str(sites)
        lines.append(f"{sites}: replace its example row\nnext: kexia image new {sites} --to FOLDER")
    if timetable is not None:
        _write_example(timetable, timetables.example)
        value["example_timetable"] = str(timetable)
        lines.append(f"{timetable}: one week; name it in the column 课程表 of the list of sites")
    result(value, as_json=as_json, text=lambda: "\n".join(lines))


def _write_example(path: Path, example: "Callable[[str], bytes]") -> None:
    from sync.files import write_durably

    if path.suffix.lower() not in (".csv", ".xlsx"):
        raise UsageError(f"{path} is neither .csv nor .xlsx", hint="like sites.xlsx")
    if path.exists():
        raise UsageError(f"{path} is there already", hint="choose another name")
    write_durably(path, example(path.suffix))
