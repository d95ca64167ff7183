"""A phone gives the box a file of lessons, through whatever happens on the way."""

import asyncio
import json
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import aiohttp
import pytest
from openapi_schema_validator import OAS31Validator

from appliance import config
from appliance.config import Uploaders
from appliance.control import Event, Server, ask, short_name
from appliance.serve import importing
from appliance.serve import uploads as store
from appliance.serve.api import OPENAPI
from appliance.serve.importing import judge, judge_error
from appliance.serve.troubles import Declined
from appliance.serve.upload_note import MAX_SIZE, Note, decode_note, encode_note
from appliance.serve.upload_words import Stage, Word
from appliance.serve.uploads import HEAD, MAX_PART, MOST
from sync.digest import sha256
from sync.errors import Incomplete, KexiaError, LeaseHeld, TrustRefused
from sync.files import make_folder
from sync.progress import Progress, Silent
from sync.transport.archive import end, header, padding
from tests.kit.boxes import BoxUnderTest
from tests.kit.cutter import Cutter
from tests.kit.packed import noise
from tests.kit.phones import PART, Phone, Told, lessons_file, phone_at, set_pin, updating
from tests.kit.province import Province
from tests.kit.sticks import write_archive

FILES = {"l1.html": b"<p>one", "l1.bin": noise(1, 300_000), "l2.mp4": noise(2, 1_500_000)}
GOLDEN = Path(__file__).parents[2] / "golden"
NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)
NOTE = Note(
    id="0123456789abcdef0123456789abcdef",
    name="三年级 音乐.kexia",
    size=123_456_789,
    head="ab" * 32,
    touched=1_795_500_000,
    stage=Stage.ENDED,
    word=Word.PARTLY,
    detail="resources/12/… is damaged",
    editions=(("43/music-3a", 2),),
)
DOCUMENT: dict[str, Any] = json.loads(OPENAPI.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Province:
    province = Province.create(tmp_path_factory.mktemp("founded"))
    province.publish({"43/a": FILES})
    return province


@pytest.fixture(scope="module")
def lessons(founded: Province, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A `.kexia` file of everything."""
    path = tmp_path_factory.mktemp("lessons") / "all.kexia"
    return lessons_file(path, founded, FILES.values()).read_bytes()


@pytest.fixture
def box(tmp_path: Path, founded: Province) -> BoxUnderTest:
    made = BoxUnderTest.create(tmp_path / "box", founded.root).subscribe("43/a")
    config.save(made.paths, replace(config.load(made.paths), uploads=Uploaders.ANYONE))
    return made


@pytest.fixture
async def phone(box: BoxUnderTest) -> AsyncIterator[Phone]:
    async with phone_at(box) as made:
        yield made


def files_of(box: BoxUnderTest) -> list[str]:
    folder = box.paths.uploads
    return sorted(path.suffix for path in folder.iterdir()) if folder.exists() else []


async def test_a_file_comes_in_and_is_served_and_gone(
    box: BoxUnderTest, phone: Phone, lessons: bytes
) -> None:
    with updating(box):
        address = await phone.send(lessons, name="三年级 音乐.kexia")
        value = await phone.ended(address)
    assert (value["word"], value["editions"], value["name"]) == (
        "done",
        {"43/a": 1},
        "三年级 音乐.kexia",
    )
    assert value["what"] == "完成：文件里的课程已导入课匣。"
    schema = {**DOCUMENT["components"]["schemas"]["Upload"], "components": DOCUMENT["components"]}
    OAS31Validator(schema).validate(value)
    assert sorted(box.resources().values()) == sorted(FILES.values())
    assert files_of(box) == [".json"]


async def test_the_same_file_again_has_nothing_new(
    box: BoxUnderTest, phone: Phone, lessons: bytes
) -> None:
    with updating(box):
        await phone.ended(await phone.send(lessons))
        again = await phone.ended(await phone.send(lessons))
    assert again["word"] == "done-nothing-new"


async def test_an_upload_broken_ten_times_ends_whole(box: BoxUnderTest, lessons: bytes) -> None:
    cuts = [40_000 + 14_000 * number for number in range(10)]
    line: list[Cutter] = []

    def through(url: str) -> str:
        line.append(Cutter(int(url.rpartition(":")[2]), cuts).__enter__())
        return line[0].url

    with updating(box):
        async with phone_at(box, through) as phone:
            value = await phone.ended(await phone.send(lessons))
    assert line[0].broken == 10
    assert (value["word"], value["size"]) == ("done", len(lessons))
    assert sorted(box.resources().values()) == sorted(FILES.values())


async def test_what_came_of_a_broken_part_is_kept(
    box: BoxUnderTest, phone: Phone, lessons: bytes
) -> None:
    told = await phone.begin(lessons)
    address, offset = told.headers["Location"], told.offset
    assert (told.status, offset) == (201, HEAD)
    part = lessons[offset:][:70_000]
    async with raw(phone, f"PATCH {address}", part, part_of_half_a_megabyte(offset)) as (reader, _):
        # The connection still looks alive; whoever asks where to go on ends it and is told.
        await is_coming(phone, address)
        kept = (await phone.ask("HEAD", address)).offset
        assert offset < kept <= offset + 70_000
        assert await reader.read() == b""
    box_file = next(box.paths.uploads.glob("*.kexia"))
    assert box_file.read_bytes() == lessons[:kept]


async def test_pages_are_served_though_the_folder_of_uploads_is_none(
    box: BoxUnderTest, lessons: bytes
) -> None:
    box.paths.uploads.write_bytes(b"a file in its place")
    async with phone_at(box) as phone:
        assert (await phone.ask("GET", "/stick")).status == 200
        assert (await phone.begin(lessons)).status == 500


async def test_the_next_day_the_same_file_goes_on_after_a_restart(
    box: BoxUnderTest, lessons: bytes
) -> None:
    async with phone_at(box) as phone:
        told = await phone.begin(lessons)
        first = told.headers["Location"]
        told = await phone.part(first, told.offset, lessons[told.offset : told.offset + PART])
        assert told.offset == HEAD + PART
    with updating(box):
        async with phone_at(box) as phone:
            await phone.open()
            told = await phone.begin(lessons)
            assert (told.status, told.headers["Location"]) == (200, first)
            assert told.offset == HEAD + PART
            other = await phone.begin(lessons[:-512], "lessons.kexia")
            assert (other.status, other.offset) == (201, HEAD)
            value = await phone.ended(await phone.send(lessons))
    assert value["word"] == "done"


async def test_a_file_that_was_whole_when_the_pages_stopped_is_brought_in(
    box: BoxUnderTest, lessons: bytes
) -> None:
    async with phone_at(box) as phone:
        address = await phone.send(lessons)
        value = await phone.until(address, lambda found: found["stage"] == "whole")
        assert value["word"] in ("waiting", "importing")
    with updating(box):
        async with phone_at(box) as phone:
            assert (await phone.ended(address))["word"] == "done"


async def test_a_wrong_offset_says_the_right_one(phone: Phone, lessons: bytes) -> None:
    told = await phone.begin(lessons)
    address = told.headers["Location"]
    for offset in (0, HEAD - 1, HEAD + 1):
        told = await phone.part(address, offset, b"x")
        assert (told.status, told.offset) == (409, HEAD)
        assert json.loads(told.text)["error"] == "wrong_offset"
    assert (await phone.part(address, HEAD, lessons[HEAD:][:10])).offset == HEAD + 10


async def test_more_than_was_announced_is_refused(phone: Phone, lessons: bytes) -> None:
    told = await phone.begin(lessons)
    address = told.headers["Location"]
    told = await phone.part(address, HEAD, lessons[HEAD:] + b"?")
    assert (told.status, told.offset) == (413, HEAD)
    big = await phone.begin(lessons, **{"Upload-Length": str(3 * MAX_PART)})
    told = await phone.part(big.headers["Location"], HEAD, bytes(MAX_PART + 1))
    assert (told.status, json.loads(told.text)["error"]) == (413, "part_too_large")
    huge = await phone.begin(lessons, **{"Upload-Length": str(MAX_SIZE + 1)})
    assert (huge.status, json.loads(huge.text)["error"]) == (413, "too_large")


async def test_a_full_box_says_so_before_anything_is_sent(
    box: BoxUnderTest, phone: Phone, lessons: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = await phone.begin(lessons, "begun.kexia")
    monkeypatch.setattr(store, "FLOOR", 2**60)  # this disk has less than that to leave free
    told = await phone.begin(lessons)
    assert told.status == 507
    assert json.loads(told.text)["message"] == "课匣空间不足，放不下这个文件"
    assert files_of(box) == [".json", ".kexia"]
    told = await phone.part(begun.headers["Location"], HEAD, lessons[HEAD:][:100])
    assert told.status == 507


def test_room_is_promised_once(tmp_path: Path, lessons: bytes) -> None:
    size = 10 * len(lessons)
    free = store.FLOOR + 3 * size  # the import of one of them needs its bytes once more
    found = store.Uploads(tmp_path, lambda: NOW, lambda _: free)
    for name in ("a", "b"):
        found.begin(name, size, lessons[:HEAD])
    with pytest.raises(Declined) as error:
        found.begin("c", size, lessons[:HEAD])
    assert error.value.trouble.status == 507


def test_room_is_announced_for_the_import_too(tmp_path: Path, lessons: bytes) -> None:
    size = 10 * len(lessons)
    free = [store.FLOOR + 2 * size - 1]
    found = store.Uploads(tmp_path, lambda: NOW, lambda _: free[0])
    with pytest.raises(Declined):
        found.begin("a", size, lessons[:HEAD])
    free[0] += 1
    found.begin("a", size, lessons[:HEAD])


def test_what_waits_is_never_stale_but_what_has_no_room_is(tmp_path: Path) -> None:
    clock = [NOW]
    found = store.Uploads(tmp_path, lambda: clock[0])
    small = tar_of({"KEXIA/stick.json": b"{}"})
    paused, _ = found.begin("a.kexia", len(small), small)
    large, _ = found.begin("b.kexia", len(small), small)
    for day in range(9):
        clock[0] = NOW + timedelta(days=day)
        found.say(paused, Stage.WHOLE, Word.PAUSED)
        found.say(large, Stage.WHOLE, Word.NO_ROOM, detail=f"{day} MiB are free")
    found.clear()
    assert set(found.known) == {paused.id}
    assert not found.data(large.id).exists()


def test_what_is_stale_goes_but_not_by_a_false_clock(tmp_path: Path, lessons: bytes) -> None:
    clock = [NOW]
    found = store.Uploads(tmp_path, lambda: clock[0])
    upload, _ = found.begin("a.kexia", 999_999, lessons[:HEAD])
    clock[0] = datetime(1970, 1, 1, tzinfo=UTC)
    found.clear()
    other, _ = found.begin("b.kexia", 999_999, lessons[:HEAD])  # noted in 1970
    clock[0] = NOW + store.STALE
    found.clear()
    assert set(found.known) == {upload.id, other.id}
    clock[0] = NOW + store.STALE + timedelta(hours=1)
    found.clear()
    assert set(found.known) == {other.id}
    assert {path.stem for path in tmp_path.iterdir()} == {other.id}


def test_notes_stay_as_they_are() -> None:
    data = (GOLDEN / "upload-note-1.json").read_bytes()
    assert decode_note(data) == NOTE
    assert encode_note(NOTE) == data


@pytest.mark.parametrize(
    "left",
    [
        {"x.json": b"{", "x.kexia": b"data"},
        {"lost.kexia": b"data"},
        {"a.json.partial": b"{}"},
        {f"{'a' * 32}.json": b'{"id": 1}', f"{'a' * 32}.kexia": b"data"},
    ],
)
def test_what_belongs_to_nothing_is_removed_at_the_start(
    tmp_path: Path, left: dict[str, bytes]
) -> None:
    for name, data in left.items():
        (tmp_path / name).write_bytes(data)
    store.Uploads(tmp_path, lambda: NOW).recover()
    assert list(tmp_path.iterdir()) == []


async def test_only_so_many_at_once(phone: Phone, lessons: bytes) -> None:
    for number in range(MOST):
        assert (await phone.begin(lessons, f"{number}.kexia")).status == 201
    told = await phone.begin(lessons, "one more.kexia")
    assert (told.status, json.loads(told.text)["error"]) == (429, "too_many_uploads")
    again = await phone.begin(lessons, "0.kexia")
    assert again.status == 200
    assert (await phone.ask("DELETE", again.headers["Location"])).status == 204
    assert (await phone.begin(lessons, "one more.kexia")).status == 201
    assert (await phone.ask("HEAD", again.headers["Location"])).status == 404


async def test_whole_files_count_and_can_be_removed(box: BoxUnderTest, lessons: bytes) -> None:
    set_pin(box)
    small = tar_of({"KEXIA/stick.json": b"{}"})[:512]
    async with phone_at(box) as phone:
        told = [await phone.begin(small, f"{number}.kexia") for number in range(MOST)]
        assert [item.offset for item in told] == [512] * MOST
        assert (await phone.begin(small, "one more.kexia")).status == 429
        assert (await phone.begin(lessons)).status == 429
        addresses = [item.headers["Location"] for item in told]
        assert (await phone.ask("DELETE", addresses[0])).status == 204
        await phone.sign_in()
        button = f"/admin/uploads/{addresses[1].rpartition('/')[2]}/remove"
        assert button in await phone.open("/admin")
        assert (await phone.post(button)).status == 303
        assert files_of(box) == [".json"] * (MOST - 2) + [".kexia"] * (MOST - 2)
        assert (await phone.begin(lessons)).status == 201


async def test_a_file_is_removed_after_its_import_not_in_it(
    box: BoxUnderTest, phone: Phone, lessons: bytes
) -> None:
    go_on = threading.Event()

    def slowly(_message: Mapping[str, object], progress: Progress) -> Event:
        progress.step("lessons", total=2)
        go_on.wait(30)
        return {"editions": {"43/a": 1}}

    with Server(box.paths, slowly).listening():
        address = await phone.send(lessons)
        await phone.until(address, lambda found: found["word"] == "importing")
        told = await phone.ask("DELETE", address)
        assert (told.status, json.loads(told.text)["error"]) == (409, "in_use")
        go_on.set()
        assert (await phone.ended(address))["word"] == "done"
    assert (await phone.ask("DELETE", address)).status == 204
    assert files_of(box) == []


async def test_a_file_on_which_the_update_process_dies_is_given_up(
    box: BoxUnderTest, phone: Phone, lessons: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "FIRST_WAIT", 0.01)
    died: list[bytes] = []

    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        died.append(await reader.readline())
        writer.close()

    make_folder(box.paths.run)
    with short_name(box.paths.run) as folder:
        server = await asyncio.start_unix_server(die, f"{folder}/{box.paths.socket.name}")
    async with server:
        value = await phone.ended(await phone.send(lessons))
    assert (value["word"], len(died)) == ("fault", importing.MOST_CUT_OFF)
    assert files_of(box) == [".json"]


async def test_a_file_without_room_is_kept_and_comes_in_when_there_is_some(
    box: BoxUnderTest, phone: Phone, lessons: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with updating(box):
        with monkeypatch.context() as full:
            full.setattr("sync.raw.FLOOR", 2**60)  # this disk has less than that to leave free
            address = await phone.send(lessons)
            value = await phone.until(address, lambda found: found["word"] == "no-room")
        assert (value["stage"], value["do"]) == ("whole", "请技术员腾出空间，之后会自动继续。")
        assert files_of(box) == [".json", ".kexia"]
        told = await phone.begin(lessons)  # chosen again: nothing is sent, it is tried at once
        assert (told.status, told.headers["Location"]) == (200, address)
        assert told.offset == len(lessons)
        assert (await phone.ended(address))["word"] == "done"
    assert sorted(box.resources().values()) == sorted(FILES.values())


async def test_a_file_without_room_is_tried_again_by_itself(
    box: BoxUnderTest, phone: Phone, lessons: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "ROOM_WAIT", 0.5)
    with updating(box):
        with monkeypatch.context() as full:
            full.setattr("sync.raw.FLOOR", 2**60)
            address = await phone.send(lessons)
            await phone.until(address, lambda found: found["word"] == "no-room")
        assert (await phone.ended(address))["word"] == "done"


@pytest.mark.parametrize("name", [b"\xff\xfe.kexia", b"\xed\xa0\x80.kexia", b"%ED%A0%80.kexia"])
async def test_a_name_that_is_no_text_is_shown_all_the_same(
    box: BoxUnderTest, phone: Phone, name: bytes
) -> None:
    small = tar_of({"KEXIA/stick.json": b"{}"})
    async with raw(phone, "POST /api/v1/uploads", small, {"Upload-Name": name}) as (reader, _):
        assert (await reader.readline()).split()[1] == b"201"
    [note] = box.paths.uploads.glob("*.json")
    assert decode_note(note.read_bytes()).name.endswith(".kexia")
    assert note.with_suffix(".kexia").read_bytes() == small


async def test_a_token_that_is_no_text_is_a_wrong_one(phone: Phone) -> None:
    small = tar_of({"KEXIA/stick.json": b"{}"})
    phone.token = "x"
    async with raw(phone, "POST /api/v1/uploads", small, {"X-Kexia-Token": b"\xff"}) as (reader, _):
        assert (await reader.readline()).split()[1] == b"403"


def test_a_note_that_cannot_be_written_leaves_no_file(
    tmp_path: Path, lessons: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(_: Note) -> bytes:
        raise UnicodeError

    monkeypatch.setattr(store, "encode_note", stumble)
    with pytest.raises(UnicodeError):
        store.Uploads(tmp_path, lambda: NOW).begin("a", 999_999, lessons[:HEAD])
    assert list(tmp_path.iterdir()) == []


async def test_who_comes_third_ends_the_second_too(
    phone: Phone, lessons: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = await phone.begin(lessons)
    address, offset = told.headers["Location"], told.offset
    slow, go_on = threading.Event(), threading.Event()
    close_part = store.Uploads.close_part

    def close_slowly(self: store.Uploads, upload: store.Upload, file: BinaryIO) -> None:
        slow.set()
        go_on.wait(30)
        close_part(self, upload, file)

    monkeypatch.setattr(store.Uploads, "close_part", close_slowly)
    fields, part = part_of_half_a_megabyte(offset), lessons[offset:][:70_000]
    async with raw(phone, f"PATCH {address}", part, fields) as (first, _):
        await is_coming(phone, address)
        async with raw(phone, f"PATCH {address}", b"", fields) as (second, _):
            await asyncio.to_thread(slow.wait, 30)  # the second waits now, and will send nothing
            where = asyncio.create_task(phone.ask("HEAD", address))
            await asyncio.sleep(0.3)
            go_on.set()
            assert await first.read() == b""
            assert await second.read() == b"", "it was ended, not waited for"
            assert offset < (await where).offset <= offset + 70_000


async def test_a_plain_form_does_the_same_without_a_script(
    box: BoxUnderTest, phone: Phone, lessons: bytes
) -> None:
    with updating(box):
        told = await send_form(phone, lessons)
        assert (told.status, told.headers["Location"]) == (303, "/stick")
        page = ""
        for _ in range(300):
            page = await phone.open("/stick")
            if "完成：文件里的课程已导入课匣。" in page:
                break
            await asyncio.sleep(0.1)
    assert sorted(box.resources().values()) == sorted(FILES.values())
    assert "form.kexia" in page


async def test_a_form_that_breaks_off_leaves_nothing(
    box: BoxUnderTest, phone: Phone, lessons: bytes
) -> None:
    with Cutter(int(phone.url.rpartition(":")[2]), [500_000]) as line:
        phone.url = line.url
        with pytest.raises(aiohttp.ClientError):
            await send_form(phone, lessons)
        assert line.broken == 1
    for _ in range(100):
        if files_of(box) == []:
            break
        await asyncio.sleep(0.05)
    assert files_of(box) == []


async def test_a_small_file_comes_whole_with_its_announcement(
    box: BoxUnderTest, phone: Phone
) -> None:
    small = tar_of({"KEXIA/stick.json": b"{}"})
    assert len(small) < HEAD
    with updating(box):
        assert (await phone.ended(await phone.send(small)))["word"] == "of-nobody"
        assert (await send_form(phone, small)).status == 303
        notes = box.paths.uploads.glob("*.json")
        [new] = [path.stem for path in notes if b"form.kexia" in path.read_bytes()]
        assert (await phone.ended(f"/api/v1/uploads/{new}"))["word"] == "of-nobody"


async def test_a_form_without_its_token_or_with_another_files_kind_changes_nothing(
    box: BoxUnderTest, phone: Phone, lessons: bytes
) -> None:
    token, phone.token = phone.token, "0" * 32
    assert (await send_form(phone, lessons)).status == 403
    phone.token = token
    assert (await send_form(phone, b"%PDF" + bytes(100_000))).status == 415
    assert (await phone.ask("POST", "/send", data={"token": token})).status == 400
    assert files_of(box) == []


HOSTILE: dict[str, tuple[Callable[[bytes], bytes], int, str]] = {
    "no tar at all": (lambda _: b"GIF89a" + bytes(90_000), 415, ""),
    "one header and then noise": (lambda whole: whole[:512] + noise(9, 90_000), 0, "not-lessons"),
    "cut in the middle": (lambda whole: whole[: len(whole) // 2], 0, "not-lessons"),
    "a size that no disk has": (lambda _: bomb(), 0, "not-lessons"),
    "a path out of the tree": (lambda _: tar_with("../../etc/passwd"), 0, "not-lessons"),
}


@pytest.mark.parametrize("case", HOSTILE)
async def test_a_hostile_file_gets_one_clear_sentence(
    box: BoxUnderTest, phone: Phone, lessons: bytes, case: str
) -> None:
    make, status, word = HOSTILE[case]
    data = make(lessons)
    with updating(box):
        if status:
            told = await phone.begin(data)
            assert told.status == status
            assert json.loads(told.text)["message"] == "这不是课程文件，或文件已损坏。"
        else:
            value = await phone.ended(await phone.send(data))
            assert (value["word"], value["editions"]) == (word, {})
            assert value["what"] == "这不是课程文件，或文件已损坏。"
            assert str(box.paths.root) not in value["detail"]
    assert ".kexia" not in files_of(box)


async def test_somebody_elses_signature_is_told_apart(
    box: BoxUnderTest, phone: Phone, founded: Province, tmp_path: Path
) -> None:
    other = Province.create(tmp_path / "other", code="44")
    other.publish({"44/a": FILES})
    stranger = lessons_file(tmp_path / "s.kexia", other, FILES.values()).read_bytes()
    forged = lessons_file(tmp_path / "f.kexia", founded, FILES.values()).read_bytes()
    at = forged.index(b'"sig"', forged.index(b"/metadata/timestamp.json"))
    forged = forged[: at + 20] + flipped(forged[at + 20 : at + 21]) + forged[at + 21 :]
    with updating(box):
        assert (await phone.ended(await phone.send(stranger)))["word"] == "of-nobody"
        value = await phone.ended(await phone.send(forged))
    assert (value["word"], value["what"]) == (
        "refused",
        "文件里有内容签名不符，没有导入。",
    )
    assert box.editions() == {}


async def test_altered_lessons_are_refused_and_the_good_ones_taken(
    box: BoxUnderTest, phone: Phone, lessons: bytes
) -> None:
    at = lessons.index(FILES["l2.mp4"])
    altered = lessons[: at + 9] + flipped(lessons[at + 9 : at + 10]) + lessons[at + 10 :]
    with updating(box):
        value = await phone.ended(await phone.send(altered))
    assert (value["word"], value["editions"]) == ("partly", {"43/a": 1})
    assert sha256(FILES["l2.mp4"]) in value["detail"]
    assert not box.store.library.has(sha256(FILES["l2.mp4"]))


async def test_a_paused_box_keeps_the_file_until_it_may(
    box: BoxUnderTest, phone: Phone, lessons: bytes
) -> None:
    with updating(box):
        for _ in range(100):
            await asyncio.sleep(0.05)
            if box.paths.socket.exists():
                break
        await asyncio.to_thread(ask, box.paths, {"command": "pause"}, Silent())
        address = await phone.send(lessons)
        value = await phone.until(address, lambda found: found["word"] == "paused")
        assert value["what"] == "文件已收到，等下课后再导入。"
        await asyncio.to_thread(ask, box.paths, {"command": "resume"}, Silent())
        assert (await phone.ended(address))["word"] == "done"


async def test_who_may_not_send_may_not(box: BoxUnderTest, lessons: bytes) -> None:
    config.save(box.paths, replace(config.load(box.paths), uploads=Uploaders.PIN))
    set_pin(box)
    async with phone_at(box) as phone:
        page = await phone.open()
        assert "这个课匣只允许管理员传课程。" in page
        assert (await phone.begin(lessons)).status == 403
        assert (await phone.sign_in()).status == 303
        await phone.open()
        address = (await phone.begin(lessons)).headers["Location"]
        foreign = {"Origin": "http://evil.example"}
        assert (await phone.ask("DELETE", address, headers=foreign)).status == 403
        assert (await phone.ask("DELETE", address, headers={"X-Kexia-Token": "x"})).status == 403
        assert (await phone.ask("DELETE", address)).status == 204


@pytest.mark.parametrize(
    ("problems", "editions", "word"),
    [
        ([], {"43/a": 1}, Word.DONE),
        ([], {}, Word.NOTHING_NEW),
        ([(4, "https://own: no answer")], {}, Word.NOTHING_NEW),
        ([(4, "https://own: no answer")], {"43/a": 2}, Word.DONE),
        ([(5, "/u/1.kexia: signature")], {}, Word.REFUSED),
        ([(5, "/u/1.kexia: digest")], {"43/a": 2}, Word.PARTLY),
        ([(4, "/u/1.kexia: holds nothing of a publisher this box follows")], {}, Word.OF_NOBODY),
        ([(4, "/u/1.kexia: ends early")], {}, Word.NOT_LESSONS),
        ([(6, "no room")], {"43/a": 1}, Word.NO_ROOM),
        ([(9, "a newer state is not complete")], {}, Word.INCOMPLETE),
    ],
)
def test_reports_are_judged(
    problems: list[tuple[int, str]], editions: dict[str, int], word: Word
) -> None:
    listed = [{"error": fact, "exit_code": code} for code, fact in problems]
    verdict = judge({"problems": listed, "editions": editions}, "/u/1.kexia", "n.kexia")
    assert verdict.word is word
    assert verdict.is_final is (word is not Word.NO_ROOM)
    assert "/u/1.kexia" not in verdict.detail


@pytest.mark.parametrize(
    ("error", "word", "is_final"),
    [
        (Incomplete("it ended"), Word.WAITING, False),
        (LeaseHeld("somebody"), Word.WAITING, False),
        (TrustRefused("/u/1.kexia: no"), Word.REFUSED, True),
        (KexiaError("a fault"), Word.FAULT, True),
    ],
)
def test_errors_are_judged(error: KexiaError, word: Word, is_final: bool) -> None:
    verdict = judge_error(error, "/u/1.kexia", "n.kexia")
    assert (verdict.word, verdict.is_final) == (word, is_final)


@asynccontextmanager
async def raw(
    phone: Phone, line: str, body: bytes, fields: Mapping[str, bytes]
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A request as no client library sends it, on a connection of its own."""
    host, _, port = phone.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    cookies = "; ".join(f"{item.key}={item.value}" for item in phone.session.cookie_jar)
    length = str(len(body)).encode()
    every = {
        "Host": f"{host}:{port}".encode(),
        "Origin": phone.url.encode(),
        "Cookie": cookies.encode(),
        "X-Kexia-Token": phone.token.encode(),
        "Upload-Length": length,
        "Content-Length": length,
        **fields,
    }
    writer.write(f"{line} HTTP/1.1\r\n".encode())
    writer.writelines(b"%s: %s\r\n" % (name.encode(), value) for name, value in every.items())
    writer.write(b"\r\n" + body)
    await writer.drain()
    try:
        yield reader, writer
    finally:
        writer.close()


async def is_coming(phone: Phone, address: str) -> None:
    """Wait until a part comes in, and then for what was sent of it."""
    await phone.until(address, lambda value: value["word"] == "coming")
    await asyncio.sleep(0.2)


def part_of_half_a_megabyte(offset: int) -> dict[str, bytes]:
    """Of which more is announced than comes."""
    return {
        "Upload-Offset": str(offset).encode(),
        "Content-Type": b"application/offset+octet-stream",
        "Content-Length": b"500000",
    }


LINE = "----WebKitFormBoundaryAsLongAsThoseOfBrowsers"


async def send_form(phone: Phone, data: bytes) -> Told:
    """As a browser without JavaScript sends it."""
    head = (
        f'--{LINE}\r\nContent-Disposition: form-data; name="token"\r\n\r\n'
        f"{phone.token}\r\n--{LINE}\r\n"
        'Content-Disposition: form-data; name="file"; filename="form.kexia"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    kind = {"Content-Type": f"multipart/form-data; boundary={LINE}"}
    body = head.encode() + data + f"\r\n--{LINE}--\r\n".encode()
    return await phone.ask("POST", "/send", data=body, headers=kind)


def tar_of(files: dict[str, bytes]) -> bytes:
    return (
        b"".join(
            header(name, len(data)) + data + padding(len(data)) for name, data in files.items()
        )
        + end()
    )


def bomb() -> bytes:
    """A file that says it is 8 GiB long, and is not."""
    return header("KEXIA/stick.json", 8**11 - 1) + bytes(90_000)


def tar_with(name: str) -> bytes:
    """A tar of Python's with a file of this name."""
    with tempfile.TemporaryDirectory() as folder:
        return write_archive(Path(folder, "x.tar"), {name: bytes(70_000)}).read_bytes()


def flipped(byte: bytes) -> bytes:
    return bytes([byte[0] ^ 1])
