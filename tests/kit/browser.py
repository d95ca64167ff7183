"""A real Chromium without a screen, speaking Chinese like the tablets in the classrooms."""

import shutil
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

TABLET = (1024, 768)
PHONE = (412, 732)


class Scripts(Enum):
    """Whether pages may run scripts."""

    ON = 1
    OFF = 2


def start(
    profile: Path, *, size: tuple[int, int] = TABLET, scripts: Scripts = Scripts.ON
) -> Chrome:
    """A browser with an empty profile; fails where Chromium is missing."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert chromium, "apt install chromium"
    assert driver, "apt install chromium-driver"
    options = ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless=new",
        "--no-sandbox",  # tests run as root in containers; the pages are our own
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--no-proxy-server",
        "--autoplay-policy=no-user-gesture-required",
        "--accept-lang=zh-CN",
        f"--window-size={size[0]},{size[1]}",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    setting = "profile.managed_default_content_settings.javascript"
    options.add_experimental_option("prefs", {setting: scripts.value})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return Chrome(options=options, service=Service(driver))


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chrome]:
    """A browser of the test's own, without memory of another test."""
    chrome = start(tmp_path / "profile")
    try:
        yield chrome
    finally:
        chrome.quit()


def complaints(chrome: Chrome) -> list[str]:
    """What the browser's console says is wrong with the pages seen since the last call."""
    entries = chrome.get_log("browser")  # type: ignore[no-untyped-call]  # selenium has no type
    return [entry["message"] for entry in entries if entry["level"] != "INFO"]
