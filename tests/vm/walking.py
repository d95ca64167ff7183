"""A teacher's first ten minutes with a box: what is done, counted, and what is then to be seen.

walk = Walk(machine, browser, screens)
walk.do("switch it on")
walk.picture("own-wifi-1-screen")      # what HDMI shows
walk.page("/", "own-wifi-2-home")      # what the tablet shows
"""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.vm.image_machine import ImageMachine
from tests.vm.radios import said

PATIENCE = 1800.0
DISPLAY = ("-device", "VGA")
"""A screen on HDMI, as QEMU has it."""
_PLAY = "var v = document.querySelector('video, audio'); v.muted = true; v.play();"
_PLAYED = "return document.querySelector('video, audio').currentTime > 0.2"


TABLE = "inet kexia"
"""The box's nftables table."""
_RELAY = """cat > /var/relay.py <<'X'
import asyncio, sys
async def pump(a, b):
    while data := await a.read(65536):
        b.write(data); await b.drain()
    b.close()
async def met(r, w):
    o = await (asyncio.open_unix_connection("/run/tablet") if sys.argv[1] == "door"
               else asyncio.open_connection(sys.argv[2], 80))
    await asyncio.gather(pump(r, o[1]), pump(o[0], w), return_exceptions=True)
async def main():
    s = await (asyncio.start_server(met, "0.0.0.0", 8090) if sys.argv[1] == "door"
               else asyncio.start_unix_server(met, "/run/tablet"))
    await s.serve_forever()
asyncio.run(main())
X
ip netns exec other python3 /var/relay.py tablet {box} >/dev/null 2>&1 &
python3 /var/relay.py door >/dev/null 2>&1 &
nft insert rule {table} input iifname eth0 tcp dport 8090 accept
sleep 5
"""
"""The uplink sees no pages, so the browser asks by way of the tablet: port 8090, the tablet's own
network, its Wi-Fi, the box."""


@dataclass
class Walk:
    """One teacher, one box, one tablet."""

    machine: ImageMachine
    browser: Chrome
    screens: Path
    """Folder of pictures."""
    actions: list[str] = field(default_factory=list)
    port: int = 0
    """Where the tablet's way begins here; 0: the machine's own port."""

    def through_the_tablet(self, box: str) -> None:
        """From now on the browser's requests take the tablet's Wi-Fi to the box's address."""
        said(self.machine, _RELAY.replace("{box}", box).replace("{table}", TABLE))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        line = f"hostfwd_add net tcp:127.0.0.1:{self.port}-:8090"
        self.machine.ask("human-monitor-command", **{"command-line": line})

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

    def _get(self, path: str) -> str:
        self.browser.get(f"http://127.0.0.1:{self.port or self.machine.port}{path}")
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
