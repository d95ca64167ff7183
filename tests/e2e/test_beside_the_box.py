"""Beside the box: a teacher sends a file from a phone, a technician looks and signs in."""

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from appliance import config, sticks
from appliance.config import Listen, Uploaders
from appliance.serve.app import Serving, serving
from appliance.sticks import Phase, Stick, Sticks, Word
from tests.kit.boxes import BoxUnderTest
from tests.kit.browser import PHONE, Scripts, complaints, start
from tests.kit.cutter import Cutter
from tests.kit.packed import noise
from tests.kit.phones import PIN, lessons_file, set_pin, updating
from tests.kit.province import Province

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

FILES = {"l1.html": b"<p>one", "l2.mp4": noise(2, 12_000_000)}
SHOTS = os.environ.get("KEXIA_SHOTS", "")
"""A folder for pictures of the pages, for whoever wants to look at them."""


@pytest.fixture(scope="module")
def province(tmp_path_factory: pytest.TempPathFactory) -> Province:
    province = Province.create(tmp_path_factory.mktemp("province"))
    province.publish({"43/a": FILES})
    return province


@pytest.fixture(scope="module")
def lessons(province: Province, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("lessons") / "青山 第三期.kexia"
    return lessons_file(path, province, FILES.values())


@pytest.fixture
def box(tmp_path: Path, province: Province) -> BoxUnderTest:
    made = BoxUnderTest.create(tmp_path / "box", province.root).subscribe("43/a")
    config.save(made.paths, replace(config.load(made.paths), uploads=Uploaders.ANYONE))
    return made


@pytest.fixture
def url(box: BoxUnderTest) -> Iterator[str]:
    """The box's pages, beside a real update process."""
    ready, stop, told = threading.Event(), threading.Event(), list[Serving]()

    async def serve() -> None:
        async with serving(box.paths, Listen("127.0.0.1", 0, 0)) as running:
            told.append(running)
            ready.set()
            await asyncio.to_thread(stop.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    with updating(box):
        thread.start()
        assert ready.wait(20)
        yield told[0].url
        stop.set()
        thread.join()


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Chrome]:
    browser = start(tmp_path / "phone", size=PHONE)
    screen = {"width": PHONE[0], "height": PHONE[1], "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    yield browser
    browser.quit()


def text(browser: Chrome, selector: str) -> str:
    return str(
        browser.execute_script(
            "var e = document.querySelector(arguments[0]); return e ? e.textContent : ''", selector
        )
    )


def until_says(browser: Chrome, selector: str, words: str, seconds: int = 60) -> None:
    WebDriverWait(browser, seconds).until(lambda chrome: words in text(chrome, selector))


def shot(browser: Chrome, name: str) -> None:
    if SHOTS:
        browser.save_screenshot(str(Path(SHOTS, f"{name}.png")))


def fits(browser: Chrome) -> None:
    wide = browser.execute_script(
        "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    assert wide <= 0
    small = browser.execute_script(
        "return Array.prototype.filter.call(document.querySelectorAll('button, input[type=file]'),"
        "function (e) { var b = e.getBoundingClientRect(); return b.height && b.height < 40; })"
        ".map(function (e) { return e.textContent; })"
    )
    assert small == []


def test_a_phone_sends_a_file_over_a_line_that_breaks_ten_times(
    box: BoxUnderTest, url: str, phone: Chrome, lessons: Path
) -> None:
    cuts = [300_000 + 350_000 * number for number in range(10)]
    with Cutter(int(url.rpartition(":")[2])) as line:
        phone.get(f"{line.url}/send")
        fits(phone)
        shot(phone, "send-zh")
        line.cuts = cuts
        phone.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(str(lessons))
        phone.find_element(By.CSS_SELECTOR, "#send button").click()
        until_says(phone, "#told .what", "正在传送")
        shot(phone, "sending-zh")
        until_says(phone, "#told .what", "完成：文件里的课程已导入课匣。", 120)
        assert line.broken == 10
        fits(phone)
        shot(phone, "sent-zh")
    assert sorted(box.resources().values()) == sorted(FILES.values())
    phone.get(f"{url}/stick")
    assert "青山 第三期.kexia" in text(phone, "main")
    shot(phone, "stick-file-zh")


def test_a_phone_without_scripts_sends_the_same_file(
    box: BoxUnderTest, url: str, tmp_path: Path, lessons: Path
) -> None:
    browser = start(tmp_path / "plain", size=PHONE, scripts=Scripts.OFF)
    try:
        browser.get(f"{url}/send")
        browser.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(str(lessons))
        browser.find_element(By.CSS_SELECTOR, "#send button").click()
        done = "完成：文件里的课程已导入课匣。"
        # The page looks again without a script, perhaps between finding and reading.
        patient = WebDriverWait(browser, 60, ignored_exceptions=[StaleElementReferenceException])
        patient.until(lambda chrome: done in chrome.find_element(By.TAG_NAME, "main").text)
        assert browser.current_url.endswith("/stick")
    finally:
        browser.quit()
    assert sorted(box.resources().values()) == sorted(FILES.values())


def test_a_file_of_something_else_is_told_so(url: str, phone: Chrome, tmp_path: Path) -> None:
    photo = tmp_path / "IMG_0001.jpg"
    photo.write_bytes(b"\xff\xd8\xff" + noise(4, 200_000))
    phone.get(f"{url}/send")
    phone.find_element(By.CSS_SELECTOR, "input[type=file]").send_keys(str(photo))
    phone.find_element(By.CSS_SELECTOR, "#send button").click()
    until_says(phone, "#told .what", "这不是课程文件，或文件已损坏。")
    until_says(phone, "#told .do", "请选以 .kexia 结尾的文件")
    shot(phone, "refused-zh")


def test_a_stick_is_told_of_without_touching_the_page(
    box: BoxUnderTest, url: str, phone: Chrome
) -> None:
    phone.get(f"{url}/stick")
    assert "现在没有插 U 盘" in text(phone, "main")
    shot(phone, "stick-none-zh")
    working = Stick("sdb1", Phase.IMPORTING, Word.IMPORTING, "县里的U盘", 30, 90, 12)
    locked = Stick("sdc1", Phase.PROBLEM, Word.BITLOCKER, "", detail="file system BitLocker")
    tell(box, working, locked)
    until_says(phone, "main", "正在从 U 盘导入课程。")
    fits(phone)
    shot(phone, "stick-zh")
    tell(box, replace(working, phase=Phase.DONE, word=Word.DONE_FOR_BOTH))
    until_says(phone, "main", "请交回县里")
    shot(phone, "stick-done-zh")
    time.sleep(1.1)
    phone.get(url)
    assert text(phone, ".notice") == "完成，U 盘可以拔出。"
    shot(phone, "home-notice-zh")
    assert complaints(phone) in (
        [],
        [
            f"{url}/ - Failed to load resource: the server responded"
            " with a status of 503 (Service Unavailable)"
        ],
    )


def test_a_technician_signs_in_and_syncs(
    box: BoxUnderTest, url: str, browser: Chrome, lessons: Path
) -> None:
    set_pin(box)
    browser.get(f"{url}/language/en")
    browser.get(f"{url}/admin")
    shot(browser, "admin-locked-en")
    browser.find_element(By.NAME, "pin").send_keys(PIN)
    browser.find_element(By.CSS_SELECTOR, "form[action='/admin/sign-in'] button").click()
    until_says(browser, "main", "Sync now")
    fits(browser)
    browser.find_element(By.CSS_SELECTOR, "form[action='/admin/sync'] button").click()
    until_says(browser, "main", "The sync has begun")
    WebDriverWait(browser, 30).until(lambda _: box.paths.last_sync.exists())
    browser.get(f"{url}/admin")
    assert "Last sync" in text(browser, "main")
    browser.find_element(By.CSS_SELECTOR, "form[action='/admin/pause'] button").click()
    until_says(browser, "main", "Paused: nothing comes in until somebody resumes.")
    shot(browser, "admin-en")
    browser.find_element(By.CSS_SELECTOR, "form[action='/admin/resume'] button").click()
    until_says(browser, "main", "It waits for the next sync.")
    browser.get(f"{url}/language/zh-Hans")
    browser.get(f"{url}/admin")
    shot(browser, "admin-zh")
    browser.find_element(By.CSS_SELECTOR, "form[action='/admin/sign-out'] button").click()
    until_says(browser, "main", "登录")


def tell(box: BoxUnderTest, *found: Stick) -> None:
    """As the volumes process does, which this process plays."""
    box.paths.volumes.write_bytes(sticks.encode(Sticks(os.getpid(), found)))
