"""The interface speaks two languages, completely, Chinese when nobody says otherwise."""

import re

import pytest

from appliance.language import Language, choose, speech
from tests.kit import messages


@pytest.mark.parametrize("language", list(Language))
def test_every_message_is_translated(language: Language) -> None:
    assert list(messages.missing(language)) == []


@pytest.mark.parametrize("language", list(Language))
def test_no_translation_is_left_over(language: Language) -> None:
    known = {message.id for message in messages.catalogue(language) if message.id}
    assert known == set(messages.used())


@pytest.mark.parametrize("language", list(Language))
def test_the_compiled_catalogue_is_that_of_the_source(language: Language) -> None:
    compiled = messages.po_file(language).with_suffix(".mo").read_bytes()
    assert compiled == messages.compiled(language), "run: python -m tests.kit.messages"


@pytest.mark.parametrize("language", list(Language))
def test_translations_fill_in_what_the_message_does(language: Language) -> None:
    holes = re.compile(r"%\(\w+\)[ds]")
    for message in messages.catalogue(language):
        wanted = set(holes.findall(messages.joined(message.id)))
        if message.id:
            for text in messages.joined(message.string).split("\0"):
                assert set(holes.findall(text)) == wanted, message.id


def test_chinese_speaks_until_the_reader_chooses() -> None:
    assert choose({}) is Language.CHINESE
    assert choose({"language": "en"}) is Language.ENGLISH
    assert choose({"language": "zh-Hans"}) is Language.CHINESE
    assert choose({"language": "klingon"}) is Language.CHINESE


def test_numbers_and_values_are_filled_in() -> None:
    assert speech(Language.ENGLISH).count("%(n)d lesson", "%(n)d lessons", 1) == "1 lesson"
    assert speech(Language.ENGLISH).count("%(n)d lesson", "%(n)d lessons", 2) == "2 lessons"
    assert speech(Language.CHINESE).count("%(n)d lesson", "%(n)d lessons", 2) == "2 课"
    assert speech(Language.CHINESE).say("As of %(date)s", date="2026-11-23") == "更新于 2026-11-23"
