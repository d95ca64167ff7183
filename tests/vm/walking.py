"""A teacher's first ten minutes with a box: what is done, counted, and what is then to be seen.

walk = Walk(machine, browser, screens)
walk.do("switch it on")
walk.picture("own-wifi-1-screen")      # what HDMI shows
walk.page("/", "own-wifi-2-home")      # what the tablet shows
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.vm.image_machine import ImageMachine

PATIENCE = 1800.0
DISPLAY = ("-device", "VGA")
"""A screen on HDMI, as QEMU has it."""
_PLAY = "var v = document.querySelector('video, audio'); v.muted = true; v.play();"
_PLAYED = "return document.querySelector('video, audio').currentTime > 0.2"


@dataclass
class Walk:
    """One teacher, one box, one tablet."""

    machine: ImageMachine
    browser: Chrome
    screens: Path
    """Folder of pictures."""
    actions: list[str] = field(default_factory=list)

    def do(self, action: str) -> None:
        """Something that a person does."""
        self.actions.append(action)

    def picture(self, name: str) -> None:
        """What the screen on HDMI shows now."""
        taken = self.screens / f"{name}.ppm"
        self.machine.ask("screendump", filename=str(taken))
        deadline = time.monotonic() + 30
        while not taken.exists() or not taken.stat().st_size:
            assert time.monotonic() < deadline, "no picture"
            time.sleep(0.2)
        time.sleep(1)
        with Image.open(taken) as image:
            # A dozen colours: what HDMI shows is text, and the picture goes into the repository.
            image.convert("P", palette=Image.Palette.ADAPTIVE, colors=16).save(
                self.screens / f"{name}.png", optimize=True
            )
        taken.unlink()

    def opened(self, path: str, *, holding: str, seconds: float = PATIENCE) -> str:
        """Ask for a page until it is there and holds these words; its text."""
        return self._until(lambda: self._get(path), holding, seconds)

    def shot(self, name: str) -> None:
        """What the tablet shows now."""
        self.browser.save_screenshot(str(self.screens / f"{name}.png"))

    def follow(self, selector: str) -> None:
        """Tap on the first of these links."""
        self.browser.find_element(By.CSS_SELECTOR, selector).click()

    def give(self, name: str, text: str) -> None:
        """Type into a field, and send its form."""
        field_ = self.browser.find_element(By.NAME, name)
        field_.send_keys(text)
        field_.submit()

    def plays(self) -> None:
        """The lesson's video or sound runs."""
        self.browser.execute_script(_PLAY)
        deadline = time.monotonic() + PATIENCE
        while not self.browser.execute_script(_PLAYED):
            assert time.monotonic() < deadline, "nothing plays"
            time.sleep(0.5)

    def status(self) -> dict[str, object]:
        """What the box says of itself."""
        value = json.loads(self.machine.get("/api/v1/status")[1])
        assert isinstance(value, dict)
        return value

    def _get(self, path: str) -> str:
        self.browser.get(f"http://127.0.0.1:{self.machine.port}{path}")
        return self.browser.find_element(By.TAG_NAME, "body").text

    @staticmethod
    def _until(get: Callable[[], str], words: str, seconds: float) -> str:
        deadline = time.monotonic() + seconds
        text = ""
        while time.monotonic() < deadline:
            try:
                text = get()
            except WebDriverException:
                text = ""
            if words in text:
                return text
            time.sleep(1)
        raise AssertionError(f"never {words!r}: {text[:2000]}")
