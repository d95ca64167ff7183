"""``kexia box doctor``: what is wrong with this box and what to do, on one page."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.cli.command import command
from appliance.cli.console import Json, result
from appliance.config import BoxPaths

if TYPE_CHECKING:
    from appliance.doctor.deep import Asker
    from appliance.doctor.findings import Finding

MARKS = {3: "✗", 2: "!", 1: "·"}


def add_to(app: typer.Typer) -> None:
    """Add the command to the group ``box``."""
    command(app)(doctor)


def doctor(
    box: Annotated[Path, typer.Argument(metavar="BOX", help="The box's folder.")],
    quick: Annotated[
        bool, typer.Option("--quick", help="Ask neither the network nor the publishers.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say what is wrong with this box and what to do, in Chinese and English, on one page.

    The exit code is that of the worst: 8 the card or disk, 6 no room, 4 no line to the
    publishers, 9 anything else that needs somebody, 0 nothing, or notes only. Nothing is sent
    anywhere; as root it sees more.
    """
    from appliance.doctor.findings import exit_code
    from appliance.doctor.programme import found

    what = found(BoxPaths(box), datetime.now(UTC), None if quick else _asker())
    code = exit_code(what)
    result(
        {"findings": [_value(one) for one in what], "exit_code": code},
        as_json=as_json,
        text=lambda: "\n".join(page(what)),
    )
    if code:
        raise typer.Exit(code)


def _asker() -> "Asker":
    from appliance.doctor.deep import Asker

    return Asker()


def page(what: "tuple[Finding, ...]") -> list[str]:
    """The page, as lines."""
    if not what:
        return ["一切正常。", "Everything that could be measured is well."]
    lines: list[str] = []
    for one in what:
        detail = f"  ({one.detail})" if one.detail else ""
        for language in ("zh", "en"):
            said = _said(one, language)
            mark = MARKS[one.severity] if language == "zh" else " "
            lines.append(f"{mark} {said['what']}{detail if language == 'zh' else ''}")
            lines.append(f"  → {said['do']}")
        lines.append("")
    return lines[:-1]


def _value(one: "Finding") -> dict[str, object]:
    return {
        "code": one.code.value,
        "severity": one.severity.name.lower(),
        "detail": one.detail,
        "zh": _said(one, "zh"),
        "en": _said(one, "en"),
    }


def _said(one: "Finding", language: str) -> dict[str, str]:
    from appliance.language import Language, speech

    say = speech(Language.CHINESE if language == "zh" else Language.ENGLISH).say
    return {"what": say(one.saying.what), "do": say(one.saying.do)}
