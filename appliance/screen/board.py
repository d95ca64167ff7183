"""From what is known of the box to what its screen says: lines, a code to scan, progress. Pure.

board = compose(Facts(...), speech(Language.CHINESE))
board.title, board.lines, board.code, board.progress
"""

from dataclasses import dataclass
from enum import Enum

from appliance.language import N_, Speech
from appliance.sticks import Phase, Stick

MAX_LINE = 60
"""Characters of a line that come from elsewhere: what is longer is cut."""
MAX_TROUBLES = 3


class Tone(Enum):
    """How a line looks."""

    PLAIN = "plain"
    BIG = "big"
    QUIET = "quiet"
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Wifi:
    """What a tablet joins."""

    name: str
    is_own: bool
    """Made by this box; else it is somebody else's access point."""
    passphrase: str = ""
    """Said only as long as nobody has set the box up: then no card has it."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The box at one moment."""

    name: str = ""
    addresses: tuple[str, ...] = ()
    """IPv4 addresses under which a tablet reaches the page, best first."""
    port: int = 80
    wifi: Wifi | None = None
    is_serving: bool = False
    """Whether the page answers."""
    lessons: int = 0
    sticks: tuple[Stick, ...] = ()
    troubles: tuple[str, ...] = ()
    """Message ids or facts, worst first."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text."""

    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Board:
    """What stands on the screen; equal boards need no new picture."""

    title: str
    lines: tuple[Line, ...]
    code: str = ""
    """What the QR code says: the page's address; empty: none."""
    progress: int | None = None
    """Percent of what a stick brings; None: nothing comes in."""


def compose(facts: Facts, speech: Speech) -> Board:
    """What the screen says."""
    address = address_of(facts)
    stick = _foremost(facts.sticks)
    lines = [
        *_how_to_come(facts, address, speech),
        *_state(facts, speech),
        *(_stick(stick, speech) if stick else ()),
        *(Line(_cut(speech.say(item)), Tone.BAD) for item in facts.troubles[:MAX_TROUBLES]),
    ]
    moving = stick is not None and stick.phase.is_working
    return Board(
        title=_cut(facts.name) or "课匣 Kexia",
        lines=tuple(lines),
        code=address if facts.is_serving else "",
        progress=stick.percent if stick is not None and moving else None,
    )


def address_of(facts: Facts) -> str:
    """The page's address by number; empty if the box has none."""
    if not facts.addresses:
        return ""
    port = "" if facts.port == 80 else f":{facts.port}"
    return f"http://{facts.addresses[0]}{port}/"


def _how_to_come(facts: Facts, address: str, speech: Speech) -> list[Line]:
    if not address:
        return [Line(speech.say(N_("No network yet.")), Tone.BAD)]
    lines = []
    if facts.wifi is not None:
        join = (
            N_("1. Join the Wi-Fi: %(name)s")
            if facts.wifi.is_own
            else N_("1. Join the school's Wi-Fi: %(name)s")
        )
        lines.append(Line(speech.say(join, name=_cut(facts.wifi.name))))
        if facts.wifi.passphrase:
            said = speech.say(N_("Pass phrase: %(text)s"), text=facts.wifi.passphrase)
            lines.append(Line(said, Tone.BIG))
        lines.append(Line(speech.say(N_("2. Open in the browser, or scan:"))))
    else:
        lines.append(Line(speech.say(N_("Open in the browser, or scan:"))))
    return [*lines, Line(address, Tone.BIG)]


def _state(facts: Facts, speech: Speech) -> list[Line]:
    if not facts.is_serving:
        return [Line(speech.say(N_("The box is starting. This takes a minute.")), Tone.QUIET)]
    if not facts.lessons:
        return [Line(speech.say(N_("There are no lessons on this box yet.")), Tone.QUIET)]
    said = speech.count("%(n)d lesson", "%(n)d lessons", facts.lessons)
    return [Line(said, Tone.GOOD)]


def _foremost(sticks: tuple[Stick, ...]) -> Stick | None:
    """The stick that the screen speaks of: one at work, else one with a problem, else the last."""
    told = [stick for stick in sticks if stick.phase is not Phase.LEFT_ALONE]
    for wanted in (lambda s: s.phase.is_working, lambda s: s.phase is Phase.PROBLEM):
        for stick in told:
            if wanted(stick):
                return stick
    return told[-1] if told else None


def _stick(stick: Stick, speech: Speech) -> list[Line]:
    tone = {Phase.PROBLEM: Tone.BAD, Phase.DONE: Tone.GOOD}.get(stick.phase, Tone.PLAIN)
    return [
        Line(speech.say(stick.saying.what), tone),
        Line(speech.say(stick.saying.do), Tone.QUIET),
    ]


def _cut(text: str) -> str:
    """As much as has room; what a stranger wrote cannot break the picture."""
    printable = "".join(one for one in text if one.isprintable())
    return printable if len(printable) <= MAX_LINE else printable[: MAX_LINE - 1] + "…"
