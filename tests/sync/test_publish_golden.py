"""A whole repository as boxes out there will read it: byte for byte, from keys that never change.

When a format changes on purpose, delete the golden folder and run this once: it writes the files,
and fails until they were read. Content stays as it was cut then, however it is cut today.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256 as hash_of
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tuf.api.metadata import Metadata, Root  # type: ignore[attr-defined]  # documented, no __all__

from sync import directory
from sync.carry import Carrier
from sync.digest import sha256
from sync.directory import CollectionEntry, Directory, Stored
from sync.library import Store
from sync.progress import Silent
from sync.publish import in_force, sign
from sync.publish.in_force import LISTED, PATHS, ROOT_ROLES, Child, Publisher
from sync.publish.keys import ROOT_KEYS, Signer
from sync.publish.roles import KeyRole
from sync.publish.sign import TargetsChange
from sync.publish.workspace import Shelf, routes_on, target_name
from sync.publish.workspace import content as content_of
from sync.shortened import custom_value, shorten
from sync.transport.meter import Meter
from sync.transport.volume import VolumeTransport
from sync.trust import DemoKeys, TrustClock, parse_root, refresh
from sync.trust.notices import Withdrawal, encode_held, encode_withdrawals
from sync.updates import routes as ways
from tests.kit.boxes import BoxUnderTest
from tests.kit.packed import holds
from tests.kit.province import Edition
from tests.kit.series import Series

GOLDEN = Path(__file__).parents[1] / "golden" / "publish-1"
NOW = datetime(2026, 11, 23, 6, tzinfo=UTC)


def key(name: str) -> Signer:
    """The same key for the same name, on every machine and for ever."""
    return Signer(Ed25519PrivateKey.from_private_bytes(hash_of(name.encode()).digest()))


def stored(data: bytes) -> Stored:
    return Stored(sha256(data), len(data))


def golden_repository() -> dict[str, bytes]:
    """All files of a publisher with two collections, one of them held, and one child."""
    keys = {role: [key(role)] for role in KeyRole}
    keys[KeyRole.ROOT] = [key(f"root {number}") for number in range(ROOT_KEYS)]
    content, entries = golden_content()
    publisher = Publisher("43", "湖南省", demo=True)
    child = child_root()
    earlier = tuple(replace(entry, edition=entry.edition - 1) for entry in entries)
    before = directory.encode(Directory("43", "湖南省", earlier))
    listed_now = directory.encode(Directory("43", "湖南省", entries, reinstated=(1,)))
    forms, shorter = shorten(listed_now, [before])
    targets = {
        KeyRole.EDITOR: listed_now,
        KeyRole.ROLLOUT: encode_held(["43/math-1a"]),
        KeyRole.WITHDRAW: encode_withdrawals(
            [Withdrawal(2, "43/music-1a", "l3", "版权", "2026-11-23T06:00:00Z")]
        ),
    }
    files = content
    files |= {target_name(stored(data), PATHS[role]): data for role, data in targets.items()}
    files |= shorter
    targets[KeyRole.REVIEWER] = targets[KeyRole.EDITOR]
    of_root = {role: keys[role] for role in ROOT_ROLES}
    files["metadata/1.root.json"] = sign.make_root(publisher, of_root, NOW)
    for role, data in targets.items():
        custom = custom_value(forms) if role is KeyRole.EDITOR else None
        files[f"metadata/4.{role}.json"] = sign.make_role(
            role, 4, stored(data), keys[role], NOW, custom=custom
        )
    files |= targets_with_child(keys, child)
    listed = dict.fromkeys(LISTED, 4) | {KeyRole.TARGETS: 2}
    snapshot = sign.make_snapshot(5, listed, keys[KeyRole.SNAPSHOT], NOW)
    files["metadata/5.snapshot.json"] = snapshot
    files["metadata/timestamp.json"] = sign.make_timestamp(6, 5, keys[KeyRole.TIMESTAMP], NOW)
    return files


def words(seed: int, count: int) -> list[str]:
    """Lines of a text that are the same on every machine and for ever."""
    return [f"{hash_of(f'{seed} {line}'.encode()).hexdigest()}\n" for line in range(count)]


SONG = words(1, 60)
SOUND = b"".join(hash_of(b"%d" % block).digest() for block in range(500))
MUSIC = (
    {"l1.html": "".join(SONG).encode(), "l1.bin": SOUND},
    {"l1.html": "".join([*SONG[:30], "二\n", *SONG[30:]]).encode(), "l1.bin": SOUND},
    {
        "l1.html": "".join([*SONG[:20], "三\n", *SONG[25:]]).encode(),
        "l1.bin": SOUND[:8_000] + b"again" + SOUND[8_000:],
        "l3.html": "".join(SONG[10:50]).encode(),
        "l4.txt": b"",
    },
)
"""The files of three editions of one collection."""


Content = tuple[dict[str, bytes], tuple[CollectionEntry, ...]]


def golden_content() -> Content:
    """Packs, update packs, tables, feeds and routes, and the entries that lead to them."""
    if GOLDEN.exists():
        return read_content(GOLDEN, golden_directory().collections)
    with TemporaryDirectory() as folder:
        out = Path(folder, "out")
        math = Series(Path(folder), out, "43/math-1a").release({"l1.txt": b"1 + 1"})
        series = Series(Path(folder), out, "43/music-1a")
        music = [series.release(Edition(each, title="音乐 一年级上册")) for each in MUSIC]
        return read_content(out, (math, music[-1]))


def read_content(folder: Path, entries: tuple[CollectionEntry, ...]) -> Content:
    shelf = Shelf([folder])
    needed = content_of(entries, routes_on(shelf))
    return {name: shelf.read(name, proof) for name, proof in needed}, entries


def golden_directory() -> Directory:
    [path] = GOLDEN.glob("targets/*.directory")
    return directory.decode(path.read_bytes())


def child_root() -> bytes:
    keys = {role: [key(f"child {role}")] for role in ROOT_ROLES}
    keys[KeyRole.ROOT] = [key(f"child root {number}") for number in range(ROOT_KEYS)]
    return sign.make_root(Publisher("4301", "长沙市", demo=True), keys, NOW)


def targets_with_child(keys: Mapping[KeyRole, list[Signer]], child: bytes) -> dict[str, bytes]:
    signer = keys[KeyRole.TARGETS][0]
    first = sign.make_targets({role: keys[role][0] for role in PATHS}, signer, NOW)
    introduced = Child("4301", "长沙市", ("https://cs.example.cn/",), stored(child))
    roles = in_force.Roles(
        root=Metadata[Root].from_bytes(
            sign.make_root(
                Publisher("43", "湖南省", demo=True), {r: keys[r] for r in ROOT_ROLES}, NOW
            )
        ),
        listed={KeyRole.TARGETS: in_force.parse_role(first)},
        snapshot=None,  # type: ignore[arg-type]  # not looked at
        timestamp=None,  # type: ignore[arg-type]  # not looked at
    )
    change = TargetsChange(children={"4301": introduced})
    second = sign.next_targets(roles, change, 2, [signer], NOW)
    return {"metadata/2.targets.json": second, target_name(introduced.root, introduced.path): child}


@pytest.fixture(scope="module")
def made() -> dict[str, bytes]:
    return golden_repository()


def test_the_golden_repository_is_reproduced(made: dict[str, bytes]) -> None:
    if not GOLDEN.exists():
        for name, data in made.items():
            (GOLDEN / name).parent.mkdir(parents=True, exist_ok=True)
            (GOLDEN / name).write_bytes(data)
        pytest.fail("golden files written; read them, then run again")
    found = {
        path.relative_to(GOLDEN).as_posix(): path.read_bytes()
        for path in GOLDEN.rglob("*")
        if path.is_file()
    }
    assert found == made


def test_a_box_trusts_the_golden_repository(tmp_path: Path) -> None:
    trusted = refresh(
        VolumeTransport(GOLDEN),
        tmp_path / "trust",
        root=parse_root((GOLDEN / "metadata" / "1.root.json").read_bytes()),
        clock=TrustClock(NOW, wall_is_set=True, floor=NOW),
        demo=DemoKeys.ACCEPT,
    )
    assert trusted.versions["timestamp"] == 6
    assert trusted.signed_at == NOW
    assert [entry.id for entry in trusted.directory.collections] == ["43/math-1a", "43/music-1a"]
    assert trusted.held == {"43/math-1a"}
    assert [each.number for each in trusted.withdrawals] == [2]
    assert [each.code for each in trusted.children] == ["4301"]


def test_a_box_serves_what_the_golden_repository_holds(tmp_path: Path) -> None:
    root = (GOLDEN / "metadata" / "1.root.json").read_bytes()
    box = BoxUnderTest.create(tmp_path / "box", root).subscribe("43/music-1a", "43/math-1a")
    report = box.sync(GOLDEN)
    assert (report.exit_code, report.problems) == (0, ())
    assert (report.editions, report.withdrawn) == ({"43/music-1a": 3}, 1)
    assert sorted(box.resources().values()) == sorted(MUSIC[-1].values())
    assert box.lessons() == {"43/music-1a/l1", "43/music-1a/l4"}


@pytest.mark.parametrize("start", [0, 1, 2])
def test_update_packs_lead_through_the_golden_repository(start: int, tmp_path: Path) -> None:
    """From each edition the list of routes names, to the newest."""
    store, source = Store(tmp_path / "box"), Meter(VolumeTransport(GOLDEN))
    [_, newest] = golden_directory().collections
    routes = routes_on(Shelf([GOLDEN]))(newest)
    assert [stop.edition for stop in routes.stops] == [1, 2, 3]
    held: dict[str, CollectionEntry] = {}
    stops = [stop for stop in routes.stops if stop.edition == start]
    for stop in stops:
        held[newest.id] = ways.entry_at(newest, stop)
        Carrier(source, store, Silent(), {}).carry([held[newest.id]])
        assert holds(store, MUSIC[start - 1].values())
    plan = Carrier(source, store, Silent(), held).plan([newest], short=0)
    assert any(one.steps for one in plan.wanted)
    Carrier(source, store, Silent(), held).execute(plan)
    assert holds(store, MUSIC[-1].values())
