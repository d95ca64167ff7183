"""Values into HTML: the templates, and the few words and forms they need.

Everything is escaped; what is marked safe here are attributes built from checked parts.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import jinja2
from markupsafe import Markup

from appliance.language import N_, Language, Speech
from appliance.serve import links
from appliance.serve.assets import Assets
from appliance.serve.compiled import FOLDER, Compiled, Compiling
from catalog import codes

TEMPLATES = Path(__file__).with_name("templates")
_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "kk-arab", "ky-arab", "ps", "ug", "ur"})
_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?")


GLYPHS = {
    "video": "视V",
    "courseware": "课C",
    "lesson_plan": "案P",
    "task_sheet": "任T",
    "exercise": "练E",
    "audio": "音A",
    "textbook": "书B",
    "interactive": "动I",
}
"""One sign for each role, Chinese and English: letters, because old tablets lack icon fonts."""


LABELS = {
    "stage": N_("Stage"),
    "grade": N_("Grade"),
    "subject": N_("Subject"),
    "press": N_("Press"),
    "book": N_("Book"),
}

WEEKDAYS = (
    N_("Monday"),
    N_("Tuesday"),
    N_("Wednesday"),
    N_("Thursday"),
    N_("Friday"),
    N_("Saturday"),
    N_("Sunday"),
)


def name_of(language: Language, dimension: str, code: str) -> str:
    """Name of a code in the interface's language; one newer than this box stands for itself."""
    found = codes.tag(dimension, code)
    if found is None:
        return code
    return found.name_zh if language is Language.CHINESE else found.name_en


@dataclass(frozen=True, slots=True)
class Words:
    """What templates say in one language."""

    speech: Speech

    def role(self, role: str) -> str:
        """Name of a piece's role."""
        return self.tag("role", role)

    def glyph(self, role: str) -> str:
        """One sign for a role."""
        return GLYPHS.get(role, "··")[self.speech.language is Language.ENGLISH]

    def program(self, code: str) -> str:
        """Name of a programme (栏目), empty if there is none."""
        return self.tag("program", code) if code else ""

    def dimension(self, name: str) -> str:
        """Name of a dimension."""
        return self.speech.say(LABELS[name])

    def day(self, number: int) -> str:
        """Name of a day of the week, 1 (Monday) to 7."""
        return self.speech.say(WEEKDAYS[number - 1])

    def tag(self, dimension: str, code: str) -> str:
        """Name of a code, or the code itself if it is newer than this box."""
        return name_of(self.speech.language, dimension, code)


class Renderer:
    """Fills templates."""

    def __init__(self, assets: Assets, compiled: Compiled | None = None) -> None:
        self.assets = assets
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            bytecode_cache=compiled or Compiled(),
            autoescape=True,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=jinja2.StrictUndefined,
        )
        self._environment.globals.update(asset=assets.address, links=links, language_of=language_of)
        self._environment.filters.update(size=size, clock=clock)

    def compile_all(self) -> None:
        """Compile every template; which is of use only to a cache that keeps what was compiled."""
        for name in self._environment.list_templates(extensions=["html"]):
            self._environment.get_template(name)

    def page(self, template: str, speech: Speech, **values: object) -> str:
        """HTML of ``template`` in the language of ``speech``."""
        words = Words(speech)
        _: Callable[..., str] = speech.say
        return self._environment.get_template(template).render(
            values, _=_, ngettext=speech.count, words=words, language=speech.language
        )


def compile_templates(folder: Path = FOLDER) -> None:
    """At an image's build: leave every template's bytecode where pages are served from."""
    Renderer(Assets(), Compiling(folder)).compile_all()


def language_of(language: str) -> Markup:
    """``lang`` and ``dir`` attributes for text in ``language`` (BCP 47); nothing for Chinese.

    The page is Chinese or English, titles may be Uyghur: without ``lang`` a browser takes the
    wrong glyphs, without ``dir`` it mixes up punctuation.
    """
    if language in ("", "zh-Hans", "zh") or not _TAG.fullmatch(language):
        return Markup("")
    lower = language.lower()
    turned = (
        lower.split("-")[0] in _RIGHT_TO_LEFT and "-latn" not in lower and ("-cyrl" not in lower)
    )
    direction = "rtl" if turned or lower in _RIGHT_TO_LEFT else "ltr"
    return Markup(' lang="{}" dir="{}"').format(language, direction)


def clock(duration: str) -> str:
    """``PT3M20S`` as ``3:20``; empty for anything else."""
    match = _DURATION.fullmatch(duration)
    if match is None or not any(match.groups()):
        return ""
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    if hours:
        return f"{hours}:{minutes:02}:{seconds:02}"
    return f"{minutes}:{seconds:02}"


def size(count: int) -> str:
    """Bytes as people read them: ``940 KB``, ``12.3 MB``."""
    if count < 1_000_000:
        return f"{max(1, round(count / 1000))} KB"
    if count < 1_000_000_000:
        return f"{count / 1e6:.1f} MB"
    return f"{count / 1e9:.1f} GB"
