"""Our pages in a real browser: what plays, what opens, what is caged, what fits on a phone."""

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.wait import WebDriverWait

from appliance.config import Listen
from appliance.serve.app import Serving, serving
from appliance.timetable import keep
from appliance.timetable.week import Period, Taught
from sync.digest import Digest
from sync.run import run as run_program
from tests.kit import served
from tests.kit.browser import PHONE, Scripts, complaints, start
from tests.kit.served import ServedBox

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

LESSON = "/lesson/43/music-1a/l1"


@dataclass
class Running:
    """A box being served on a thread of its own."""

    url: str
    box: ServedBox

    def piece(self, number: int) -> Digest:
        return self.box.lessons["43/music-1a"].lessons[0].resources[number].digest


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("box")
    box = served.box(folder)
    box.publish(
        served.music(box, video=video(folder / "clip.mp4")),
        served.math(box),
        served.classroom(box),
    )
    ready, stop, told = threading.Event(), threading.Event(), list[Serving]()

    async def serve() -> None:
        async with serving(box.paths, Listen("127.0.0.1", 0, 0)) as running:
            told.append(running)
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(20)
    yield Running(told[0].url, box)
    stop.set()
    thread.join()


def video(path: Path) -> bytes:
    """Twelve seconds of H.264 and AAC with the index in front."""
    run_program(
        [
            *("ffmpeg", "-loglevel", "error", "-y"),
            *("-f", "lavfi", "-i", "testsrc=size=640x360:rate=15:duration=12"),
            *("-f", "lavfi", "-i", "sine=frequency=440:duration=12"),
            *("-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "30", "-c:a", "aac"),
            *("-movflags", "+faststart", path),
        ],
        timeout=60,
    )
    return path.read_bytes()


def wait(browser: Chrome, script: str) -> object:
    """What ``script`` returns, once it is something."""
    return WebDriverWait(browser, 20).until(lambda chrome: chrome.execute_script(script))


def test_a_video_plays_past_a_seek_with_its_subtitles(running: Running, browser: Chrome) -> None:
    browser.get(running.url + LESSON)
    browser.execute_script(
        "var v = document.querySelector('video'); v.muted = true; v.play();"
        "v.addEventListener('playing', function () { if (!v.sought) {"
        "  v.sought = true; v.currentTime = 8; } });"
    )
    assert wait(browser, "return document.querySelector('video').currentTime > 8.5")
    cues = "var t = document.querySelector('track').track; t.mode = 'showing';"
    assert wait(browser, f"{cues} return t.cues && t.cues.length && t.cues[0].text") == "同学们好"
    assert complaints(browser) == []


def test_a_video_goes_on_where_it_was_left(running: Running, browser: Chrome) -> None:
    browser.get(running.url + LESSON)
    play = "var v = document.querySelector('video'); v.muted = true; v.play();"
    browser.execute_script(f"{play} v.currentTime = 7;")
    assert wait(browser, "return localStorage.length")
    browser.get(running.url + LESSON)
    browser.execute_script(play)
    # It begins at 0 and jumps as soon as the length is known.
    assert wait(browser, "return document.querySelector('video').currentTime >= 6")


def test_the_sandbox_does_not_stop_a_video_opened_by_itself(
    running: Running, browser: Chrome
) -> None:
    browser.get(f"{running.url}/r/{running.piece(0)}.mp4")
    script = "var v = document.querySelector('video'); return v && v.readyState > 1 && v.videoWidth"
    assert wait(browser, script) == 640


def test_a_document_is_read_page_by_page(running: Running, browser: Chrome) -> None:
    browser.get(running.url + LESSON)
    browser.find_element(By.CSS_SELECTOR, "a[href^='/read/']").click()
    width = "var i = document.getElementById('page'); return i && i.complete && i.naturalWidth"
    assert wait(browser, width) == 1024  # as wide as the screen
    browser.find_element(By.CSS_SELECTOR, "a[rel='next']").click()
    assert wait(browser, "return document.querySelector('.flip b').textContent === '2 / 4'")
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.ARROW_RIGHT)
    assert wait(browser, "return document.querySelector('.flip b').textContent === '3 / 4'")
    wait(browser, width)
    browser.find_element(By.CSS_SELECTOR, ".back").click()
    assert wait(browser, f"return location.pathname === '{LESSON}'")
    assert complaints(browser) == []


def test_a_site_runs_in_its_cage(running: Running, browser: Chrome) -> None:
    browser.get(running.url + LESSON)
    browser.find_element(By.CSS_SELECTOR, "a[href^='/play/']").click()
    WebDriverWait(browser, 20).until(in_the_frame)
    heading = browser.find_element(By.TAG_NAME, "h1")
    assert heading.value_of_css_property("color") == "rgba(1, 2, 3, 1)"
    assert browser.execute_script("return self.origin") == "null"
    browser.execute_script(
        "fetch(arguments[0]).then(function () { window.reach = 'reached'; },"
        "function () { window.reach = 'refused'; });",
        f"{running.url}/api/v1/status",
    )
    assert wait(browser, "return window.reach") == "refused"
    with pytest.raises(Exception, match="sandboxed"):
        browser.execute_script("return document.cookie")


def in_the_frame(browser: Chrome) -> bool:
    """Enter the site; True once its script has run and fetched a file from within the cage."""
    browser.switch_to.default_content()
    browser.switch_to.frame(browser.find_element(By.TAG_NAME, "iframe"))
    return browser.find_element(By.ID, "out").text == "data 4"


def test_search_suggests_finds_and_marks(running: Running, browser: Chrome) -> None:
    browser.get(running.url)
    field = browser.find_element(By.NAME, "q")
    field.send_keys("拉勾")
    assert wait(
        browser,
        "return Array.prototype.some.call(document.querySelectorAll('#suggestions option'),"
        "function (o) { return o.value.indexOf('拉勾勾') >= 0; })",
    )
    field.send_keys(Keys.ENTER)
    marks = WebDriverWait(browser, 10).until(
        lambda chrome: chrome.find_elements(By.TAG_NAME, "mark")
    )
    assert "拉勾" in marks[0].text
    assert complaints(browser) == []


def test_choosing_needs_no_script_and_is_remembered(running: Running, tmp_path: Path) -> None:
    browser = start(tmp_path / "profile", scripts=Scripts.OFF)
    try:
        browser.get(running.url)
        tap(browser, "一年级")
        tap(browser, "音乐")
        browser.get(running.url)
        books = browser.find_elements(By.CSS_SELECTOR, "a.book .title")
        assert [book.text for book in books] == ["音乐 一年级 上册", "专递课堂 一至二年级"]
        assert browser.find_element(By.CSS_SELECTOR, ".chosen").text == "一年级音乐"
        assert not browser.find_elements(By.CSS_SELECTOR, "#suggestions option")
    finally:
        browser.quit()


def tap(browser: Chrome, text: str) -> None:
    """Tap what is to choose, and wait until it is chosen."""
    browser.find_element(By.LINK_TEXT, text).click()
    WebDriverWait(browser, 10).until(
        lambda chrome: text in chrome.find_element(By.CSS_SELECTOR, ".chosen").text
    )


@pytest.mark.parametrize("size", [(1024, 768), PHONE], ids=["tablet", "phone"])
def test_every_page_fits_its_screen(
    running: Running, tmp_path: Path, size: tuple[int, int]
) -> None:
    """Nothing to the right of the screen; whatever is tapped is large enough for a finger."""
    browser = start(tmp_path / "profile", size=size)
    try:
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": True},
        )
        for path in ("/", "/textbook/43/music-1a/t1", LESSON, f"/search?q={quote('分数')}"):
            browser.get(running.url + path)
            wide = browser.execute_script("return document.documentElement.scrollWidth")
            assert wide <= size[0], path
            small = browser.execute_script(
                "return Array.prototype.filter.call("
                "document.querySelectorAll('a.pill, a.piece, a.row, button, .turn a'),"
                "function (e) { var b = e.getBoundingClientRect();"
                " return b.height && b.height < 40; }).map(function (e) { return e.textContent; })"
            )
            assert small == [], path
    finally:
        browser.quit()


def test_useful_text_comes_soon_on_a_slow_tablet(running: Running, browser: Chrome) -> None:
    browser.execute_cdp_cmd("Emulation.setCPUThrottlingRate", {"rate": 6})
    began = time.monotonic()
    browser.get(f"{running.url}/textbook/43/music-1a/t1")
    assert "你的名字叫什么" in browser.find_element(By.TAG_NAME, "main").text
    assert time.monotonic() - began < 5


def test_the_lesson_that_is_on_by_the_tablets_clock(running: Running, browser: Chrome) -> None:
    """Tuesday, twenty past nine: one lesson is on, the next is told, later ones are not."""
    music, math = Taught("g1", "music"), Taught("g3", "math")
    week = [
        Period(1, "09:00", "09:40", (math,)),
        Period(2, "08:00", "08:40", (math,)),
        Period(2, "09:00", "09:40", (music,)),
        Period(2, "10:00", "10:40", (math,)),
        Period(2, "11:00", "11:40", (music,)),
    ]
    keep.save(running.box.paths, week)
    try:
        clock = (
            "var Real = Date; Date = function () { return new Real(2026, 10, 24, 9, 20); };"
            "Date.now = Real.now; Date.prototype = Real.prototype;"
        )
        command = "Page.addScriptToEvaluateOnNewDocument"
        browser.execute_cdp_cmd(command, {"source": clock})
        browser.get(running.url)
        shown = [
            each.text for each in browser.find_elements(By.CSS_SELECTOR, ".period") if each.text
        ]
        assert [text.split() for text in shown] == [
            ["现在", "09:00–09:40", "一年级", "音乐"],
            ["下一节", "10:00–10:40", "三年级", "数学"],
        ]
        browser.find_element(By.CSS_SELECTOR, ".week .whole").click()
        today = browser.find_element(By.CSS_SELECTOR, "th.today").text
        assert today == "星期二"
        browser.find_element(By.LINK_TEXT, "三年级 数学").click()
        assert "数学 三年级 上册" in browser.title
        assert complaints(browser) == []
    finally:
        keep.forget(running.box.paths)
