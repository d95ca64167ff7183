"""A phone that gives a box a file of lessons: cookie, token, parts; and the file itself."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import quote

import aiohttp
from multidict import CIMultiDict

from appliance import pin
from appliance.box.daemon import UpdateProcess
from appliance.serve.app import serving
from appliance.serve.uploads import HEAD
from appliance.state import open_state
from tests.kit.boxes import BoxUnderTest
from tests.kit.laid import lay_stick
from tests.kit.province import Province
from tests.kit.sticks import write_archive
from tests.kit.visiting import ANYWHERE

PIN = "240613"
PART = 200_000
"""Bytes of the parts here: small, so that small files have many."""


def lessons_file(path: Path, province: Province, contents: Iterable[bytes]) -> Path:
    """A `.kexia` file: what a stick for this province holds, with these raw resources."""
    folder = path.with_suffix(".folder")
    lay_stick(folder, province.repository, contents)
    files = sorted(item for item in folder.rglob("*") if item.is_file())
    return write_archive(
        path,
        {
            str(item.relative_to(folder)): item.read_bytes()
            for item in files
            if str(item.relative_to(folder)).isascii()
        },
    )


def set_pin(box: BoxUnderTest, number: str = PIN) -> None:
    """As `kexia box pin` does."""
    state = open_state(box.paths.state_db)
    pin.set_pin(state, pin.hashed(number, b"0123456789abcdef"))
    state.close()


@asynccontextmanager
async def phone_at(
    box: BoxUnderTest, through: Callable[[str], str] = str
) -> AsyncIterator["Phone"]:
    """A phone at a serving box; ``through`` may lead its requests over something else."""
    async with serving(box.paths, ANYWHERE) as running:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as session:
            phone = Phone(running.url, session)
            await phone.open()
            phone.url = through(running.url)
            yield phone


@contextmanager
def updating(box: BoxUnderTest) -> Iterator[None]:
    """A real update process of this box, on a thread."""
    stop = Event()
    process = UpdateProcess(box.paths, box.machine, stop=stop)
    thread = Thread(target=process.run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)
        assert not thread.is_alive()


@dataclass
class Told:
    """An answer."""

    status: int
    headers: CIMultiDict[str]
    text: str

    @property
    def offset(self) -> int:
        return int(self.headers["Upload-Offset"])


class Phone:
    """A browser's cookies and the token of the page it last opened."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session
        self.token = ""

    async def ask(self, method: str, path: str, **more: Any) -> Told:
        if isinstance(more.get("data"), bytes):
            more["data"] = BytesIO(more["data"])
        headers = {"Origin": self.url, "X-Kexia-Token": self.token, **more.pop("headers", {})}
        async with self.session.request(
            method, self.url + path, headers=headers, allow_redirects=False, **more
        ) as answer:
            return Told(answer.status, answer.headers.copy(), await answer.text())

    async def open(self, path: str = "/send") -> str:
        """Open a page; remembers its token."""
        page = (await self.ask("GET", path)).text
        found = re.search(r'name="token" value="([0-9a-f]+)"', page)
        self.token = found[1] if found else ""
        return page

    async def post(self, path: str, **fields: str) -> Told:
        return await self.ask("POST", path, data={"token": self.token, **fields})

    async def sign_in(self, number: str = PIN) -> Told:
        await self.open("/admin")
        told = await self.post("/admin/sign-in", pin=number)
        await self.open("/admin")
        return told

    async def begin(self, data: bytes, name: str = "lessons.kexia", **headers: str) -> Told:
        fields = {"Upload-Length": str(len(data)), "Upload-Name": quote(name), **headers}
        return await self.ask("POST", "/api/v1/uploads", data=data[:HEAD], headers=fields)

    async def part(self, address: str, offset: int, data: bytes) -> Told:
        fields = {
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
        }
        return await self.ask("PATCH", address, data=data, headers=fields)

    async def send(self, data: bytes, *, name: str = "lessons.kexia", part: int = PART) -> str:
        """All of a file, on after every broken connection; the upload's address."""
        address, offset = "", 0
        while not address or offset < len(data):
            try:
                if not address:
                    told = await self.begin(data, name)
                    assert told.status in (200, 201), told.text
                    address = told.headers["Location"]
                else:
                    told = await self.part(address, offset, data[offset : offset + part])
                    assert told.status == 204, told.text
                offset = told.offset
            except aiohttp.ClientError:
                offset = await self._where(address) if address else 0
        return address

    async def _where(self, address: str) -> int:
        while True:
            try:
                return (await self.ask("HEAD", address)).offset
            except aiohttp.ClientError:
                await asyncio.sleep(0.02)

    async def ended(self, address: str) -> dict[str, Any]:
        """What came of an upload, once that is known."""
        return await self.until(address, lambda value: value["stage"] == "ended")

    async def until(self, address: str, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        value: dict[str, Any] = {}
        for _ in range(600):
            async with self.session.get(self.url + address) as answer:
                value = await answer.json()
            if holds(value):
                return value
            await asyncio.sleep(0.1)
        raise AssertionError(f"waited in vain: {value}")
