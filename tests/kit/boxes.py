"""A box under test, and a forger: a publisher that signs whatever a test wants signed.

box = BoxUnderTest.create(tmp_path / "box", province.root, urls=[server.url])
box.subscribe("43/a")
report = box.sync()                 # box.sync(stick): the same from what was carried here
box.served()                        # every byte a visitor can get; must not change on refusal
"""

import copy
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from appliance import config
from appliance.box.programmes import Invitation, init_box
from appliance.box.status import Status, read_status
from appliance.config import BoxPaths
from appliance.generation import Generation, current
from appliance.onlink import PeerPolicy
from appliance.update import rollback
from appliance.update import sync as update
from appliance.update.build import read_feed
from appliance.update.report import PlanReport, SyncReport
from appliance.update.rollback import RolledReport
from appliance.update.sources import Neighbours, Network
from appliance.update.subscribe import set_subscriptions, set_wants
from appliance.update.sync import Box, Machine
from appliance.version import BUILD_TIME
from catalog.tables.browse import Selection, open_catalogue
from sync.directory import CollectionEntry, Directory
from sync.library import Store
from sync.progress import Silent
from sync.publish.packs.cut import cut
from sync.publish.workspace import Workspace
from sync.transport.allowance import Purse
from sync.transport.base import Transport
from sync.trust import TrustClock
from tests.kit.province import Content, Province
from tests.kit.tufrepo import TufRepo

WALL = datetime(2026, 11, 24, tzinfo=UTC)


@dataclass
class BoxUnderTest:
    """A box's folder with the machine it stands on; ``wall`` is what its clock shows."""

    paths: BoxPaths
    wall: datetime = WALL
    wall_is_set: bool = True
    budget: int | None = None
    """Bytes a sync may fetch from web servers; None: as many as there are."""
    wrap: Callable[[Transport], Transport] = lambda transport: transport
    ticks: Callable[[], float] = time.monotonic
    neighbours: Neighbours = field(default_factory=Neighbours)
    """Boxes next door; none."""

    @classmethod
    def create(
        cls, folder: Path, *roots: bytes, urls: Mapping[int, str] | None = None, demo: bool = True
    ) -> "BoxUnderTest":
        """A box that follows the publishers of ``roots``; ``urls`` by their position."""
        made = cls(BoxPaths(folder))
        for number, root in enumerate(roots):
            path = folder.with_name(f"{folder.name}-{number}.root.json")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(root)
            url = (urls or {}).get(number)
            init_box(made.paths, Invitation(path, (url,) if url else (), "课匣", demo))
        return made

    def copy(self, folder: Path) -> "BoxUnderTest":
        """The same box again, elsewhere."""
        shutil.copytree(self.paths.root, folder, symlinks=True)
        return BoxUnderTest(BoxPaths(folder), self.wall, self.wall_is_set)

    def follow(self, root: bytes, *urls: str) -> None:
        """Replace a publisher's URLs."""
        path = self.paths.root.with_name("followed.root.json")
        path.write_bytes(root)
        init_box(self.paths, Invitation(path, urls, demo=True))

    def status(self) -> Status:
        return read_status(self.paths, config.load(self.paths), current(self.paths))

    @property
    def machine(self) -> Machine:
        """Its clock and its network, with patience but without waiting."""
        clock = TrustClock(wall=self.wall, wall_is_set=self.wall_is_set, floor=BUILD_TIME)
        network = Network(
            rng=Random(1),
            sleep=lambda _: None,
            purse=lambda: None if self.budget is None else Purse(self.budget),
            wrap=self.wrap,
            neighbours=self.neighbours,
        )
        return Machine(lambda: clock, network, self.ticks)

    @property
    def box(self) -> Box:
        return Box(self.paths, config.load(self.paths), self.machine)

    @property
    def store(self) -> Store:
        return Store(self.paths.root)

    @property
    def generation(self) -> Generation:
        found = current(self.paths)
        assert found is not None
        return found

    def set_peers(self, policy: PeerPolicy) -> "BoxUnderTest":
        """``[peers]`` of its kexia.toml."""
        config.save(self.paths, replace(config.load(self.paths), peers=policy))
        return self

    def subscribe(self, *collections: str) -> "BoxUnderTest":
        set_subscriptions(self.paths, collections, ())
        return self

    def want(self, *lessons: str) -> "BoxUnderTest":
        set_wants(self.paths, lessons, ())
        return self

    def no_longer_want(self, *lessons: str) -> "BoxUnderTest":
        set_wants(self.paths, (), lessons)
        return self

    def sync(self, *carried: Path | str) -> SyncReport:
        return update.sync(self.box, [str(item) for item in carried], Silent())

    def plan(self, *carried: Path | str) -> PlanReport:
        return update.plan(self.box, [str(item) for item in carried], Silent())

    def rollback(self, to: int | None = None) -> RolledReport:
        return rollback.rollback(self.box, to, Silent())

    def release(self) -> RolledReport:
        return rollback.release(self.box, Silent())

    def editions(self) -> dict[str, int]:
        """Collection → edition served."""
        found = current(self.paths)
        kept = found.record.collections if found else ()
        return {item.entry.id: item.entry.edition for item in kept}

    def lessons(self) -> set[str]:
        """Keys of the lessons a visitor finds by walking through the textbooks."""
        catalogue = open_catalogue(self.generation.catalog)
        try:
            books = catalogue.textbooks(Selection())
            chapters = [c for book in books for c in catalogue.textbook(book.id).chapters]
            return {card.key for chapter in chapters for card in chapter.lessons}
        finally:
            catalogue.close()

    def resources(self) -> dict[str, bytes]:
        """Every file the served lessons have, by digest."""
        return {
            resource.digest: self.store.library.read(resource.digest, limit=resource.size)
            for kept in self.generation.record.collections
            for resource in read_feed(self.store, kept.entry).resources
        }

    def served(self) -> dict[str, bytes]:
        """Everything ``serve`` reads: the generation's files by path, resources by digest."""
        found = current(self.paths)
        if found is None:
            return {}
        files = {
            f"{found.folder.name}/{path.relative_to(found.folder)}": path.read_bytes()
            for path in found.folder.rglob("*")
            if path.is_file()
        }
        link = {"current": str(self.paths.current.readlink()).encode()}
        return {**link, **files, **self.resources()}


class Forger(TufRepo):
    """A publisher whose every key the test holds; its content is cut as real content is."""

    def __init__(self, folder: Path, *, code: str = "43") -> None:
        super().__init__(folder / "repository", code=code)
        self._scratch = Province(folder, Workspace(folder), self.now)

    def moved(self, folder: Path) -> "Forger":
        """The same publisher with a copy of its repository in another folder."""
        shutil.copytree(self.folder, folder / "repository")
        other = copy.copy(self)
        other.folder = folder / "repository"
        other.keys = {role: list(keys) for role, keys in self.keys.items()}
        other.signers = {role: list(keys) for role, keys in self.signers.items()}
        other._scratch = Province(folder, Workspace(folder), self.now)
        return other

    def cut(self, collections: Mapping[str, Content]) -> tuple[CollectionEntry, ...]:
        """Write the bytes of first editions into the repository; sign nothing."""
        return tuple(
            cut(self._scratch.request(name, content), self.folder, Silent())
            for name, content in collections.items()
        )

    def release(self, collections: Mapping[str, Mapping[str, bytes]]) -> None:
        """Cut, sign and publish."""
        self.offer(Directory(self.code, "湖南省", self.cut(collections)))
        self.publish()
