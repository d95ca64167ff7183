"""The words around the lessons: which language the page speaks, and what its messages say there.

Message ids are English, so that code reads as code; both catalogues are complete, and Simplified
Chinese is what speaks when nobody chose.
"""

import gettext
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path

DOMAIN = "kexia"
LOCALE = Path(__file__).with_name("locale")


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for "translated later"
    """Mark ``message`` for the catalogues; it is translated where it is shown."""
    return message


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


def choose(cookies: Mapping[str, str]) -> Language:
    """The language somebody chose (cookie ``language``), else Chinese.

    What a browser accepts says little here: many of the tablets were never set up, and speak
    English to teachers who do not. One tap at the top of every page changes it.
    """
    chosen = cookies.get("language")
    return Language(chosen) if chosen in set(Language) else Language.CHINESE
