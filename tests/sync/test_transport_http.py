"""A web server as source: what may go wrong, and what the box makes of it."""

import datetime as dt
import inspect
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import urllib3.exceptions

from sync.errors import FormatError, NoSource, NotThere, UsageError
from sync.transport import web
from sync.transport.http import HttpTransport
from sync.transport.locate import open_transport
from sync.transport.volume import VolumeTransport
from sync.transport.web import CertificateDates, Timeouts, Web
from tests.kit.faults import (
    Chunked,
    CutAfter,
    Fault,
    Hangup,
    Headers,
    NoRanges,
    Portal,
    Redirect,
    Replace,
    Silence,
    Status,
)
from tests.kit.server import ALWAYS, FolderServer
from tests.kit.tls import certificate

DATA = bytes(range(256)) * 4000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FolderServer]:
    (tmp_path / "file").write_bytes(DATA)
    with FolderServer(tmp_path) as server:
        yield server


@pytest.fixture
def transport(server: FolderServer) -> HttpTransport:
    return HttpTransport(
        server.url, web=Web(agent="kexia/9.8", timeouts=Timeouts(connect=2, read=0.5))
    )


def stream(transport: HttpTransport, offset: int = 1000, length: int = 300_000) -> bytes:
    return b"".join(transport.stream("file", offset=offset, length=length))


def test_says_who_asks_and_wants_plain_bytes(
    server: FolderServer, transport: HttpTransport
) -> None:
    transport.read("file", limit=len(DATA))
    stream(transport)
    assert {asked.agent for asked in server.record.asked} == {"kexia/9.8"}
    assert {asked.encoding for asked in server.record.asked} == {"identity"}
    assert [asked.range for asked in server.record.asked] == ["", "bytes=1000-300999"]


def test_keeps_one_connection(server: FolderServer, transport: HttpTransport) -> None:
    for _ in range(5):
        transport.read("file", limit=len(DATA))
        assert stream(transport) == DATA[1000:301_000]
        with pytest.raises(NotThere):
            transport.read("none", limit=10)
    assert server.record.connections == 1


def test_asks_nothing_for_nothing(server: FolderServer, transport: HttpTransport) -> None:
    assert stream(transport, length=0) == b""
    assert server.requests == []


@pytest.mark.parametrize("code", [403, 404, 410])
def test_missing(server: FolderServer, transport: HttpTransport, code: int) -> None:
    server.fail("file", Status(code), times=2)
    with pytest.raises(NotThere, match=f"status {code}"):
        transport.read("file", limit=len(DATA))
    with pytest.raises(NotThere, match=f"status {code}"):
        stream(transport)


FAULTS: dict[str, tuple[Fault, str]] = {
    "server error": (Status(500), "status 500"),
    "login wanted": (Status(401), "status 401"),
    "busy": (Status(503), "status 503"),
    "redirect to nowhere": (Status(302), "status 302"),
    "portal": (Portal(), "web page instead"),
    "xhtml portal": (Portal(content_type="Application/XHTML+xml"), "web page instead"),
    "breaks off": (CutAfter(100), "broke off"),
    "breaks off late": (CutAfter(299_999), "broke off"),
    "hangs up": (Hangup(), "broke off"),
    "silent": (Silence(1.0), "in time"),
    "compressed": (Headers({"Content-Encoding": "gzip"}), "encoding gzip"),
    "redirect to another scheme": (Redirect("ftp://127.0.0.1/file"), "redirects to ftp"),
    "redirect to no address": (Redirect("http://[broken/file"), "redirects to no address"),
    "endless redirect": (Redirect("/file"), "redirects"),
}


@pytest.mark.parametrize("what", FAULTS)
def test_every_fault_is_no_source(
    server: FolderServer, transport: HttpTransport, what: str
) -> None:
    fault, words = FAULTS[what]
    server.fail("file", fault, times=ALWAYS)
    actions: list[Callable[[], bytes]] = [
        lambda: transport.read("file", limit=len(DATA)),
        lambda: stream(transport),
    ]
    for action in actions:
        with pytest.raises(NoSource, match=words) as caught:
            action()
        assert not isinstance(caught.value, NotThere)
        assert caught.value.hint
        assert server.url in caught.value.fact
    server.heal()
    assert stream(transport) == DATA[1000:301_000]


RANGES: dict[str, tuple[Fault, str]] = {
    "shifted": (Headers({"Content-Range": "bytes 0-299999/1024000"}), "another range"),
    "longer": (Headers({"Content-Range": "bytes 1000-302000/1024000"}), "another range"),
    "none": (Headers({"Content-Range": ""}), "another range"),
    "multipart": (Headers({"Content-Range": "multipart"}), "another range"),
    "other length": (Replace(b"x" * 10), "contradicts"),
    "longer body": (Replace(b"x" * 400_000), "contradicts"),
    "beyond the end": (Status(416), "status 416"),
}


@pytest.mark.parametrize("what", RANGES)
def test_wrong_ranges(server: FolderServer, transport: HttpTransport, what: str) -> None:
    fault, words = RANGES[what]
    server.fail("file", fault)
    with pytest.raises(NoSource, match=words):
        stream(transport)


def test_a_range_of_unknown_total(server: FolderServer, transport: HttpTransport) -> None:
    server.fail("file", Headers({"Content-Range": "bytes 1000-300999/*"}))
    assert stream(transport) == DATA[1000:301_000]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_server_without_ranges(
    server: FolderServer, transport: HttpTransport, chunked: bool
) -> None:
    class Old(NoRanges):
        def spoil(self, answer: object) -> None:
            super().spoil(answer)  # type: ignore[arg-type]  # the kit's Answer
            if chunked:
                Chunked().spoil(answer)  # type: ignore[arg-type]  # the kit's Answer

    server.fail("file", Old(), times=ALWAYS)
    assert stream(transport) == DATA[1000:301_000]
    assert stream(transport, offset=0, length=10) == DATA[:10]
    with pytest.raises(NoSource, match="ends 100 bytes early"):
        stream(transport, offset=len(DATA) - 100, length=200)


def test_unannounced_lengths_are_bounded(server: FolderServer, transport: HttpTransport) -> None:
    server.fail("file", Chunked(), times=2)
    assert transport.read("file", limit=len(DATA)) == DATA
    with pytest.raises(FormatError, match="longer than"):
        transport.read("file", limit=len(DATA) - 1)


def test_what_arrived_before_a_break_is_yielded(
    server: FolderServer, transport: HttpTransport
) -> None:
    server.fail("file", CutAfter(200_000))
    received: list[bytes] = []
    with pytest.raises(NoSource):
        received.extend(transport.stream("file", offset=0, length=300_000))
    assert b"".join(received) == DATA[:200_000]


def test_follows_a_redirect(server: FolderServer, tmp_path: Path) -> None:
    (tmp_path / "moved").mkdir()
    (tmp_path / "moved" / "file").write_bytes(DATA)
    server.fail("file", Redirect("/moved/file"), times=2)
    transport = HttpTransport(server.url)
    assert transport.read("file", limit=len(DATA)) == DATA
    assert stream(transport) == DATA[1000:301_000]
    assert server.requests == ["file", "moved/file"] * 2
    assert server.record.asked[-1].range == "bytes=1000-300999"


def test_a_dead_server() -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}"
        with pytest.raises(NoSource, match="refuses the connection") as caught:
            HttpTransport(url).read("file", limit=1)
    assert caught.value.hint == "is the server running?"
    assert "HTTPConnection" not in caught.value.fact
    assert "[Errno 111]" in caught.value.fact


def test_an_unknown_host() -> None:
    with pytest.raises(NoSource, match="cannot be resolved") as caught:
        HttpTransport("http://no-such-host.invalid").read("file", limit=1)
    assert "HTTPConnection" not in caught.value.fact


@pytest.mark.parametrize(
    "url",
    ["ftp://a/b", "a/b", "http://", "http:///x", "http://u:p@host/", "http://h/?q=1", "http://[x"],
)
def test_refuses_other_addresses(url: str) -> None:
    with pytest.raises(UsageError, match="is no address of a repository"):
        HttpTransport(url)


def test_locations(tmp_path: Path) -> None:
    assert isinstance(open_transport("https://example.org/r/"), HttpTransport)
    assert open_transport("https://example.org/r/").label == "https://example.org/r"
    assert isinstance(open_transport(str(tmp_path)), VolumeTransport)
    assert open_transport(tmp_path).label == str(tmp_path)
    with pytest.raises(UsageError, match="not known"):
        open_transport("s3://bucket/r")


def lower_errors() -> list[type[Exception]]:
    """Every exception of the lower library but its warnings."""
    return [
        kind
        for _, kind in inspect.getmembers(urllib3.exceptions, inspect.isclass)
        if issubclass(kind, Exception)
        and not issubclass(kind, Warning)
        and kind.__module__.startswith("urllib3.")
    ]


NEVER_RAISED_HERE = {
    "ProxySchemeUnsupported": "only http:// proxies pass our check",
    "MessageDefect": "urllib3 logs it",
}


@pytest.mark.parametrize("kind", lower_errors(), ids=lambda kind: kind.__name__)
def test_every_error_of_urllib3_is_mapped(kind: type[Exception]) -> None:
    assert issubclass(kind, urllib3.exceptions.HTTPError) or kind.__name__ in NEVER_RAISED_HERE
    error = kind.__new__(kind)
    Exception.__init__(error, "what happened")
    vars(error).update(partial=1, expected=2, length=3)  # some print themselves with these
    ours = web.unreachable("http://h: file", error)
    assert type(ours) is NoSource
    assert ours.hint
    what = web._explain(error)[0]
    if issubclass(kind, urllib3.exceptions.NameResolutionError):
        assert "resolved" in what
    elif issubclass(kind, urllib3.exceptions.NewConnectionError):
        assert "refuses" in what
    elif issubclass(kind, urllib3.exceptions.TimeoutError):
        assert "in time" in what


@pytest.fixture
def expired_server(tmp_path: Path) -> Iterator[FolderServer]:
    """A server whose certificate has expired, as it looks from a box whose clock is years ahead."""
    (tmp_path / "file").write_bytes(DATA)
    cert, key = certificate(tmp_path, ends=dt.datetime.now(dt.UTC) - dt.timedelta(days=1))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    with FolderServer(tmp_path, tls=context) as server:
        yield server


def trusting(folder: Path, dates: CertificateDates) -> Web:
    context = web.system_tls(dates)
    context.load_verify_locations(folder / "cert.pem")
    return Web(tls=context)


def test_tls_follows_the_system(expired_server: FolderServer) -> None:
    with pytest.raises(NoSource, match="TLS certificate") as caught:
        HttpTransport(expired_server.url).read("file", limit=len(DATA))
    assert "date" in caught.value.hint


def test_certificate_dates_count_only_with_a_clock(
    expired_server: FolderServer, tmp_path: Path
) -> None:
    checking = HttpTransport(expired_server.url, web=trusting(tmp_path, CertificateDates.CHECK))
    with pytest.raises(NoSource, match="expired"):
        checking.read("file", limit=len(DATA))
    ignoring = HttpTransport(expired_server.url, web=trusting(tmp_path, CertificateDates.IGNORE))
    assert ignoring.read("file", limit=len(DATA)) == DATA


def test_https_is_never_left_for_http(expired_server: FolderServer, tmp_path: Path) -> None:
    expired_server.fail("file", Redirect("http://127.0.0.1:9/file"))
    ignoring = HttpTransport(expired_server.url, web=trusting(tmp_path, CertificateDates.IGNORE))
    with pytest.raises(NoSource, match="redirects to http"):
        ignoring.read("file", limit=len(DATA))
