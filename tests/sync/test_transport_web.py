"""The way to web servers: proxies, limits for each host, redirects, IPv6, the environment."""

import base64
import datetime as dt
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sync.errors import NoSource, UsageError
from sync.transport.http import HttpTransport
from sync.transport.web import PER_HOST, Timeouts, Web, system_tls
from tests.kit.faults import Fault, NoRanges, Redirect, Silence, Slow
from tests.kit.proxy import Proxy
from tests.kit.server import ALWAYS, FolderServer
from tests.kit.tls import certificate

DATA = bytes(range(256)) * 2000
HOST = "repository.test"
"""A name that no resolver of this machine knows."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FolderServer]:
    (tmp_path / "file").write_bytes(DATA)
    with FolderServer(tmp_path) as server:
        yield server


def some(transport: HttpTransport, offset: int = 1000, length: int = 200_000) -> bytes:
    return b"".join(transport.stream("file", offset=offset, length=length))


def test_everything_goes_through_the_proxy(server: FolderServer) -> None:
    with Proxy({HOST: server.port}) as proxy:
        transport = HttpTransport(f"http://{HOST}/", web=Web(proxy=proxy.url))
        assert transport.read("file", limit=len(DATA)) == DATA
        assert some(transport) == DATA[1000:201_000]
        assert proxy.asked == [f"GET http://{HOST}/file"] * 2
    assert server.record.asked[1].range == "bytes=1000-200999"
    with pytest.raises(NoSource, match="cannot be resolved"):
        HttpTransport(f"http://{HOST}/").read("file", limit=1)


def test_https_passes_the_proxy_unopened(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(DATA)
    cert, key = certificate(
        tmp_path, ends=dt.datetime.now(dt.UTC) + dt.timedelta(days=9), host=HOST
    )
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(cert, key)
    ours = system_tls(Web().dates)
    ours.load_verify_locations(cert)
    with FolderServer(tmp_path, tls=theirs) as server, Proxy({HOST: server.port}) as proxy:
        transport = HttpTransport(f"https://{HOST}", web=Web(proxy=proxy.url, tls=ours))
        assert transport.read("file", limit=len(DATA)) == DATA
        assert some(transport) == DATA[1000:201_000]
        assert proxy.asked == [f"CONNECT {HOST}:443"]
        assert server.requests == ["file", "file"]
        unknown = HttpTransport(f"https://{HOST}", web=Web(proxy=proxy.url))
        with pytest.raises(NoSource, match="TLS certificate"):
            unknown.read("file", limit=len(DATA))


def test_the_login_is_for_the_proxy_alone(server: FolderServer) -> None:
    login = "Basic " + base64.b64encode(b"box:p@ss").decode()
    with Proxy({HOST: server.port}, login=login) as proxy:
        web = Web(proxy=f"http://box:p%40ss@{proxy.address}")
        assert HttpTransport(f"http://{HOST}", web=web).read("file", limit=len(DATA)) == DATA
        assert not any("auth" in key for key in server.record.asked[0].headers)
        with pytest.raises(NoSource, match="407") as caught:
            HttpTransport(f"http://{HOST}", web=Web(proxy=proxy.url)).read("file", limit=1)
        assert "p%40ss" not in caught.value.fact


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_dead_proxy_is_named_without_its_password(scheme: str) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        proxy = f"http://box:secret@127.0.0.1:{reserved.getsockname()[1]}"
        transport = HttpTransport(f"{scheme}://{HOST}", web=Web(proxy=proxy))
        with pytest.raises(NoSource, match="proxy does not let it through") as caught:
            transport.read("file", limit=1)
    assert "[network] proxy" in caught.value.hint
    assert "secret" not in caught.value.fact


def test_a_proxy_that_knows_no_way_is_no_source(server: FolderServer) -> None:
    with Proxy({}) as proxy:
        for scheme in ("http", "https"):
            with pytest.raises(NoSource, match="502"):
                HttpTransport(f"{scheme}://{HOST}", web=Web(proxy=proxy.url)).read("file", limit=1)


@pytest.mark.parametrize(
    "proxy", ["https://h:1", "h:1", "http://h", "http://h:0", "http://h:1/x", "http://h:1\n.x:2"]
)
def test_refuses_other_proxies(proxy: str) -> None:
    with pytest.raises(UsageError, match="proxy's address"):
        Web(proxy=proxy)


def test_the_environment_is_not_asked(
    server: FolderServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with Proxy({}) as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        (tmp_path / ".netrc").write_text("machine 127.0.0.1 login a password b\n")
        monkeypatch.setenv("HOME", str(tmp_path))
        assert HttpTransport(server.url).read("file", limit=len(DATA)) == DATA
        assert proxy.asked == []
    assert "authorization" not in server.record.asked[0].headers


def test_few_connections_to_one_host(server: FolderServer) -> None:
    server.fail("file", Silence(0.05), times=ALWAYS)
    web = Web()
    transports = [HttpTransport(server.url, web=web), HttpTransport(f"{server.url}/", web=web)]
    with ThreadPoolExecutor(12) as pool:
        every = list(pool.map(lambda number: some(transports[number % 2]), range(24)))
    assert every == [DATA[1000:201_000]] * 24
    assert server.record.most_open == PER_HOST
    assert server.record.connections == PER_HOST


@pytest.mark.parametrize("fault", [Fault(), NoRanges()], ids=["ranges", "no ranges"])
def test_streams_left_early_give_their_place_back(server: FolderServer, fault: Fault) -> None:
    server.fail("file", fault, times=ALWAYS)
    waits = Timeouts(read=2)
    transport = HttpTransport(server.url, web=Web(timeouts=waits))
    for _ in range(PER_HOST + 2):
        stream = transport.stream("file", offset=0, length=len(DATA))
        next(stream)
        stream.close()  # type: ignore[attr-defined]  # a generator
    assert some(transport) == DATA[1000:201_000]


def test_who_waits_too_long_for_a_place_is_told(server: FolderServer) -> None:
    transport = HttpTransport(server.url, web=Web(timeouts=Timeouts(read=0.2)))
    server.fail("file", Slow(10**6), times=ALWAYS)
    held = [transport.stream("file", offset=0, length=len(DATA)) for _ in range(PER_HOST)]
    for stream in held:
        next(stream)
    with pytest.raises(NoSource, match="all 4 connections to it are in use"):
        some(transport)
    for stream in held:
        stream.close()  # type: ignore[attr-defined]  # a generator
    assert some(transport) == DATA[1000:201_000]


def test_a_redirect_to_another_host_takes_nothing_along(
    server: FolderServer, tmp_path: Path
) -> None:
    with FolderServer(tmp_path) as other:
        server.fail("file", Redirect(f"{other.url}/file"))
        assert some(HttpTransport(server.url)) == DATA[1000:201_000]
        sent = other.record.asked[0].headers
        assert set(sent) == {"host", "user-agent", "accept-encoding", "range"}
        server.fail("file", Redirect(f"http://user:pass@127.0.0.1:{other.port}/file"))
        with pytest.raises(NoSource, match="user name"):
            some(HttpTransport(server.url))
        assert len(other.requests) == 1


def test_a_loop_between_two_hosts_ends(server: FolderServer, tmp_path: Path) -> None:
    with FolderServer(tmp_path) as other:
        server.fail("file", Redirect(f"{other.url}/file"), times=ALWAYS)
        other.fail("file", Redirect(f"{server.url}/file"), times=ALWAYS)
        with pytest.raises(NoSource, match="more than 5 redirects"):
            some(HttpTransport(server.url))
        assert len(server.requests) + len(other.requests) == 6


def test_ipv6(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(DATA)
    try:
        server = FolderServer(tmp_path, host="::1")
    except OSError as error:
        pytest.skip(f"this machine has no IPv6: {error}")
    with server:
        transport = HttpTransport(server.url)
        assert transport.label == f"http://[::1]:{server.port}"
        assert transport.read("file", limit=len(DATA)) == DATA
        assert some(transport) == DATA[1000:201_000]
        server.fail("file", Redirect(f"http://[::1]:{server.port}/file"))
        assert some(transport) == DATA[1000:201_000]


def test_reads_no_more_at_once_than_asked(server: FolderServer) -> None:
    transport = HttpTransport(server.url, web=Web(block=3000))
    blocks = list(transport.stream("file", offset=0, length=len(DATA)))
    assert b"".join(blocks) == DATA
    assert max(map(len, blocks)) <= 3000


def test_one_web_for_many_threads_makes_one_pool(server: FolderServer) -> None:
    web = Web()
    start = threading.Barrier(6)

    def first(_: int) -> bytes:
        start.wait()
        return HttpTransport(server.url, web=web).read("file", limit=len(DATA))

    began = time.monotonic()
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(first, range(6))) == [DATA] * 6
    assert server.record.most_open <= PER_HOST
    assert time.monotonic() - began < 20
