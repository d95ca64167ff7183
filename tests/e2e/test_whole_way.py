"""The mission on one machine: a province's sample library, a real web server, a box, a browser."""

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from appliance.demo.demo import PHRASE, DemoBox, serving_demo
from appliance.demo.visit import Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

PLAYED = """
const video = document.querySelector('video'), done = arguments[arguments.length - 1];
video.muted = true;
video.addEventListener('error', () => done('error ' + video.error.message));
video.play().then(() => {
  video.currentTime = video.duration / 2;
  const from = video.duration / 2;
  video.addEventListener('timeupdate', () => {
    if (video.currentTime > from + 1) done('' + video.currentTime);
  });
}, problem => done('error ' + problem));
"""


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoBox]:
    lines: list[str] = []
    work = tmp_path_factory.mktemp("demo")
    with serving_demo(work, port=0, say=lines.append) as running:
        yield running


def lesson_with(box: DemoBox, suffix: str) -> str:
    """Key of a lesson found by the phrase that has a piece of this format."""
    visitor = Visitor(box.url)
    for key in visitor.search(PHRASE):
        pieces = visitor.api(f"lessons/{quote(key)}")["pieces"]
        assert isinstance(pieces, list)
        if any(piece["format"] == suffix for piece in pieces):
            return key
    raise AssertionError(f"no lesson about {PHRASE} has a {suffix}")


def test_a_teacher_finds_a_textbook_from_the_home_page(box: DemoBox, browser: Chrome) -> None:
    browser.get(box.url)
    assert "课匣" in browser.title
    book = browser.find_element(By.CSS_SELECTOR, "a[href^='/textbook/']")
    book.click()
    assert browser.find_elements(By.CSS_SELECTOR, "a[href^='/lesson/']")


def test_a_video_plays_on_after_a_seek(box: DemoBox, browser: Chrome) -> None:
    browser.get(f"{box.url}/lesson/{quote(lesson_with(box, 'mp4'))}")
    browser.set_script_timeout(60)
    outcome = browser.execute_async_script(PLAYED)
    assert not outcome.startswith("error"), outcome
    assert float(outcome) > 1
    assert browser.find_elements(By.CSS_SELECTOR, "video track[kind='subtitles']")


def test_a_pdf_opens_as_pictures_any_tablet_shows(box: DemoBox, browser: Chrome) -> None:
    browser.get(f"{box.url}/lesson/{quote(lesson_with(box, 'pdf'))}")
    browser.find_element(By.CSS_SELECTOR, "a[href^='/read/']").click()
    deadline = time.monotonic() + 60
    width = 0
    while width < 600 and time.monotonic() < deadline:
        width = browser.execute_script(
            "const i = document.querySelector('main img'); return i ? i.naturalWidth : 0"
        )
        time.sleep(0.2)
    assert width >= 600


def test_a_chinese_phrase_finds_a_lesson(box: DemoBox, browser: Chrome) -> None:
    browser.get(box.url)
    field = browser.find_element(By.CSS_SELECTOR, "input[name='q']")
    field.send_keys(PHRASE)
    field.submit()
    hits = browser.find_elements(By.CSS_SELECTOR, "main a[href^='/lesson/']")
    assert hits
    assert any(PHRASE in mark.text for mark in browser.find_elements(By.TAG_NAME, "mark"))


def test_an_update_reaches_the_pages_while_they_are_served(
    box: DemoBox, browser: Chrome, tmp_path: Path
) -> None:
    before = Visitor(box.url).lessons()
    update = box.update()
    assert Visitor(box.url).lessons() > before
    assert 0 < update.bytes_fetched < update.bytes_changed
    browser.get(box.url)
    assert browser.find_elements(By.CSS_SELECTOR, "a[href^='/textbook/']")
