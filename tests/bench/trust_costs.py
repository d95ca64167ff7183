"""``python -m tests.bench.trust_costs``: what a night of trust costs a box, changed or not.

500 collections, one publisher or four; each publisher's own metadata and directory as it signs and
publishes them, fetched by the box's own trust code from a web server through a counting proxy.
"""

import json
import random
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path

from sync import directory
from sync.digest import sha256
from sync.directory import MAX_SIZE, CollectionEntry, Directory, FeedRef, PackRef, Stored, UpdateRef
from sync.publish import stage
from sync.publish.bases import BACK
from sync.publish.roles import KeyRole
from sync.shortened import parse_custom
from sync.transport.base import Transport
from sync.transport.http import HttpTransport
from sync.transport.meter import Meter
from sync.trust import DemoKeys
from sync.updates import routes
from sync.updates.routes import Routes, Stop
from tests.kit.province import Province
from tests.kit.server import FolderServer
from tests.kit.trustbox import TrustBox, at

COLLECTIONS, CHANGED = 500, 25
LEVELS = (("cn", "国家"), ("43", "湖南省"), ("4301", "长沙市"), ("430121", "长沙县"))
SUBJECTS = ("语文", "数学", "英语", "音乐", "美术", "科学", "道德与法治", "体育与健康")
PRESSES = ("人民教育出版社", "江苏凤凰教育出版社", "湖南文艺出版社", "北京师范大学出版社")
BEHIND = {2: "two", 7: "seven", 8: "eight"}
EARLIER = max(BACK)
"""Nights before the measured one: as many deltas as there ever are."""


@dataclass(frozen=True)
class Night:
    """What one night cost: requests and their payload by kind, and all bytes at the socket."""

    requests: int
    role_bytes: int
    directory_bytes: int
    socket_bytes: int
    """Both ways, headers included."""

    def __add__(self, other: "Night") -> "Night":
        return Night(
            self.requests + other.requests,
            self.role_bytes + other.role_bytes,
            self.directory_bytes + other.directory_bytes,
            self.socket_bytes + other.socket_bytes,
        )


def made_up(rng: random.Random, most: int) -> Stored:
    """A digest as good as any, and a length."""
    return Stored(sha256(rng.randbytes(16)), rng.randrange(100, most))


def entry(code: str, number: int, rng: random.Random) -> CollectionEntry:
    """One textbook's collection after some editions, as `kexia publish release` lists it."""
    subject, press = rng.choice(SUBJECTS), rng.choice(PRESSES)
    grade = rng.randrange(1, 10)
    made = CollectionEntry(
        id=f"{code}/{subject_code(subject)}-{grade}-{number}",
        title=f"{subject} {grade}年级{rng.choice('上下')}册 {press}",
        dimensions={
            "stage": ("primary" if grade < 7 else "junior",),
            "grade": (f"g{grade}",),
            "subject": (subject_code(subject),),
            "press": (f"press-{PRESSES.index(press)}",),
            "book": (rng.choice(("upper", "lower")),),
        },
        edition=rng.randrange(1, 40),
        lessons=rng.randrange(12, 60),
        size=rng.randrange(10**8, 10**10),
        feed=FeedRef(made_up(rng, 20_000), made_up(rng, 80_000)),
        packs=tuple(pack(rng) for _ in range(rng.randrange(2, 4))),
        updates=tuple(update(base, rng) for base in range(rng.randrange(1, 3))),
    )
    return with_routes(made)


def routes_of(entry: CollectionEntry) -> bytes:
    """Its list of update packs: it is read whenever the directory is published."""
    stop = Stop(entry.edition, entry.feed, entry.packs, entry.updates)
    [data] = routes.encode_all(Routes(entry.id, (stop,)), entry)
    return data


def with_routes(entry: CollectionEntry) -> CollectionEntry:
    """The entry, naming its list."""
    data = routes_of(entry)
    return replace(entry, routes=Stored(sha256(data), len(data)))


def subject_code(subject: str) -> str:
    """A code for a subject."""
    return f"subject{SUBJECTS.index(subject)}"


def pack(rng: random.Random) -> PackRef:
    """A pack and its table."""
    return PackRef(made_up(rng, 2**30), made_up(rng, 2**20))


def update(base: int, rng: random.Random) -> UpdateRef:
    """An update pack."""
    return UpdateRef(base, made_up(rng, 2**24), made_up(rng, 2**12))


def next_edition(old: CollectionEntry, rng: random.Random) -> CollectionEntry:
    """What one more release changes of an entry: all but its name, and one more pack."""
    made = replace(
        old,
        edition=old.edition + 1,
        lessons=old.lessons + rng.randrange(2),
        size=old.size + rng.randrange(10**7),
        feed=FeedRef(made_up(rng, 20_000), made_up(rng, 80_000)),
        packs=(*old.packs, pack(rng)),
        updates=tuple(replace(update(0, rng), base=old.edition - each.base)
                      for each in old.updates),
    )  # fmt: skip
    return with_routes(made)


def changed(listed: Directory, count: int, rng: random.Random) -> Directory:
    """The directory of the next night: ``count`` collections have a new edition."""
    chosen = set(rng.sample([each.id for each in listed.collections], count))
    return replace(
        listed,
        collections=tuple(
            next_edition(each, rng) if each.id in chosen else each for each in listed.collections
        ),
    )


def content(listed: Directory) -> Iterator[tuple[str, bytes]]:
    """Every content file that ``listed`` leads to; empty where nobody looks into it."""
    for each in listed.collections:
        yield directory.feed_name(each.feed), b""
        for pack in each.packs:
            yield directory.pack_name(pack.pack), b""
            yield directory.table_name(pack.table), b""
        for update in each.updates:
            yield directory.update_name(update.pack), b""
        if each.routes:
            yield directory.routes_name(each.routes), routes_of(each)


class Publisher:
    """A real workspace whose directory is made up; its content is never fetched here."""

    def __init__(self, folder: Path, code: str, name: str, collections: int, seed: int) -> None:
        self.rng = random.Random(f"{code} {seed}")
        self.province = Province.create(folder, code, name)
        listed = (entry(code, number, self.rng) for number in range(collections))
        self.listed = Directory(code, name, tuple(sorted(listed, key=lambda each: each.id)))
        self.publish(self.listed)

    def publish(self, listed: Directory) -> None:
        """Stage, sign and publish ``listed`` as the tools do, a day later."""
        self.listed = listed
        province = self.province
        province.now += timedelta(days=1)
        for name, data in content(listed):
            path = province.repository / name
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
        stage.stage_directory(province.workspace, listed, province.now)
        province.publish_all()

    def night(self, count: int) -> None:
        """Publish ``count`` changed collections."""
        self.publish(changed(self.listed, count, self.rng))


class Wire:
    """Passes connections on to ``port`` and counts every byte, both ways."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._open: list[socket.socket] = [self._listener]
        self._threads: list[threading.Thread] = []
        self.bytes = 0
        self._start(self._accept)

    @property
    def url(self) -> str:
        """What the box is told."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        """Hang up everywhere and wait for all threads."""
        for one in self._open:
            with suppress(OSError):  # hung up by the other side already
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for one in self._open:
            one.close()

    def _start(self, target: Callable[..., None], *arguments: socket.socket) -> None:
        self._threads.append(threading.Thread(target=target, args=arguments, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._port))
                self._open += [near, far]
                self._start(self._pass, near, far)
                self._start(self._pass, far, near)

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(2**16):
                with self._lock:  # first: the box may look once it has it
                    self.bytes += len(data)
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)


class _ByKind:
    """Counts payload bytes of the directory's forms apart."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.label = inner.label
        self.directory_bytes = 0

    def read(self, name: str, *, limit: int) -> bytes:
        data = self._inner.read(name, limit=limit)
        if ".directory" in name:
            self.directory_bytes += len(data)
        return data

    def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:
        return self._inner.stream(name, offset=offset, length=length)


@contextmanager
def wired(folder: Path) -> Iterator[Wire]:
    """A web server over ``folder`` behind a counting wire."""
    with FolderServer(folder) as server:
        wire = Wire(server.port)
        try:
            yield wire
        finally:
            wire.close()


def follow(publisher: Publisher, box: TrustBox) -> Night:
    """What the box's refresh from the publisher's server costs; proves that it got everything."""
    with wired(publisher.province.repository) as wire:
        kinds = _ByKind(HttpTransport(wire.url))
        meter = Meter(kinds)
        trusted = box.refresh(meter, at(publisher.province.now))
        assert trusted.directory == publisher.listed
        roles = meter.bytes - kinds.directory_bytes
        return Night(meter.requests, roles, kinds.directory_bytes, wire.bytes)


@dataclass(frozen=True)
class Costs:
    """One layout's nights; a sum over its publishers."""

    layout: str
    first: Night
    """A new box: everything."""
    unchanged: Night
    changed: Night
    two_behind: Night
    seven_behind: Night | None = None
    eight_behind: Night | None = None
    """No delta starts there: the whole frame."""


def measure(work: Path, publishers: Sequence[tuple[str, str]], *, earlier: int) -> Costs:
    """``COLLECTIONS`` under ``publishers``, ``CHANGED`` of them a night, after ``earlier`` ones."""
    share, change = COLLECTIONS // len(publishers), CHANGED / len(publishers)
    nights: dict[str, list[Night]] = {}
    for index, (code, name) in enumerate(publishers):
        # 25 over four publishers: 7, 6, 6, 6
        count = int(change * (index + 1) + 0.5) - int(change * index + 0.5)
        publisher = Publisher(work / code, code, name, share, seed=1)
        for kind, night in one(work / f"box-{code}", publisher, count, earlier=earlier):
            nights.setdefault(kind, []).append(night)
    layout = f"{len(publishers)} x {share}"
    return Costs(layout, **{kind: _sum(each) for kind, each in nights.items()})


def one(
    box: Path, publisher: Publisher, count: int, *, earlier: int
) -> Iterator[tuple[str, Night]]:
    """The nights of one publisher by kind."""
    behind: dict[int, TrustBox] = {}
    for left in range(earlier, 0, -1):
        if left in BEHIND:
            behind[left] = following(box.with_name(f"{box.name}-{left}"), publisher)
            follow(publisher, behind[left])
        publisher.night(count)
    steady = following(box, publisher)
    yield "first", follow(publisher, steady)
    yield "unchanged", follow(publisher, steady)
    for nights, late in behind.items():
        yield f"{BEHIND[nights]}_behind", follow(publisher, late)
    publisher.night(count)
    yield "changed", follow(publisher, steady)


def listed_deltas(publisher: Publisher) -> int:
    """How many deltas the published editor's metadata lists."""
    custom = publisher.province.roles.custom(KeyRole.EDITOR) or {}
    return len(parse_custom(custom, size=MAX_SIZE).deltas)


def following(folder: Path, publisher: Publisher) -> TrustBox:
    """A box that knows the publisher's root and nothing else."""
    return TrustBox(folder, publisher.province.root, demo=DemoKeys.ACCEPT)


def _sum(nights: Sequence[Night]) -> Night:
    total = nights[0]
    for night in nights[1:]:
        total += night
    return total


def main() -> None:
    """Run, print a table and, last, one JSON object."""
    work = Path(tempfile.mkdtemp(prefix="kexia-trust-"))
    try:
        rows = [
            measure(work / "one", LEVELS[1:2], earlier=EARLIER),
            measure(work / "four", LEVELS, earlier=EARLIER),
        ]
    finally:
        shutil.rmtree(work)
    sys.stdout.write(
        "| publishers x collections | night | requests | roles | directory | socket |\n"
    )
    sys.stdout.write("|---|---|---|---|---|---|\n")
    for costs in rows:
        for kind in ("first", "unchanged", "changed", "two_behind", "seven_behind", "eight_behind"):
            night: Night = getattr(costs, kind)
            sys.stdout.write(
                f"| {costs.layout} | {kind.replace('_', ' ')} | {night.requests} "
                f"| {night.role_bytes:,} | {night.directory_bytes:,} | {night.socket_bytes:,} |\n"
            )
    sys.stdout.write(json.dumps({costs.layout: asdict(costs) for costs in rows}) + "\n")


if __name__ == "__main__":
    main()
