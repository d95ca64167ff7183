"""The bench of updates counts right: proxy, server, steps, patches' arithmetic, the table."""

import json
import socket
import time
from collections.abc import Iterator, Sequence
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.bench.delta.behind import BEHIND, DIRECT, chosen, release_of
from tests.bench.delta.packages import Release, WrongArchive, fetch
from tests.bench.delta.proxy import CountingProxy
from tests.bench.delta.rows import Journal, Row, short
from tests.bench.delta.series import BadSeries, pinned, read_series
from tests.bench.delta.spent import FUNCTIONS, GENERATORS, Clock, stepwise, watched
from tests.bench.delta.step import make_step
from tests.bench.delta.table import markdown, pairs, summary
from tests.bench.delta.web import LeanServer, read_spans


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, size in {"metadata/timestamp.json": 100, "targets/directory": 300, "a": 5000}.items():
        path = tmp_path / "served" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(range(250)) * (size // 250) + b"x" * (size % 250))
    return tmp_path / "served"


def talk(port: int, blocks: Sequence[bytes]) -> bytes:
    """Send the blocks one by one, say no more, read to the end."""
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for block in blocks:
            line.sendall(block)
            time.sleep(0.05)
        line.shutdown(socket.SHUT_WR)
        answer = b""
        while block := line.recv(65536):
            answer += block
    return answer


def test_every_byte_both_ways_is_counted_and_metadata_apart(folder: Path) -> None:
    asked = [b"GET /metadata/timestamp.json HTTP/1.1\r\n\r\n", b"GET /a HTTP/1.1\r\n\r\n"]
    with LeanServer(folder) as server, CountingProxy(server.port) as proxy:
        answer = talk(proxy.port, asked)
        count = proxy.take()
        assert proxy.take().total == 0
    assert count.total == sum(map(len, asked)) + len(answer)
    assert (count.requests, count.metadata_requests, count.connections) == (2, 1, 1)
    first = answer.index(b"x" * 100) + 100
    assert count.metadata == len(asked[0]) + first
    assert count.content == len(asked[1]) + len(answer) - first


def test_a_request_line_in_two_blocks_is_counted_once(folder: Path) -> None:
    with LeanServer(folder) as server, CountingProxy(server.port) as proxy:
        talk(proxy.port, [b"GET /a HTTP/1.1\r\n\r\n", b"GET /targets/dir", b"ectory HTT"])
        talk(proxy.port, [b"GET /targets/dir", b"ectory HTTP/1.1\r", b"\nHost: x\r\n\r\n"])
        count = proxy.take()
    assert (count.requests, count.metadata_requests) == (2, 1)


def test_a_protocol_that_is_not_http_counts_as_content() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, CountingProxy(listener.getsockname()[1]) as proxy:
        with socket.create_connection(("127.0.0.1", proxy.port)) as line:
            far, _ = listener.accept()
            line.sendall(b"@RSYNCD: 32.0\n")
            assert far.recv(100) == b"@RSYNCD: 32.0\n"
            far.sendall(b"\0" * 1000)
            assert len(line.recv(1000, socket.MSG_WAITALL)) == 1000
            far.close()
        count = proxy.take()
    assert (count.total, count.metadata, count.requests) == (1014, 0, 0)


def test_the_server_gives_one_range_and_several(folder: Path) -> None:
    whole = (folder / "a").read_bytes()
    with LeanServer(folder) as server:
        url = f"http://127.0.0.1:{server.port}/a"
        one = urlopen(Request(url, headers={"Range": "bytes=10-19"})).read()
        two = urlopen(Request(url, headers={"Range": "bytes=0-4,4990-"})).read()
    assert one == whole[10:20]
    assert whole[:5] in two
    assert whole[4990:] in two
    assert two.count(b"Content-Range: bytes ") == 2
    assert read_spans("bytes=5000-", 5000) == []


def test_a_step_knows_changed_new_and_moved_files(tmp_path: Path) -> None:
    versions = {
        "v1": {"same": "1", "changed": "2", "gone": "3"},
        "v2": {"same": "1", "changed": "2b", "moved": "3", "new": "4", "twin": "4"},
    }
    for name, files in versions.items():
        for path, text in files.items():
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / path).write_text(text)
    step = make_step("s", tmp_path / "v1", tmp_path / "v2")
    assert (step.name, step.changed, step.added) == ("v1→v2", ("changed",), ("new",))


def test_a_series_needs_every_version(tmp_path: Path) -> None:
    for name in ("v1", "v3", "notes"):
        (tmp_path / name).mkdir()
    with pytest.raises(BadSeries):
        read_series(tmp_path)
    (tmp_path / "v2").mkdir()
    assert [path.name for path in read_series(tmp_path).versions] == ["v1", "v2", "v3"]


def test_a_release_that_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    release = Release("npm", "some-package", "1.0.0", "0" * 64)
    (tmp_path / f"{release.sha256}.archive").write_bytes(b"something else")
    with pytest.raises(WrongArchive, match=r"some-package 1\.0\.0"):
        fetch(release, tmp_path)


def test_the_list_of_series_is_enough_and_pinned() -> None:
    path = Path(__file__).parents[1] / "bench" / "delta" / "series.toml"
    rows = pinned(path.read_text(encoding="utf-8"))
    assert len({row.name for row in rows}) >= 6
    for row in rows:
        for part in row.parts:
            assert len(part.releases) >= 4, row.name
            assert all(len(release.sha256) == 64 for release in part.releases)


def rows() -> list[Row]:
    ours = {"requests": 2, "metadata": 4000, "metadata_requests": 6}
    costs = {"publisher_cpu": 6.0, "box_cpu": 1.5, "box_cpu_net": 0.5, "peak_rss": 80_000_000}
    return [
        Row("s", "v1→v2", "kexia", 50_000, **ours, **costs),  # type: ignore[arg-type]
        Row("s", "v1→v2", "rsync", 200_000),
        Row("s", "v1→v2", "casync16", 100_000),
        Row("s", "v1→v2", "whole", 10),
        Row("s", "v1→v2", "zstd-19", 99, publisher_cpu=3.0),
        Row("s", "v1→v2", "rewrite", 99, box_cpu=0.25),
        Row("s", "v2→v3", "kexia", 12_000, requests=3, box_cpu=1.0, box_cpu_net=0.0),
        Row("s", "v2→v3", "patch-from", 10_000),
        Row("s", "first v1", "kexia", 1050),
        Row("s", "first v1", "tar-zstd", 1000),
        Row("s", "v1→v4", BEHIND, 110),
        Row("s", "v1→v4", DIRECT, 100),
        Row("s", "v1→v3", BEHIND, 140),
        Row("s", "v1→v3", DIRECT, 100),
    ]


def test_the_summary_is_of_the_best_peer_of_each_step() -> None:
    told = summary(rows())
    assert told["geometric_mean"] == pytest.approx((0.5 * 1.2) ** 0.5, abs=0.001)
    assert told["worst_step"] == {
        "name": "s v2→v3",
        "ratio": 1.2,
        "bytes_above_best": 2000,
        "holds": True,
    }
    assert (told["steps"], told["most_requests_per_collection"]) == (2, 3)
    assert told["publisher_cpu_worst"] == told["publisher_cpu_mean"] == 2.0
    assert told["publisher_cpu_all_steps"] == 2.0
    assert (told["box_cpu_worst"], told["box_cpu_worst_raw"]) == (2.0, 6.0)
    assert told["peak_rss_max"] == 80_000_000
    assert told["first_sync_worst"] == {"name": "s first v1", "ratio": 1.05}
    assert told["behind_worst_exact"] == {"name": "s v1→v4", "ratio": 1.1}
    assert told["behind_worst_between"] == {"name": "s v1→v3", "ratio": 1.4}


@pytest.mark.parametrize(
    ("ours", "best", "holds"),
    [(12_000, 10_000, True), (12_001, 10_000, False), (100_001, 100_000, False), (9, 9, True)],
)
def test_small_steps_may_take_two_kilobytes_more(ours: int, best: int, holds: bool) -> None:
    [pair] = pairs([Row("s", "v1→v2", "kexia", ours), Row("s", "v1→v2", "rsync", best)])
    assert pair.holds is holds


def test_the_table_shows_losses_too() -> None:
    text = markdown([Row("s", "v1→v2", "kexia", 300_000), Row("s", "v1→v2", "zsync", 200_000)])
    [_, _, line] = text.splitlines()
    assert "| s v1→v2 | 300,000 | 200,000 | zsync | 1.50 | **above** |" in line


def test_rows_are_printed_at_once_and_found_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = Journal(tmp_path / "results.jsonl")
    for row in (Row("s", "v1→v2", "rsync", 5), Row("s", "v1→v2", "rsync", 7), rows()[0]):
        journal.note(row)
        assert json.loads(capsys.readouterr().out) == short(row)
    assert journal.earlier() == {("s", "v1→v2", "rsync"): Row("s", "v1→v2", "rsync", 7)}


def test_old_editions_to_start_from() -> None:
    assert chosen(4) == [1, 2]
    assert chosen(31) == [1, 11, 21, 25, 28, 29]
    assert [release_of(edition, 0, 4) for edition in (0, 1, 10, 11, 21, 30)] == [0, 1, 1, 2, 3, 3]
    assert {release_of(30, place, 4) for place in range(100)} == {3}
    assert {release_of(0, place, 4) for place in range(100)} == {0}


def test_seconds_belong_to_the_innermost_phase() -> None:
    times = iter([10.0, 11.0, 13.0, 16.0, 20.0, 25.0, 31.0])
    clock = Clock(lambda: next(times))

    def blocks() -> Iterator[int]:
        yield 7

    inner = stepwise(clock, "inner", blocks)
    outer = watched(clock, "outer", lambda: list(inner()))
    assert outer() == [7]
    assert clock.spent == {"start": 10, "rest": 1, "outer": 2 + 4 + 6, "inner": 3 + 5}


def test_the_doors_between_the_phases_are_there() -> None:
    for names in (*FUNCTIONS.values(), *GENERATORS.values()):
        for name in names:
            module, _, path = name.partition(":")
            assert callable(attrgetter(path)(import_module(module)))
