"""The words around the lessons: which language the page speaks, and what its messages say there.

Message ids are English, so that code reads as code; both catalogues are complete, and Simplified
Chinese is what speaks when nobody chose.
"""

import gettext
from collections.abc import Mapping
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path

DOMAIN = "kexia"
LOCALE = Path(__file__).with_name("locale")


class Language(StrEnum):
    """A language of the interface, by the name HTML knows it by."""

    CHINESE = "zh-Hans"
    ENGLISH = "en"

    @property
    def folder(self) -> str:
        """Its folder below ``locale/``, as gettext spells it."""
        return self.value.replace("-", "_")


class Speech:
    """What the interface says in one language."""

    def __init__(self, language: Language, catalogue: gettext.NullTranslations) -> None:
        self.language = language
        self._catalogue = catalogue

    def say(self, message: str, **values: object) -> str:
        """``message`` translated, with ``values`` filled in by name (``%(count)d``)."""
        text = self._catalogue.gettext(message)
        return text % values if values else text

    def count(self, one: str, many: str, n: int, **values: object) -> str:
        """The form for ``n`` things, with ``n`` and ``values`` filled in."""
        return self._catalogue.ngettext(one, many, n) % {"n": n, **values}


@cache
def speech(language: Language) -> Speech:
    """The catalogue of ``language``; raises FileNotFoundError if the package is incomplete."""
    return Speech(language, gettext.translation(DOMAIN, str(LOCALE), [language.folder]))


def choose(cookies: Mapping[str, str], accept: str) -> Language:
    """The language somebody chose (cookie ``language``), else what the browser accepts first.

    ``accept`` is an Accept-Language header (RFC 9110, 12.5.4). Chinese unless English is wanted
    more: a tablet set to Uyghur, Mongolian or Tibetan belongs to a reader of Chinese too.
    """
    chosen = cookies.get("language")
    if chosen in set(Language):
        return Language(chosen)
    return _proposed(accept)


@lru_cache(256)
def _proposed(accept: str) -> Language:
    """What the browser accepts; a classroom's tablets all say the same."""
    english, chinese = _weight(accept, "en"), _weight(accept, "zh")
    return Language.ENGLISH if english > chinese else Language.CHINESE


def _weight(accept: str, wanted: str) -> float:
    """The highest q of any range for ``wanted`` in an Accept-Language header, 0 if none."""
    best = 0.0
    for item in accept[:1000].split(","):
        tag, *parameters = (part.strip().lower() for part in item.split(";"))
        if tag.partition("-")[0] == wanted:
            best = max(best, _quality(parameters))
    return best


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0
