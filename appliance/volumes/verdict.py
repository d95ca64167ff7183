"""What an import comes to for whoever stands beside the box: from its report to one word. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from appliance.sticks import Phase, Word
from sync.errors import (
    Incomplete,
    InputRefused,
    KexiaError,
    MediumFailing,
    NoRoom,
    NoSource,
    TrustRefused,
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """How it ended."""

    word: Word
    detail: str = ""

    @property
    def phase(self) -> Phase:
        """Done or a problem; or nothing of ours."""
        if self.word is Word.NOT_OURS:
            return Phase.LEFT_ALONE
        return Phase.DONE if self.word in _GOOD else Phase.PROBLEM

    @property
    def allows_writing(self) -> bool:
        """True if the way back may follow: the medium is sound, and nobody is cheating."""
        return self.word in _GOOD or self.word in (Word.INCOMPLETE, Word.NO_ROOM)


_GOOD = frozenset(
    {
        Word.DONE,
        Word.DONE_NOTHING_NEW,
        Word.DONE_NOT_BACK,
        Word.DONE_DIRTY,
        Word.DONE_FOR_BOTH,
        Word.DONE_PIN,
    }
)
_WORST_FIRST: Mapping[int, Word] = {
    MediumFailing.exit_code: Word.FAILING,
    TrustRefused.exit_code: Word.REFUSED,
    InputRefused.exit_code: Word.REFUSED,
    NoRoom.exit_code: Word.NO_ROOM,
    Incomplete.exit_code: Word.INCOMPLETE,
    NoSource.exit_code: Word.OF_NOBODY,
}
_OF_THE_BOX = frozenset({KexiaError.exit_code, NoRoom.exit_code})
"""Exit codes that concern the stick, whatever source the problem names."""


def of_report(report: Mapping[str, object], places: Iterable[str]) -> Verdict:
    """Of a sync that ended. Only problems that name ``places`` count, and those of the box itself:
    that a server was out of reach is no fault of the stick.
    """
    names = re.compile("|".join(rf"{re.escape(place)}(?![\w-])" for place in places) or "(?!)")
    problems = [one for one in _objects(report, "problems") if _concerns(one, names)]
    if problems:
        return _worst(problems)
    if report.get("new_generation"):
        return Verdict(Word.DONE)
    return Verdict(Word.DONE_NOTHING_NEW)


def of_error(error: KexiaError) -> Verdict:
    """Of a sync that could not even end with a report."""
    return Verdict(_WORST_FIRST.get(error.exit_code, Word.FAULT), error.fact)


def _concerns(problem: Mapping[str, object], names: re.Pattern[str]) -> bool:
    text = str(problem.get("error", ""))
    return problem.get("exit_code") in _OF_THE_BOX or names.search(text) is not None


def _worst(problems: list[Mapping[str, object]]) -> Verdict:
    by_code = {one.get("exit_code"): str(one.get("error", "")) for one in reversed(problems)}
    for code, word in _WORST_FIRST.items():
        if code in by_code:
            return Verdict(word, by_code[code])
    return Verdict(Word.FAULT, next(iter(by_code.values())))


def _objects(value: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    items = value.get(name)
    return [one for one in items if isinstance(one, dict)] if isinstance(items, list) else []
