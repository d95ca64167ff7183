"""The round trip by phone: a box that never sees a network or a stick, and a line that breaks."""

import asyncio
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from appliance import config
from appliance.config import Uploaders
from appliance.technician import collect, reading
from sync.progress import Silent
from sync.publish import recipients as publishers
from tests.appliance.test_papers import OFFICE, PRIVATE
from tests.appliance.test_stick_prepare import NOW, bytes_of, prepared
from tests.kit.boxes import BoxUnderTest
from tests.kit.cutter import Cutter
from tests.kit.phones import Phone, phone_at, set_pin, updating
from tests.kit.province import Province

FILM, OTHER = Random(11).randbytes(1_300_000), b"other" * 300
FIRST = {"l1.mp4": FILM, "l1.pdf": b"sheet 1" * 500, "l2.vtt": b"words"}
SECOND = FIRST | {"l2.vtt": b"better words", "l3.mp4": Random(12).randbytes(1_100_000)}


@pytest.fixture
def province(tmp_path: Path) -> Province:
    made = Province.create(tmp_path / "province")
    made.publish({"43/a": FIRST, "43/b": {"l1.pdf": OTHER}})
    publishers.add(made.workspace, made.ring, OFFICE, made.now)
    return made


@pytest.fixture
def box(province: Province, tmp_path: Path) -> BoxUnderTest:
    made = BoxUnderTest.create(tmp_path / "box", province.root).subscribe("43/a")
    config.save(made.paths, replace(config.load(made.paths), uploads=Uploaders.PIN))
    set_pin(made)
    return made


async def carry_home(phone: Phone, file: Path) -> Path:
    """What the button on /admin gives."""
    await phone.open("/admin")
    async with phone.session.post(
        f"{phone.url}/admin/report", data={"token": phone.token}, headers={"Origin": phone.url}
    ) as answer:
        assert answer.status == 200
        papers = await answer.read()
    await asyncio.to_thread(file.write_bytes, papers)
    return file


def received(papers: Path, folder: Path) -> collect.BoxNews:
    """What the county finds in them."""
    [news] = collect.collect([papers], collect.County(folder), NOW, Silent()).boxes
    return news


async def send(phone: Phone, province: Province, to: Path, **wish: object) -> dict[str, Any]:
    """Prepare a file for the phone and send it; what came of it."""
    await asyncio.to_thread(prepared, province, to, **wish)
    await phone.open()
    data = await asyncio.to_thread(to.read_bytes)
    return await phone.ended(await phone.send(data, name=to.name))


async def test_the_round_trip_of_one_phone(
    province: Province, box: BoxUnderTest, tmp_path: Path
) -> None:
    lines: list[Cutter] = []

    def over_a_bad_line(url: str) -> str:
        lines.append(Cutter(int(url.rpartition(":")[2])).__enter__())
        return lines[-1].url

    with updating(box):
        async with phone_at(box, over_a_bad_line) as phone:
            await phone.sign_in()
            lines[0].cuts = [60_000 + 13_000 * number for number in range(10)]
            value = await send(phone, province, tmp_path / "1.kexia", collections=["43/a"])
            assert (value["word"], lines[0].broken) == ("done", 10)
            assert box.resources() == bytes_of(FIRST)

            province.publish({"43/a": SECOND})
            box.want("43/b/l1")
            papers = await carry_home(phone, tmp_path / "home.kexia-back")
            news = received(papers, tmp_path / "county")
            assert news.have is not None
            report = reading.open_report(news.reports[0].read_bytes(), PRIVATE)
            assert report.editions == {"43/a": 1}
            again = received(papers, tmp_path / "county")
            assert (again.have, again.reports) == (None, ()), "nothing new in what came before"

            value = await send(phone, province, tmp_path / "2.kexia", have=[news.have])
            assert (value["word"], value["editions"]["43/a"]) == ("done", 2)
    new = [data for name, data in SECOND.items() if FIRST.get(name) != data]
    lacking = sum(map(len, new)) + len(OTHER)
    assert (tmp_path / "2.kexia").stat().st_size < 1.02 * lacking + 40_000
    assert box.resources() == bytes_of(SECOND, {"": OTHER})
    assert "43/b/l1" in box.lessons()
