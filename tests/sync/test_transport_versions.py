"""Resuming, middleboxes that alter answers, and servers that want to be left alone."""

import gc
import warnings
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from sync.errors import Busy, NoSource
from sync.transport import http
from sync.transport.http import HttpTransport
from sync.transport.retry import ATTEMPTS, LONGEST_ASKED, Retry
from sync.transport.validators import KEPT, Breaks, Version, pause_wanted
from sync.transport.web import Timeouts, Web
from tests.kit import faults
from tests.kit.faults import Both, CutAfter, Fault, Headers, NoRanges, Portal, Replace
from tests.kit.server import ALWAYS, FolderServer

DATA = bytes(range(256)) * 4000
OTHER = DATA[::-1]
ONE = Headers({"ETag": '"one"'})
TWO = Headers({"ETag": '"two"'})


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FolderServer]:
    (tmp_path / "file").write_bytes(DATA)
    with FolderServer(tmp_path) as server:
        yield server


@pytest.fixture
def transport(server: FolderServer) -> HttpTransport:
    return HttpTransport(server.url, web=Web(timeouts=Timeouts(connect=2, read=0.5)))


def some(transport: HttpTransport | Retry, offset: int = 1000, length: int = 300_000) -> bytes:
    return b"".join(transport.stream("file", offset=offset, length=length))


def broken_at(transport: HttpTransport, count: int, length: int = 300_000) -> None:
    received: list[bytes] = []
    with pytest.raises(NoSource):
        received.extend(transport.stream("file", offset=1000, length=length))
    assert b"".join(received) == DATA[1000 : 1000 + count]


def conditions(server: FolderServer) -> list[str]:
    return [asked.headers.get("if-range", "") for asked in server.record.asked]


def test_a_resumed_transfer_asks_for_the_same_version(
    server: FolderServer, transport: HttpTransport
) -> None:
    for count in (200_000, 50_000):
        server.fail("file", Both((ONE, CutAfter(count))))
    server.fail("file", ONE)
    patient = Retry(transport, rng=Random(1), sleep=lambda _: None)
    assert some(patient) == DATA[1000:301_000]
    assert conditions(server) == ["", '"one"', '"one"']
    assert [asked.range for asked in server.record.asked] == [
        "bytes=1000-300999",
        "bytes=201000-300999",
        "bytes=251000-300999",
    ]


def test_a_new_transfer_asks_without_condition(
    server: FolderServer, transport: HttpTransport
) -> None:
    server.fail("file", Both((ONE, CutAfter(200_000))))
    broken_at(transport, 200_000)
    server.fail("file", TWO, times=ALWAYS)
    assert some(transport, 0, 500) == DATA[:500]
    assert some(transport, 200_999, 500) == DATA[200_999:201_499]
    assert conditions(server) == ["", "", ""]


@pytest.mark.parametrize("tag", ['W/"weak"', "bare", '"a"b"', '"' + "x" * 300 + '"', ""])
def test_only_strong_tags_are_sent(
    server: FolderServer, transport: HttpTransport, tag: str
) -> None:
    server.fail("file", Both((Headers({"ETag": tag}), CutAfter(200_000))))
    broken_at(transport, 200_000)
    assert some(transport, 201_000, 100_000) == DATA[201_000:301_000]
    assert conditions(server) == ["", ""]


EXCHANGED: dict[str, tuple[Fault, Fault]] = {
    "other tag, range": (ONE, TWO),
    "other tag, whole": (ONE, Both((NoRanges(), TWO))),
    "other date": (
        Headers({"Last-Modified": "Mon, 23 Nov 2026 06:00:00 GMT"}),
        Headers({"Last-Modified": "Tue, 24 Nov 2026 06:00:00 GMT"}),
    ),
    "other size, range": (Fault(), Headers({"Content-Range": "bytes 201000-300999/2000000"})),
    "other size, whole": (Fault(), Both((NoRanges(), Replace(DATA + b"x")))),
    "other size, same tag": (ONE, Both((NoRanges(), Replace(DATA + b"x"), ONE))),
}


@pytest.mark.parametrize("what", EXCHANGED)
def test_two_versions_are_never_mixed(
    server: FolderServer, transport: HttpTransport, what: str
) -> None:
    first, second = EXCHANGED[what]
    server.fail("file", Both((first, CutAfter(200_000))))
    broken_at(transport, 200_000)
    server.fail("file", second, times=2)
    for _ in range(2):
        with pytest.raises(NoSource, match="exchanged during the transfer"):
            some(transport, 201_000, 100_000)
    server.fail("file", first)
    assert some(transport, 201_000, 100_000) == DATA[201_000:301_000]


def test_a_file_really_exchanged_ends_the_transfer(
    server: FolderServer, transport: HttpTransport, tmp_path: Path
) -> None:
    server.fail("file", Both((ONE, CutAfter(200_000))))
    naps: list[float] = []
    patient = Retry(transport, rng=Random(1), sleep=naps.append)
    stream = patient.stream("file", offset=0, length=len(DATA))
    received = next(stream)
    (tmp_path / "file").write_bytes(OTHER)
    server.fail("file", TWO, times=ALWAYS)
    more: list[bytes] = []
    with pytest.raises(NoSource, match="exchanged"):
        more.extend(stream)
    assert received + b"".join(more) == DATA[:200_000]
    assert len(naps) == ATTEMPTS - 1


def test_a_whole_answer_of_the_same_version_is_skipped_into(
    server: FolderServer, transport: HttpTransport
) -> None:
    server.fail("file", Both((ONE, CutAfter(200_000))))
    broken_at(transport, 200_000)
    server.fail("file", Both((NoRanges(), ONE)))
    assert some(transport, 201_000, 100_000) == DATA[201_000:301_000]


def test_breaks_are_remembered_in_bounds() -> None:
    breaks = Breaks()
    for number in range(KEPT + 5):
        breaks.note("file", number, Version(str(number)))
    assert breaks.version_at("file", 4) is None
    assert breaks.version_at("file", 5) == Version("5")
    assert breaks.version_at("other", 5) is None


def test_a_server_without_ranges_costs_no_more_than_allowed(
    server: FolderServer, transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "MAX_SKIP", 500_000)
    server.fail("file", NoRanges(), times=ALWAYS)
    assert some(transport, 500_000, 1000) == DATA[500_000:501_000]
    server.reset()
    with pytest.raises(NoSource, match="knows no ranges, 500001 bytes would be in vain") as caught:
        some(transport, 500_001, 1000)
    assert "stick" in caught.value.hint
    assert server.bytes < len(DATA)  # the connection was closed, not drained


MIDDLEBOXES: dict[str, tuple[Fault, str]] = {
    "compresses": (Headers({"Content-Encoding": "gzip"}), "encoding gzip"),
    "compresses oddly": (Headers({"Content-Encoding": "br, gzip"}), "encoding br, gzip"),
    "compresses the transfer": (
        Headers({"Transfer-Encoding": "gzip"}),
        "encoding gzip",
    ),
    "compresses the chunked transfer": (
        Headers({"Transfer-Encoding": "gzip, chunked"}),
        "encoding gzip, chunked",
    ),
    "caches another range": (
        Headers({"Content-Range": f"bytes 0-299999/{len(DATA)}"}),
        "another range",
    ),
    "caches an older, shorter file": (Both((NoRanges(), Replace(DATA[:900]))), "bytes early"),
    "caches half a file": (Both((NoRanges(), Replace(DATA[:90_000]))), "211000 bytes early"),
    "portal in plain text": (Portal("text/plain", b"please log in"), "bytes early"),
    "portal in JSON": (Portal("application/json", b'{"login": "http://10.0.0.1"}'), "bytes early"),
    "announces more than comes": (Headers({"Content-Length": "400000"}), "contradicts"),
    "announces less than comes": (Headers({"Content-Length": "200000"}), "contradicts"),
    "announces nonsense": (Headers({"Content-Length": "many"}), ""),
    "whole, announces more": (
        Both((NoRanges(), Replace(DATA[:200_000]), Headers({"Content-Length": "1024000"}))),
        "broke off|in time",
    ),
    "whole, announces less": (
        Both((NoRanges(), Headers({"Content-Length": "200000"}))),
        "101000 bytes early",
    ),
}


@pytest.mark.parametrize("what", MIDDLEBOXES)
def test_middleboxes(server: FolderServer, transport: HttpTransport, what: str) -> None:
    fault, words = MIDDLEBOXES[what]
    server.fail("file", fault)
    if words:
        with pytest.raises(NoSource, match=words) as caught:
            some(transport)
        assert caught.value.hint
        assert server.url in caught.value.fact
    else:
        assert some(transport) == DATA[1000:301_000]
    patient = Retry(transport, rng=Random(1), sleep=lambda _: None)
    assert some(patient) == DATA[1000:301_000]


def test_two_lengths_in_one_answer(server: FolderServer, transport: HttpTransport) -> None:
    server.fail("file", Headers({"Content-Length": "300000, 5"}))
    with warnings.catch_warnings():
        # urllib3 leaves the answer's socket to the garbage collector
        warnings.simplefilter("ignore", ResourceWarning)
        with pytest.raises(NoSource, match="broke off"):
            some(transport)
        gc.collect()
    assert some(transport) == DATA[1000:301_000]


@pytest.mark.parametrize("kind", ["gzip", "gzip, chunked"])
def test_whole_files_in_an_encoding_are_refused(
    server: FolderServer, transport: HttpTransport, kind: str
) -> None:
    server.fail("file", Headers({"Transfer-Encoding": kind}))
    with pytest.raises(NoSource, match=f"encoding {kind}"):
        transport.read("file", limit=len(DATA))


def test_a_whole_file_of_wrong_length(server: FolderServer, transport: HttpTransport) -> None:
    server.fail("file", Headers({"Content-Length": str(len(DATA) + 5)}))
    with pytest.raises(NoSource, match=r"in time|broke off"):
        transport.read("file", limit=len(DATA) + 5)
    server.fail("file", Headers({"Content-Length": "1000"}))
    assert transport.read("file", limit=len(DATA)) == DATA[:1000]  # for the proof to refuse
    patient = Retry(transport, rng=Random(1), sleep=lambda _: None)
    assert patient.read("file", limit=len(DATA)) == DATA  # though the connection is spoilt


DATE = "Wed, 25 Nov 2026 06:00:00 GMT"


@pytest.mark.parametrize(
    ("given", "date", "seconds"),
    [
        ("7", "", 7),
        (" 120 ", "", 120),
        ("0", "", 0),
        ("9" * 40, "", 999_999_999),
        ("Wed, 25 Nov 2026 06:00:30 GMT", DATE, 30),
        ("Wed, 25 Nov 2026 05:00:00 GMT", DATE, 0),
        ("Wed, 25 Nov 2026 06:00:30 GMT", "", 0),
        ("soon", DATE, 0),
        ("-5", DATE, 0),
        ("1.5", DATE, 0),
        ("٣", DATE, 0),
        ("", "", 0),
    ],
)
def test_what_retry_after_asks_for(given: str, date: str, seconds: float) -> None:
    assert pause_wanted(given, date) == seconds


@pytest.mark.parametrize("code", [429, 503])
def test_a_busy_server_is_left_alone_as_long_as_it_wants(
    server: FolderServer, transport: HttpTransport, code: int
) -> None:
    server.fail("file", faults.Busy({"Retry-After": "7"}, code), times=2)
    naps: list[float] = []
    patient = Retry(transport, rng=Random(1), sleep=naps.append)
    assert some(patient) == DATA[1000:301_000]
    assert [7 <= nap <= 8 for nap in naps] == [True, True]
    assert naps[0] != naps[1]


def test_a_server_busy_for_long_is_not_waited_for(
    server: FolderServer, transport: HttpTransport
) -> None:
    server.fail("file", faults.Busy({"Retry-After": str(int(LONGEST_ASKED) + 1)}), times=ALWAYS)
    naps: list[float] = []
    patient = Retry(transport, rng=Random(1), sleep=naps.append)
    with pytest.raises(Busy, match="busy") as caught:
        some(patient)
    assert (naps, caught.value.retry_after) == ([], LONGEST_ASKED + 1)
    with pytest.raises(Busy):
        patient.read("file", limit=1)
    assert len(server.requests) == 2
