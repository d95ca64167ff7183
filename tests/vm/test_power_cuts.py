"""Power cuts at 30 moments of a whole image: it starts by itself, no finished lesson is lost.

The moments are drawn (``SEED``) over what a system update, GRUB's environment during it, an import
from a stick, and a first start write to the card; ``tests.vm.cutting`` tells how. No two runs write
alike to the last byte, so the same seed gives the same parts of a run, and each test says which
write it was. KEXIA_CUTS=n runs about n of them.
"""

import shutil
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from appliance.firststart.site import read_site
from tests.kit.sitecards import SITE
from tests.vm import cut_scenes as scenes
from tests.vm import images, systems
from tests.vm.cut_scenes import BASE, GOOD, Cards, serves
from tests.vm.cutting import Moment, Scene, draw, numbers
from tests.vm.disk import Disk
from tests.vm.image_machine import ImageMachine
from tests.vm.systems import PATIENCE
from tests.vm.updating import Box
from tests.vm.writes import WriteLog

SEED = 20261126
INSTALLS, GRUBENVS, IMPORTS, STARTS, WIPES = 8, 8, 7, 4, 3
EACH = 4
"""After every fourth cut of an update it is done once more, to its end."""
WHOLE = INSTALLS + GRUBENVS + IMPORTS + STARTS + WIPES
SECRETS = (SITE.pin.encode(), SITE.network.passphrase.encode())

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200), pytest.mark.image]


@dataclass(frozen=True)
class Run:
    """A scene with its log, and where the cards of its moments are made."""

    scene: Scene
    log: WriteLog
    folder: Path

    @classmethod
    def of(cls, play: Callable[[Cards, Path], Scene], cards: Cards, folder: Path) -> "Run":
        scene = play(cards, folder)
        return cls(scene, scene.writes(), folder)

    def cut(self, places: list[int], count: int, number: int, seed: int) -> tuple[Disk, Moment]:
        """The card after the power went at the ``number``-th of ``count`` moments."""
        moment = draw(Random(seed), places, count)[number]
        print(f"cut after {self.scene.told(moment, self.log)}")  # noqa: T201
        return self.scene.cut(moment, self.log, self.folder / "cut"), moment


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> Cards:
    if reason := images.why_not("amd64") or systems.why_not():
        pytest.skip(reason)
    return Cards.made(tmp_path_factory.mktemp("cards"))


@pytest.fixture(scope="module")
def update(cards: Cards, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run.of(scenes.update, cards, tmp_path_factory.mktemp("update"))


@pytest.fixture(scope="module")
def lesson_import(cards: Cards, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run.of(scenes.lesson_import, cards, tmp_path_factory.mktemp("import"))


@pytest.fixture(scope="module")
def first_start(cards: Cards, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run.of(scenes.first_start, cards, tmp_path_factory.mktemp("first"))


@pytest.mark.parametrize("number", numbers(INSTALLS, WHOLE))
def test_cut_while_a_system_is_installed(update: Run, cards: Cards, number: int) -> None:
    """The old system runs on, and the new one can be installed."""
    places = update.scene.between(update.log, scenes.INSTALLING, scenes.INSTALLED)
    card, moment = update.cut(places, INSTALLS, number, SEED)
    seen = update.scene.had_seen(moment, update.log)
    goes_on(card, seen, cards, again=number % EACH == EACH - 1)


@pytest.mark.parametrize("number", numbers(GRUBENVS, WHOLE))
def test_cut_while_grubs_environment_is_written(update: Run, cards: Cards, number: int) -> None:
    """By rauc, which opens the other slot; by GRUB, which counts; by health, which confirms."""
    places = update.scene.between(update.log, scenes.INSTALLING, scenes.CONFIRMED, part="esp")
    card, moment = update.cut(places, GRUBENVS, number, SEED + 1)
    seen = update.scene.had_seen(moment, update.log)
    goes_on(card, seen, cards, again=number % EACH == EACH - 1)


@pytest.mark.parametrize("number", numbers(IMPORTS, WHOLE))
def test_cut_while_lessons_come_in(lesson_import: Run, cards: Cards, number: int) -> None:
    """What was served is served; with the stick still there, the rest comes in."""
    places = lesson_import.scene.between(lesson_import.log, scenes.PLUGGED, scenes.UP)
    card, moment = lesson_import.cut(places, IMPORTS, number, SEED + 2)
    imports_on(card, lesson_import.scene.had_seen(moment, lesson_import.log), cards)


@pytest.mark.parametrize("number", numbers(STARTS, WHOLE))
def test_cut_during_the_first_start(first_start: Run, number: int) -> None:
    """The next start ends what was begun."""
    places = first_start.scene.between(first_start.log, scenes.BEGUN, scenes.UP)
    card, _ = first_start.cut(places, STARTS, number, SEED + 3)
    becomes_its_box(card)


@pytest.mark.parametrize("number", numbers(WIPES, WHOLE))
def test_cut_while_the_site_file_is_wiped(first_start: Run, number: int) -> None:
    """Its secrets are gone in the end, from all sectors, however far the wiping was."""
    places = first_start.scene.between(first_start.log, scenes.BEGUN, scenes.STARTED, part="esp")
    card, _ = first_start.cut(places, WIPES, number, SEED + 4)
    becomes_its_box(card)


@contextmanager
def started(card: Disk) -> Iterator[Box]:
    """The box after the power came back; its card is thrown away at the end."""
    try:
        with ImageMachine(card, shell=True) as machine:
            yield Box(machine)
    finally:
        shutil.rmtree(card.path.parent)


def goes_on(card: Disk, seen: set[str], cards: Cards, *, again: bool) -> None:
    """It serves from a sound slot at once, and nothing is held against the update.

    ``again``: it is installed once more, and runs.
    """
    with started(card) as box:
        word, slot, version = box.health()
        assert (word, (slot, version)) in {("good", ("A", BASE)), ("good", ("B", GOOD))}
        assert scenes.CONFIRMED not in seen or version == GOOD
        serves(box.machine, cards.old)
        if version == GOOD:
            return
        told = box.state()
        assert (told["failed"], told["answer"]) == ([], "install"), told
        if again:
            code, said = box.install(scenes.SYSTEM)
            assert code == 0, said
            since = box.restart()
            assert box.health(since) == ("good", "B", GOOD)


def imports_on(card: Disk, seen: set[str], cards: Cards) -> None:
    """What was served is served; the stick, plugged in again, brings the rest."""
    with started(card) as box:
        assert box.health() == ("good", "A", BASE)
        serves(box.machine, cards.old)
        if scenes.SERVED in seen:
            serves(box.machine, cards.new)
        box.machine.plug("stick", cards.stick)
        scenes.until_served(box.machine, len(cards.old) + len(cards.new))
        serves(box.machine, cards.old)
        serves(box.machine, cards.new)


def becomes_its_box(card: Disk) -> None:
    """It is the box of its site file, which holds no secret any more."""
    with started(card) as box:
        assert box.machine.wait(scenes.STARTS, PATIENCE)[1] in ("apply", "wipe", "nothing")
        assert box.health() == ("good", "A", BASE)
        assert box.machine.get("/", seconds=300)[0] == 503, "no lessons yet"
        assert settings(box, "kexia.toml")["name"] == SITE.name
        assert settings(box, "network.toml")["ssid"] == SITE.network.ssid
        scenes.settled(box.machine)
        box.machine.cut()
        volume = card.read("esp")
        assert not any(secret in volume for secret in SECRETS)
        assert read_site(card.read_esp("site.toml")) == SITE.without_secrets()


def settings(box: Box, name: str) -> dict[str, Any]:
    """A file of the box's settings."""
    code, said = box.machine.shell(f"cat /var/lib/kexia/{name}", seconds=PATIENCE)
    assert code == 0, said
    return tomllib.loads(said)
