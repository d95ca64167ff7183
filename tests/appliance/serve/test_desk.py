"""/admin and /stick: what they show, who may change something, and that they stay light."""

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from yarl import URL

from appliance import sticks
from appliance.box.keepsake import snapshot
from appliance.demo.visit import Visitor
from appliance.pin import read_pin
from appliance.serve import outlook
from appliance.serve.attempts import FREE, TOGETHER, WINDOW, Attempts
from appliance.serve.media import Notice
from appliance.state import open_state
from appliance.sticks import Phase, Stick, Sticks, Word
from appliance.technician.collect import County, collect
from sync.progress import Silent
from sync.stick import have, sealing
from tests.kit.boxes import BoxUnderTest
from tests.kit.phones import PIN, Phone, phone_at, set_pin, updating
from tests.kit.province import Province
from tests.kit.visiting import Visit

IMPORTING = Stick("sdb1", Phase.IMPORTING, Word.IMPORTING, "县里的U盘", 30, 90, 12)
LOCKED = Stick("sdc1", Phase.PROBLEM, Word.BITLOCKER, "", detail="file system BitLocker")
DONE = Stick("sdd1", Phase.DONE, Word.DONE, "LESSONS")


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Province:
    province = Province.create(tmp_path_factory.mktemp("founded"))
    province.publish({"43/a": {"l1.html": b"<p>one"}, "43/b": {"l1.html": b"<p>two"}})
    return province


@pytest.fixture
def box(tmp_path: Path, founded: Province) -> BoxUnderTest:
    made = BoxUnderTest.create(tmp_path / "box", founded.root).subscribe("43/a")
    made.sync(founded.repository)
    return made


@pytest.fixture
async def phone(box: BoxUnderTest) -> AsyncIterator[Phone]:
    set_pin(box)
    async with phone_at(box) as made:
        yield made


def plug(box: BoxUnderTest, *found: Stick) -> None:
    """As the volumes process tells it, which this process plays."""
    box.paths.run.mkdir(exist_ok=True)
    box.paths.volumes.write_bytes(sticks.encode(Sticks(os.getpid(), found)))


async def test_without_a_pin_it_only_shows_and_says_how_to_set_one(box: BoxUnderTest) -> None:
    async with phone_at(box) as phone:
        page = await phone.open("/admin")
        assert "kexia box pin" in page
        assert "<button" not in page.partition("<main>")[2]
        assert "43/a" in page or "第 1 期" in page
        for path in ("/admin/sync", "/admin/pause", "/admin/sign-out"):
            assert (await phone.post(path)).status == 403
        assert (await phone.post("/admin/sign-in", pin="")).status == 403


async def test_the_page_shows_the_box(box: BoxUnderTest, phone: Phone) -> None:
    with updating(box):
        await until_up(box)
        page = await phone.open("/admin")
        assert "等待下一次同步" in page
        for text in ("课匣", "湖南省", "第 1 期", "剩余空间", "课程库版次"):
            assert text in page
        assert "立即同步" not in page
    page = await phone.open("/admin")
    assert "更新程序没有运行" in page
    assert "第 1 期" in page


async def test_signed_in_it_syncs_pauses_and_resumes(
    box: BoxUnderTest, phone: Phone, founded: Province
) -> None:
    with updating(box):
        await until_up(box)
        told = await phone.sign_in()
        assert (told.status, told.headers["Location"]) == (303, "/admin")
        told = await phone.post("/admin/sync")
        assert told.headers["Location"] == "/admin?said=sync"
        page = ""
        for _ in range(200):
            page = await phone.open("/admin?said=sync")
            if "上次同步" in page:
                break
            await asyncio.sleep(0.05)
        assert "已开始同步" in page
        assert "没有全部完成（代码 4）" in page  # nobody to ask
        assert (await phone.post("/admin/pause")).headers["Location"] == "/admin?said=pause"
        assert "恢复导入" in await phone.open("/admin")
        assert (await phone.post("/admin/sync")).headers["Location"] == "/admin?said=paused"
        assert (await phone.post("/admin/resume")).status == 303
        assert "暂停导入" in await phone.open("/admin")
    assert (await phone.post("/admin/sync")).headers["Location"] == "/admin?said=silent"


async def test_the_report_goes_home_on_the_phone(
    box: BoxUnderTest, phone: Phone, tmp_path: Path
) -> None:
    with updating(box):
        await until_up(box)
        assert (await phone.post("/admin/report")).status == 403
        await phone.sign_in()
        fields = {"token": phone.token}
        headers = {"Origin": phone.url}
        async with phone.session.post(
            f"{phone.url}/admin/report", data=fields, headers=headers
        ) as answer:
            data = await answer.read()
            said = answer.headers["Content-Disposition"]
    name = re.search(r'filename="([0-9a-f]{16}-\d{4}-\d\d-\d\d\.kexia-back)"', said)
    assert name
    file = tmp_path / name[1]
    file.write_bytes(data)
    county = County(tmp_path / "county")
    done = collect([file], county, datetime.now(UTC), Silent())
    [news] = done.boxes
    assert (news.box, news.name, done.refused) == (name[1][:16], "课匣", ())
    assert have.decode(open_paper(county.have(news.box)).body).box == news.box
    file.write_bytes(data[:-1])
    assert [refused.where for refused in collect([file], county, NOW, Silent()).refused]
    assert (await phone.post("/admin/report")).status == 503


def open_paper(file: Path) -> sealing.Paper:
    return sealing.open_paper(file.read_bytes(), kind=sealing.Kind.HAVE, limit=2**20)


async def test_a_backup_holds_no_pin(box: BoxUnderTest, phone: Phone, tmp_path: Path) -> None:
    await phone.sign_in()
    kept = snapshot(box.paths.state_db, tmp_path / "scratch", limit=2**24)
    assert kept is None, "a PIN alone is nothing that teachers made"
    state = open_state(box.paths.state_db)
    state.execute("CREATE TABLE lists (title TEXT)")
    state.execute("INSERT INTO lists VALUES ('三年级的课')")
    secret = read_pin(state)
    state.close()
    kept = snapshot(box.paths.state_db, tmp_path / "scratch", limit=2**24)
    assert kept is not None
    assert "三年级的课".encode() in kept
    assert secret.encode() not in kept


async def test_a_session_ends_with_signing_out_and_with_another_pin(
    box: BoxUnderTest, phone: Phone
) -> None:
    await phone.sign_in()
    assert "退出登录" in await phone.open("/admin")
    assert (await phone.post("/admin/sign-out")).status == 303
    assert "退出登录" not in await phone.open("/admin")
    await phone.sign_in()
    assert "退出登录" in await phone.open("/admin")
    set_pin(box, "918273")
    assert "退出登录" not in await phone.open("/admin")
    assert (await phone.sign_in()).status == 403
    assert (await phone.sign_in("918273")).status == 303


async def test_a_session_outlives_a_restart_of_the_pages(box: BoxUnderTest, phone: Phone) -> None:
    await phone.sign_in()
    async with phone_at(box) as other:
        [cookie] = [item.value for item in phone.session.cookie_jar if item.key == "desk"]
        other.session.cookie_jar.update_cookies({"desk": cookie}, URL(other.url))
        assert "退出登录" in await other.open("/admin")


async def test_the_cookie_is_for_this_page_alone(phone: Phone) -> None:
    told = await phone.ask("GET", "/admin")
    cookie = told.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert told.headers["Cache-Control"] == "no-store"
    before = next(item.value for item in phone.session.cookie_jar if item.key == "desk")
    await phone.sign_in()
    after = next(item.value for item in phone.session.cookie_jar if item.key == "desk")
    assert before != after, "whoever gave us a cookie must not know that of the session"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "", "Referer": "http://evil.example/admin"},
        {"Origin": ""},
    ],
)
async def test_a_form_of_another_page_changes_nothing(
    phone: Phone, headers: dict[str, str]
) -> None:
    await phone.sign_in()
    fields = {"token": phone.token}
    for path in ("/admin/sign-out", "/admin/pause", "/admin/sign-in"):
        told = await phone.ask("POST", path, data=fields, headers=headers)
        assert told.status == 403
        assert "不是从本课匣的页面发出的" in told.text
    assert "退出登录" in await phone.open("/admin")
    told = await phone.ask("POST", "/admin/sign-out", data={"token": "0" * 32})
    assert told.status == 403
    own = {"Origin": "", "Referer": f"{phone.url}/admin"}
    assert (await phone.ask("POST", "/admin/sign-out", data=fields, headers=own)).status == 303


async def test_guessing_is_slow(phone: Phone) -> None:
    for _ in range(FREE):
        assert (await phone.sign_in("000001")).status == 403
    told = await phone.sign_in(PIN)
    assert told.status == 429
    assert int(told.headers["Retry-After"]) > 0
    assert "密码输错太多次" in told.text


def test_many_addresses_together_are_slow_too() -> None:
    attempts, rng = Attempts(), Random(1)
    for number in range(TOGETHER):
        assert attempts.wait(f"10.0.0.{number}", 100.0) == 0
        attempts.was_wrong(f"10.0.0.{number}", 100.0 + rng.random())
    assert attempts.wait("10.0.1.1", 102.0) > WINDOW - 10
    assert attempts.wait("10.0.1.1", 102.0 + WINDOW) == 0


def test_an_address_waits_twice_as_long_each_time() -> None:
    attempts, waits = Attempts(), []
    for _ in range(FREE + 8):
        attempts.was_wrong("a", 0.0)
        waits.append(attempts._wrong["a"][1])
    assert waits == [0] * (FREE - 1) + [30, 60, 120, 240, 480, 900, 900, 900, 900]
    attempts.was_right("a")
    assert "a" not in attempts._wrong


async def test_a_stick_is_seen_by_whoever_stands_beside_the_box(
    box: BoxUnderTest, phone: Phone
) -> None:
    assert "现在没有插 U 盘" in await phone.open("/stick")
    assert "notice" not in await phone.open("/")
    plug(box, LOCKED, IMPORTING)
    await asyncio.sleep(1.1)
    page = await phone.open("/stick")
    for text in ("县里的U盘", "正在从 U 盘导入课程。", "请不要拔出", 'value="33"', "BitLocker"):
        assert text in page
    assert '<noscript><meta http-equiv="refresh" content="4"></noscript>' in page
    assert "正在导入新课程，请不要拔 U 盘。" in await phone.open("/")
    plug(box, DONE)
    await asyncio.sleep(1.1)
    assert "完成，U 盘可以拔出。" in await phone.open("/")
    assert 'content="15"' in await phone.open("/stick")
    await phone.ask("GET", "/language/en")
    assert "Done. The stick can be taken out." in await phone.open("/")


async def test_an_empty_box_shows_its_first_stick(tmp_path: Path, founded: Province) -> None:
    box = BoxUnderTest.create(tmp_path / "new", founded.root)
    plug(box, IMPORTING)
    async with phone_at(box) as phone:
        page = (await phone.ask("GET", "/")).text
        assert "课匣里还没有课程" in page
        assert "正在导入新课程" in page
        assert "县里的U盘" in await phone.open("/stick")
        assert "课匣" in await phone.open("/admin")


async def test_the_notice_belongs_to_the_pages_name(box: BoxUnderTest) -> None:
    """A page kept by a browser is asked for again when there is something to say, and after it."""
    async with phone_at(box) as phone:
        tags = []
        for found in ((), (IMPORTING,), ()):
            plug(box, *found)
            await asyncio.sleep(1.1)
            tags.append((await phone.ask("GET", "/")).headers["ETag"])
    assert tags[0] == tags[2] != tags[1]


async def test_these_pages_are_light_too(box: BoxUnderTest) -> None:
    plug(box, IMPORTING, LOCKED, DONE)
    async with phone_at(box) as phone:
        for path in ("/", "/stick", "/send", "/admin"):
            weight = await asyncio.to_thread(Visitor(phone.url).weigh, path)
            assert weight.size <= 15_000, path
            assert weight.requests <= 3, path


async def test_a_damaged_state_db_shows_and_changes_nothing(
    box: BoxUnderTest, founded: Province
) -> None:
    box.paths.state_db.write_bytes(b"no database" * 1000)
    async with phone_at(box) as phone:
        assert (await phone.ask("GET", "/admin")).status == 200
        assert (await phone.post("/admin/sync")).status == 403


async def test_the_api_never_tells_the_cookie(visit: Visit) -> None:
    told = await visit.get("/api/v1/uploads/" + "0" * 32)
    assert (told.status, json.loads(told.body)["error"]) == (404, "no_such_upload")
    assert "Set-Cookie" not in told.headers


NOW = datetime(2026, 11, 24, tzinfo=UTC)


def test_the_last_sync_is_told_by_the_clock_on_the_wall() -> None:
    for at, told in (("2026-11-23T18:30:00Z", "2026-11-24 02:30"), ("soon", "")):
        last = outlook.read({"last_sync": {"at": at}}, made=None, now=NOW).last
        assert last is not None
        assert last.at == told


def test_what_a_status_lacks_is_left_out() -> None:
    seen = outlook.read({}, made=None, now=NOW)
    assert (seen.name, seen.publishers, seen.last, seen.is_running) == ("", (), None, False)
    odd = {
        "name": 3,
        "publishers": [{"code": "43", "signed_at": "yesterday"}, "43"],
        "collections": "none",
        "last_sync": {"problems": [1], "editions": [], "exit_code": "4"},
        "line": [],
        "update": "running",
        "system": ["2026.11.26.1"],
    }
    seen = outlook.read(odd, made=NOW + timedelta(days=1), now=NOW)
    assert seen.publishers[0].days is None
    assert seen.age_days is None
    assert (seen.system, seen.system_failed) == ("", "")
    known = {"version": "2026.11.01.1", "pending": "", "failed": "2026.11.26.1"}
    seen = outlook.read({"system": known}, made=None, now=NOW)
    assert (seen.system, seen.system_failed) == ("2026.11.01.1", "2026.11.26.1")


def test_a_publisher_grows_old_by_a_clock_that_can_be_right() -> None:
    status = {"publishers": [{"code": "43", "name": "湖南省", "signed_at": "2026-10-01T00:00:00Z"}]}
    [row] = outlook.read(status, made=None, now=NOW).publishers
    assert (row.days, row.is_old, row.signed) == (54, True, "2026-10-01")
    [row] = outlook.read(status, made=None, now=datetime(1970, 1, 2, tzinfo=UTC)).publishers
    assert (row.days, row.is_old) == (None, False)


def test_a_line_is_said_of_what_must_not_be_disturbed_first() -> None:
    assert [notice for notice in Notice if notice and not notice.words] == []


async def until_up(box: BoxUnderTest) -> None:
    for _ in range(200):
        if box.paths.socket.exists():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the update process did not come up")


def test_a_stick_that_is_replaced_keeps_its_words() -> None:
    assert replace(IMPORTING, done=90).percent == 100
