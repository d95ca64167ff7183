"""The process: starts, says where, ends when told."""

import asyncio
import signal
import sys
import urllib.request
from pathlib import Path

import pytest

from appliance.config import BoxConfig, BoxPaths, Listen, save
from appliance.serve.app import serving
from sync.errors import UsageError
from tests.kit.served import ServedBox
from tests.kit.visiting import Visit, visiting

ROOT = Path(__file__).parents[3]
SERVE = """
import sys
from pathlib import Path
from appliance.config import BoxPaths, Listen
from appliance.serve.app import run
listen = Listen("127.0.0.1", 0, 0)
run(BoxPaths(Path(sys.argv[1])), listen, on_ready=lambda url: print(url, flush=True))
"""


def fetch(url: str) -> int:
    with urllib.request.urlopen(url, timeout=20) as answer:
        answer.read()
        return int(answer.status)


async def test_sigterm_ends_it_cleanly_even_while_streaming(stocked: ServedBox) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-c", SERVE, str(stocked.paths.root)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout
    assert process.stderr
    url = (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()
    assert await asyncio.to_thread(fetch, f"{url}/") == 200
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    clip = stocked.lessons["43/music-1a"].lessons[0].resources[0].digest
    writer.write(f"GET /r/{clip} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    await reader.readexactly(1000)
    process.send_signal(signal.SIGTERM)
    errors = await asyncio.wait_for(process.stderr.read(), 20)
    assert await process.wait() == 0
    assert errors == b""
    writer.close()


async def test_the_box_answers_to_its_own_name(fresh: ServedBox) -> None:
    save(fresh.paths, BoxConfig(name="Lianhua"))
    async with visiting(fresh.paths.root) as visit:
        assert (await visit.get("/language/en", Host="lianhua:8080")).status == 303
        assert (await visit.get("/language/en", Host="donghua:8080")).status == 421


async def test_an_open_address_is_said_as_one_that_can_be_opened(tmp_path: Path) -> None:
    async with serving(BoxPaths(tmp_path), Listen("0.0.0.0", 0, 0)) as running:
        assert running.url.startswith("http://127.0.0.1:")


async def test_ipv6(tmp_path: Path) -> None:
    try:
        async with serving(BoxPaths(tmp_path), Listen("::1", 0, 0)) as running:
            assert running.url.startswith("http://[::1]:")
    except UsageError as error:
        pytest.skip(f"no IPv6 here: {error}")


@pytest.mark.parametrize("path", ["/", "/api/v1/status", "/static/none.css"])
async def test_nothing_can_be_changed_here(visit: Visit, path: str) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert (await visit.get(path, method=method)).status == 405
