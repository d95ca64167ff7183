"""The guest as a test sees it: commands, files, and a box that runs in it."""

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.vm.machine import Machine

BOX = "/srv/box"
PATIENCE = 900.0
"""Seconds that anything may take: the processor is translated, and others work here too."""


@dataclass
class Guest:
    """A booted machine."""

    machine: Machine
    exfat: Path = Path()
    """A stick with lessons that the guest made itself, before its box began."""
    _box: int = 0

    def boot(self) -> "Guest":
        """Wait until the agent speaks."""
        try:
            assert self.machine.port.read(PATIENCE) == {"ready": True}
        except TimeoutError:
            raise AssertionError(f"no guest:\n{self.machine.last_words()}") from None
        return self

    def run(self, *command: str, code: int | None = 0) -> str:
        """What a command says; it must end with ``code``."""
        told = self._ask({"what": "run", "command": list(command), "seconds": PATIENCE})
        assert code is None or told["code"] == code, f"{command}: {told}"
        return str(told["output"])

    def kexia(self, *words: str) -> str:
        """What a command of ours says; it must end with 0."""
        told = self._ask({"what": "kexia", "words": list(words)})
        assert told["code"] in (0, None), f"{words}: {told}"
        return str(told["output"])

    def start(self, *command: str, log: str) -> int:
        """A command that goes on; its process number."""
        return int(self._ask({"what": "start", "command": list(command), "log": log})["pid"])

    def read(self, path: str) -> bytes:
        return base64.b64decode(self._ask({"what": "read", "path": path})["data"])

    def write(self, path: str, data: bytes) -> None:
        self._ask({"what": "write", "path": path, "data": base64.b64encode(data).decode()})

    def status(self) -> dict[str, Any]:
        """What ``kexia box status --json`` prints."""
        return self._ask({"what": "look", "box": BOX})

    def sticks(self) -> dict[str, str]:
        """What the volumes process says of each stick: word by the kernel's name."""
        try:
            value = json.loads(self.read(f"{BOX}/run/volumes.json"))
        except RuntimeError:
            return {}
        return {stick["name"]: stick["word"] for stick in value["sticks"]}

    def words(self) -> list[str]:
        """What is said of all sticks."""
        return list(self.sticks().values())

    def editions(self) -> dict[str, int]:
        """Collection → edition that is on the box."""
        return {item["id"]: item["edition"] for item in self.status()["collections"]}

    def is_whole(self) -> bool:
        """What is served is not damaged, and the box has nothing to warn of."""
        return not self.status()["warnings"]

    def box_id(self) -> str:
        """The box's own id; it gets one with its first papers."""
        found = str(self.status().get("box") or "")
        if not found:
            self.kexia("box", "back", BOX, "--json")
            found = str(self.status()["box"])
        return found

    def forget_lessons(self) -> None:
        """The box as it was before its first lesson; it runs on."""
        self.until(lambda: self.status()["update"]["doing"] == "", "an idle update process")
        names = ("generations", "current", "library", "staging", "feeds", "tables")
        self.run("rm", "-rf", *(f"{BOX}/{name}" for name in names))
        self.run("mkdir", f"{BOX}/generations")

    def seconds(self, work: Callable[[], object]) -> float:
        """How long ``work`` takes."""
        began = time.monotonic()
        work()
        return time.monotonic() - began

    def wait(self, seconds: float) -> None:
        """A moment of the test's own choosing."""
        time.sleep(seconds)

    def until(self, holds: Callable[[], bool], what: object) -> None:
        """Wait for it; the box's own log is shown if it does not come."""
        deadline = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > deadline:
                log = self.read("/srv/run.log").decode(errors="replace")[-3000:]
                raise AssertionError(f"waited in vain for {what}: {self.sticks()}\n{log}")
            time.sleep(0.1)

    def make_box(self, root: bytes, *collections: str) -> None:
        """A box that follows the publisher of ``root`` and has no uplink; not running yet."""
        self.write("/srv/1.root.json", root)
        options = ("--root", "/srv/1.root.json", "--name", "青山教学点", "--demo")
        self.kexia("box", "init", BOX, *options)
        self.kexia("box", "subscribe", BOX, *collections)

    def run_box(self) -> None:
        """``kexia box run``, up when its socket and its board are there."""
        self._box = self.start("kexia", "box", "run", BOX, "--port", "0", log="/srv/run.log")
        ready = f"{BOX}/run/volumes.json"
        self.until(lambda: self._is_there(ready, f"{BOX}/run/update.sock"), "the box")

    def _is_there(self, *paths: str) -> bool:
        return self.run("ls", *paths, code=None).count("No such") == 0

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        self.machine.port.write(request)
        told = self.machine.port.read(PATIENCE + 30)
        if "error" in told:
            raise RuntimeError(told["error"])
        return told


def fresh(machine: Machine) -> Guest:
    """The guest of a machine that was just started."""
    return Guest(machine).boot()


def copy_of(image: Path, path: Path) -> Path:
    """An image of its own for a test, holes and all."""
    path.write_bytes(image.read_bytes())
    return path
