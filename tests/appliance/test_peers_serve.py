"""A box's port for its neighbours: what it gives, what it does not, and to whom."""

import ipaddress
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
import urllib3

from appliance.announcement import Announcement, marks
from appliance.onlink import Link, PeerPolicy
from appliance.serve.fairness import PER_CLIENT
from sync.digest import Digest, sha256, sharded
from sync.errors import NoSource, NotThere
from sync.transport.http import HttpTransport
from sync.trust import DemoKeys, TrustClock, parse_root, refresh
from tests.kit.boxes import BoxUnderTest
from tests.kit.neighbours import PeerServer
from tests.kit.netns import Lab, needs_namespaces
from tests.kit.province import Province

pytestmark = [pytest.mark.thorough, needs_namespaces]
BIG = Random(3).randbytes(900_000)
CONTENT = {"43/a": {"l1.mp4": BIG, "l1.pdf": b"paper", "l2.vtt": b"words", "bad.pdf": b"wrong"}}
HOST = "10.77.0.1"
LAN = Link("lan0", (ipaddress.ip_interface("10.77.0.1/24"),))


@dataclass
class Street:
    lab: Lab
    province: Province
    box: BoxUnderTest
    peer: PeerServer

    @property
    def id(self) -> str:
        return parse_root(self.province.root).publisher_id

    @property
    def repository(self) -> str:
        return f"{self.peer.url(HOST)}/repositories/{self.id}"


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    folder = tmp_path_factory.mktemp("street")
    province = Province.create(folder)
    province.publish(CONTENT)
    box = BoxUnderTest.create(folder / "box", province.root)
    box.set_peers(PeerPolicy(serve=True))
    box.subscribe("43/a")
    box.sync(province.repository)
    province.withdraw("43/a/bad")
    province.publish_all()
    box.sync(province.repository)
    with Lab("east", "west", "class", "far") as lab:
        lab.join("east", f"{HOST}/24", "west", "10.77.0.2/24", name="lan0")
        lab.join("east", "10.88.0.1/24", "class", "10.88.0.2/24", name="wlan0")
        lab.join("west", "10.66.0.1/24", "far", "10.66.0.2/24", name="lan1")
        lab.route("class", "10.77.0.0/24", "10.88.0.1")
        lab.route("far", "10.77.0.0/24", "10.66.0.1")
        lab.route("east", "10.66.0.0/24", "10.77.0.2")
        lab.forward("west")
        with lab.inside("east"):
            peer = PeerServer(box.paths, lambda: (LAN,))
            peer.__enter__()
        try:
            yield Street(lab, province, box, peer)
        finally:
            peer.__exit__(None, None, None)


@pytest.fixture
def west(street: Street) -> Iterator[Street]:
    with street.lab.inside("west"):
        yield street


def name_of(data: bytes, folder: str = "resources") -> str:
    return f"{folder}/{sharded(sha256(data))}"


def test_trust_is_refreshed_from_a_neighbour_alone(west: Street, tmp_path: Path) -> None:
    trusted = refresh(
        HttpTransport(west.repository),
        tmp_path / "trust",
        root=parse_root(west.province.root),
        clock=TrustClock(
            datetime(2026, 11, 24, tzinfo=UTC), wall_is_set=True, floor=west.province.now
        ),
        demo=DemoKeys.ACCEPT,
    )
    entry = trusted.directory.entry("43/a")
    assert entry is not None
    feed = entry.feed
    published = (west.province.repository / f"feeds/{sharded(feed.stored.digest)}").read_bytes()
    transport = HttpTransport(west.repository)
    assert transport.read(f"feeds/{sharded(feed.stored.digest)}", limit=10**6) == published
    plain = transport.read(f"feeds/{sharded(feed.plain.digest)}", limit=10**6)
    assert sha256(plain) == feed.plain.digest


def test_metadata_is_what_the_publisher_signed_byte_for_byte(west: Street) -> None:
    transport = HttpTransport(west.repository)
    names = ["timestamp.json", "1.root.json"]
    newest: dict[str, int] = {}
    for path in (west.province.repository / "metadata").glob("*.*.json"):
        version, role, _ = path.name.split(".")
        newest[role] = max(int(version), newest.get(role, 0))
    names += [f"{version}.{role}.json" for role, version in newest.items()]
    assert len(names) == 9
    for name in names:
        signed = (west.province.repository / "metadata" / name).read_bytes()
        assert transport.read(f"metadata/{name}", limit=10**6) == signed


def test_resources_come_whole_and_in_ranges(west: Street) -> None:
    transport = HttpTransport(west.repository)
    assert transport.read(name_of(BIG), limit=len(BIG)) == BIG
    assert b"".join(transport.stream(name_of(BIG), offset=5, length=300_000)) == BIG[5:300_005]
    assert HttpTransport(west.peer.url(HOST)).read(name_of(b"paper"), limit=10) == b"paper"


def test_conditions_and_head(west: Street) -> None:
    http = urllib3.PoolManager(retries=False)
    url = f"{west.repository}/{name_of(BIG)}"
    head = http.request("HEAD", url)
    assert (head.status, head.headers["Content-Length"], head.data) == (200, str(len(BIG)), b"")
    tag = head.headers["ETag"]
    part = http.request("GET", url, headers={"Range": "bytes=10-19", "If-Range": tag})
    assert (part.status, part.data) == (206, BIG[10:20])
    other = http.request("GET", url, headers={"Range": "bytes=10-19", "If-Range": '"other"'})
    assert (other.status, len(other.data)) == (200, len(BIG))
    assert http.request("POST", url).status == 405
    http.clear()


@pytest.mark.parametrize(
    "name",
    [
        "metadata/floor.json",
        "floor.json",
        "metadata/999.snapshot.json",
        "resources/00/" + "0" * 64,
        "resources/../../kexia.toml",
        "feeds/../kexia.toml",
        "catalog.db",
        "state.db",
        "packs/aa/" + "a" * 64 + ".pack",
        "metadata",
        "metadata/",
    ],
)
def test_nothing_else_has_a_name(west: Street, name: str) -> None:
    http = urllib3.PoolManager(retries=False)
    assert http.request("GET", f"{west.repository}/{name}").status == 404
    http.clear()


@pytest.mark.parametrize(
    "path", ["/", "/search", "/api/v1/status", "/r/" + "0" * 64, "/kexia-peer/2/"]
)
def test_it_has_no_page(west: Street, path: str) -> None:
    http = urllib3.PoolManager(retries=False)
    answer = http.request("GET", f"http://{HOST}:18082{path}")
    assert (answer.status, answer.data) == (404, b"")
    http.clear()


def test_a_withdrawn_lesson_is_not_passed_on(west: Street) -> None:
    assert west.box.store.library.has(Digest(sha256(b"wrong"))), "or this test shows nothing"
    with pytest.raises(NotThere):
        HttpTransport(west.repository).read(name_of(b"wrong"), limit=100)


def test_a_foreign_host_name_is_refused(west: Street) -> None:
    http = urllib3.PoolManager(retries=False)
    url = f"{west.repository}/metadata/timestamp.json"
    assert http.request("GET", url, headers={"Host": "evil.example"}).status == 421
    http.clear()


def connects(host: str, port: int = 18082) -> bool:
    """Whether somebody speaks there: an answer, not only a handshake that is taken back."""
    try:
        with socket.create_connection((host, port), timeout=3) as line:
            line.sendall(b"GET / HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n")
            return line.recv(100) != b""
    except OSError:
        return False


def test_the_classroom_finds_no_open_door(street: Street) -> None:
    with street.lab.inside("west"):
        assert connects(HOST)
    with street.lab.inside("class"):
        assert not connects("10.88.0.1"), "the box's address on the Wi-Fi"
        assert not connects(HOST), "its other address, by the box as router"


@pytest.mark.parametrize("host", ["10.88.0.1", HOST])
def test_the_classrooms_interface_does_not_even_listen(street: Street, host: str) -> None:
    with street.lab.inside("class"), pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, 18082), timeout=5).close()


def test_nobody_is_served_from_behind_a_router(street: Street) -> None:
    pages = int(street.peer.page_url.rpartition(":")[2])
    with street.lab.inside("far"):
        assert connects(HOST, pages), "the way leads there, or this test shows nothing"
        assert not connects(HOST)


def test_one_neighbour_gets_a_few_connections_only(west: Street) -> None:
    lines = [socket.create_connection((HOST, 18082), timeout=5) for _ in range(PER_CLIENT + 3)]
    answered = 0
    for line in lines:
        try:
            line.sendall(b"GET / HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n")
            answered += line.recv(100) != b""
        except OSError:
            pass
    for line in lines:
        line.close()
    assert answered == PER_CLIENT


def test_the_announcement_says_which_state_is_here(street: Street) -> None:
    links, said = street.peer.announced[-1]
    assert links == (LAN,)
    assert said is not None
    timestamp = json.loads((street.province.repository / "metadata/timestamp.json").read_bytes())
    assert said.marks == marks({street.id: timestamp["signed"]["version"]})


def test_what_could_not_be_announced_is_announced_again(street: Street) -> None:
    errors: list[Exception] = [OSError("no such device"), NoSource("not heard")]

    def announce(_links: tuple[Link, ...], _said: Announcement | None) -> None:
        if errors:
            raise errors.pop()

    with PeerServer(street.box.paths, lambda: (), announce=announce) as peer:
        pass  # entered once it was announced
    assert peer.announced[0][1] is not None
    assert not errors
