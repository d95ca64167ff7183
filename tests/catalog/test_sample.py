"""The sample library: compiles without a fault, plays everywhere, and stays small."""

import json
import re
import shutil
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

import catalog
from catalog.model import Lesson, Lessons, Role, decode_lessons
from catalog.sample.studio.collection import read_collection, sheet
from catalog.sheets.compile import Report, check_folder
from catalog.sheets.sheet import read_sheet
from sync.run import run

SAMPLE = Path(catalog.__file__).parent / "sample"
UPDATE = SAMPLE / "update"
NAMES = sorted(
    path.name
    for path in SAMPLE.iterdir()
    if path.is_dir() and path.name not in ("update", "studio", "__pycache__")
)
MOST = 6_000_000
TIME = re.compile(r"(\d\d):(\d\d):(\d\d\.\d{3}) --> (\d\d):(\d\d):(\d\d\.\d{3})")
SCRIPTS = {
    "ug": re.compile("[\u0626\u0627-\u06d5]"),
    "bo": re.compile("[\u0f40-\u0fbc]"),
    "mn-Mong": re.compile("[\u1820-\u1842]"),
    "zh-Hant": re.compile("[認識傳統詞語]"),
    "en": re.compile("[A-Za-z]"),
}
TOO_NEW = {
    "optional chaining": r"\?\.[a-zA-Z_(\[]",
    "nullish coalescing": r"\?\?",
    "modules": r"^\s*(import|export)\b|type=.module",
    "storage": r"localStorage|sessionStorage|indexedDB",
    "network": r"XMLHttpRequest|fetch\(|WebSocket",
    "grid gaps": r"\b(gap|inset|aspect-ratio)\s*:",
    "flatMap and friends": r"\.(flatMap|flat|replaceAll|at|matchAll)\(|Object\.fromEntries",
}


def files(folder: Path, *patterns: str) -> list[Path]:
    return sorted(path for pattern in patterns for path in folder.rglob(pattern))


def shown(path: Path) -> str:
    return str(path.relative_to(SAMPLE))


def content(*patterns: str) -> list[Path]:
    """Files of the collections and of the update, not of the studio."""
    roots = [*(SAMPLE / name for name in NAMES), UPDATE]
    return [path for root in roots for path in files(root, *patterns)]


@cache
def report(name: str) -> Report:
    return check_folder(SAMPLE / name, collection=f"43/{name}")


@cache
def lessons(name: str) -> Lessons:
    compiled = report(name).compiled
    assert compiled is not None
    return decode_lessons(compiled.block)


def all_lessons() -> list[Lesson]:
    return [lesson for name in NAMES for lesson in lessons(name).lessons]


@pytest.mark.parametrize("name", NAMES)
def test_a_collection_compiles_and_only_gbk_is_worth_a_note(name: str) -> None:
    assert report(name).faults == ()
    assert [note.what for note in report(name).notes] == ["read as GBK"] * (name == "math-2b")


@pytest.mark.parametrize("name", NAMES)
def test_the_sheet_is_what_the_studio_describes(name: str) -> None:
    collection = read_collection(SAMPLE / "studio" / f"{name}.toml")
    kept, told = (SAMPLE / name / collection.sheet).read_bytes(), sheet(collection, 1)
    assert read_sheet(kept, collection.sheet) == read_sheet(told, collection.sheet)
    assert kept == told or collection.sheet.endswith(".xlsx")  # another zlib, other bytes


def test_the_library_is_large_enough_to_browse_and_small_enough_to_carry() -> None:
    assert len(all_lessons()) >= 24
    assert len(NAMES) >= 8
    size = sum(
        path.stat().st_size
        for path in files(SAMPLE, "*")
        if path.is_file() and "__pycache__" not in path.parts
    )
    assert size <= MOST


def test_every_lesson_has_several_pieces() -> None:
    thin = [lesson.id for lesson in all_lessons() if len(lesson.resources) < 2]
    assert thin == []
    roles = {resource.role for lesson in all_lessons() for resource in lesson.resources}
    assert roles >= set(Role) - {Role.TEXTBOOK}


@pytest.mark.parametrize("name", NAMES)
def test_a_collection_has_videos_in_two_lessons(name: str) -> None:
    roles = [{resource.role for resource in lesson.resources} for lesson in lessons(name).lessons]
    assert sum(Role.VIDEO in found and Role.SUBTITLE in found for found in roles) >= 2


def test_subjects_and_grades_of_teaching_points_are_there() -> None:
    subjects = {lesson.subject for lesson in all_lessons()}
    assert subjects >= {"music", "art", "english", "math", "science", "chinese"}
    assert {grade for lesson in all_lessons() for grade in lesson.grades} == {"g1", "g2", "g3"}
    assert any(not lesson.chapters and len(lesson.grades) == 3 for lesson in all_lessons())
    assert any("节奏" in lesson.summary for lesson in all_lessons())


@pytest.mark.parametrize("language", SCRIPTS)
def test_languages_are_there_in_their_scripts(language: str) -> None:
    titles = [lesson.title for lesson in all_lessons() if lesson.language == language]
    assert len(titles) >= (1 if language == "en" else 2)
    assert all(SCRIPTS[language].search(title) for title in titles)


def test_sheets_differ_as_those_of_provinces_do() -> None:
    kinds = set()
    for name in NAMES:
        (path,) = (p for p in (SAMPLE / name).iterdir() if p.suffix in (".csv", ".xlsx"))
        data = path.read_bytes()
        assert read_sheet(data, path.name).sheets
        if path.suffix == ".xlsx":
            kinds.add("xlsx")
        elif data.startswith(b"\xef\xbb\xbf"):
            kinds.add("bom")
        else:
            kinds.add("utf-8" if decodes(data, "utf-8") else "gbk")
            kinds |= {"backslash"} if b"\\" in data else set()
            kinds |= {"keys"} if b"lesson_id" in data else {"headings"}
    assert kinds == {"xlsx", "bom", "utf-8", "gbk", "backslash", "keys", "headings"}


def decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


# --- videos and subtitles


@pytest.mark.parametrize("path", content("*.mp4", "*.m4a"), ids=shown)
def test_media_have_their_index_first(path: Path) -> None:
    data, at, boxes = path.read_bytes(), 0, []
    while at < len(data):
        boxes.append(data[at + 4 : at + 8])
        at += int.from_bytes(data[at : at + 4], "big")
    assert at == len(data)
    assert boxes.index(b"moov") < boxes.index(b"mdat")


def test_there_are_enough_videos_and_none_is_heavy() -> None:
    videos = content("*.mp4")
    assert len(videos) >= 10
    assert max(path.stat().st_size for path in videos) <= 160_000


@pytest.mark.e2e
@pytest.mark.parametrize("path", content("*.mp4"), ids=shown)
def test_a_video_plays_and_seeks_on_an_old_tablet(path: Path) -> None:
    entries = "stream=codec_name,profile,width,height,pix_fmt,avg_frame_rate:format=duration"
    probe = ["ffprobe", "-v", "error", "-of", "json"]
    found = json.loads(run([*probe, "-show_entries", entries, path], timeout=60).stdout)
    picture, sound = found["streams"]
    assert (picture["codec_name"], sound["codec_name"]) == ("h264", "aac")
    assert (picture["width"], picture["height"], picture["pix_fmt"]) == (640, 360, "yuv420p")
    assert picture["profile"] in ("Constrained Baseline", "Main", "High")
    assert picture["avg_frame_rate"] == "25/1"
    assert 15 <= float(found["format"]["duration"]) <= 40
    packets = ["-select_streams", "v", "-show_entries", "packet=pts_time,flags"]
    packet = json.loads(run([*probe, *packets, path], timeout=60).stdout)["packets"]
    keys = [float(one["pts_time"]) for one in packet if "K" in one["flags"]]
    assert keys[0] < 0.1
    assert max(b - a for a, b in pairwise(keys)) <= 2.01


def cues(text: str) -> list[tuple[float, float, str]]:
    head, *blocks = text.strip().split("\n\n")
    assert head == "WEBVTT"
    found = []
    for block in blocks:
        time, *lines = block.split("\n")
        match = TIME.fullmatch(time)
        assert match, time
        h1, m1, s1, h2, m2, s2 = map(float, match.groups())
        found.append((h1 * 3600 + m1 * 60 + s1, h2 * 3600 + m2 * 60 + s2, "\n".join(lines)))
    return found


@pytest.mark.parametrize("path", content("*.vtt"), ids=shown)
def test_subtitles_are_valid_and_in_chinese(path: Path) -> None:
    found = cues(path.read_text(encoding="utf-8"))
    assert found
    assert all(begin < end and words.strip() for begin, end, words in found)
    assert all(before[1] <= after[0] for before, after in pairwise(found))
    assert all(re.search("[\u4e00-\u9fff]", words) for _, _, words in found)


class Shots(HTMLParser):
    """Length and words of each shot of a lesson's source."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[float, str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "shot":
            values = dict(attrs)
            cue = values.get("cue") or ""
            self.found.append((float(values["dur"] or 0), cue, values.get("cue2") or cue))


@pytest.mark.parametrize("name", NAMES)
def test_subtitles_say_what_the_shots_show(name: str) -> None:
    collection = read_collection(SAMPLE / "studio" / f"{name}.toml")
    for lesson in collection.of_edition(1):
        shots = Shots()
        shots.feed(lesson.source)
        place = Path(name, lesson.folder, collection.file("subtitle", ".vtt"))
        for root, edition in ((SAMPLE, 1), (UPDATE, 2)):
            if not shots.found or not (root / place).exists():
                continue
            begin, expected = 0.0, []
            for seconds, *words in shots.found:
                expected.append((begin, begin + seconds, words[edition - 1]))
                begin += seconds
            assert cues((root / place).read_text(encoding="utf-8")) == expected


# --- paper


@pytest.mark.parametrize("path", content("*.pdf"), ids=shown)
def test_papers_carry_no_date_of_their_making(path: Path) -> None:
    data = path.read_bytes()
    assert data.startswith(b"%PDF-")
    assert set(re.findall(rb"D:\d{14}", data)) == {b"D:20261001080000"}


@pytest.mark.e2e
@pytest.mark.parametrize("path", content("*.pdf"), ids=shown)
def test_papers_embed_their_fonts_and_keep_their_format(path: Path) -> None:
    fonts = run(["pdffonts", path], timeout=60).stdout.decode().splitlines()[2:]
    assert fonts
    assert all(re.search(r"CID TrueType +Identity-H +yes yes yes ", line) for line in fonts), fonts
    info = run(["pdfinfo", path], timeout=60).stdout.decode()
    (pages,) = map(int, re.findall(r"Pages: +(\d+)", info))
    if "courseware" in path.name or "课件" in path.name:
        assert 2 <= pages <= 5
        assert re.search(r"Page size: +720 x 40[45]", info)
    else:
        assert pages == 1
        assert "(A4)" in info


# --- sites


def sites() -> list[Path]:
    return [path.parent for path in content("index.html") if UPDATE not in path.parents]


class Links(HTMLParser):
    """What a page loads by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        wanted = "href" if tag == "link" else "src"
        self.found += [value for name, value in attrs if name == wanted and value]


def test_there_are_enough_sites() -> None:
    assert len(sites()) >= 4


@pytest.mark.parametrize("site", sites(), ids=shown)
def test_a_site_stands_alone(site: Path) -> None:
    links = Links()
    links.feed((site / "index.html").read_text(encoding="utf-8"))
    assert all((site / link).is_file() for link in links.found)
    assert {"site.css"} < set(links.found)
    named = set(links.found) | {"index.html"}
    for path in files(site, "*.html", "*.css", "*.js", "*.svg"):
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|//[a-z]", text.replace("// ", "")), path
        named |= {other.name for other in site.iterdir() if other.stem in text}
    assert {path.name for path in site.iterdir()} == named, "nothing is left over"


@pytest.mark.parametrize("site", sites(), ids=shown)
def test_a_site_runs_on_an_old_tablet(site: Path) -> None:
    page = (site / "index.html").read_text(encoding="utf-8")
    assert '<html lang="zh-Hans">' in page
    assert 'name="viewport"' in page
    for path in files(site, "*.html", "*.css", "*.js"):
        text = path.read_text(encoding="utf-8")
        found = [what for what, sign in TOO_NEW.items() if re.search(sign, text, re.MULTILINE)]
        assert found == [], path


# --- the second edition


def test_the_update_changes_what_it_should_and_still_compiles(tmp_path: Path) -> None:
    library = tmp_path / "library"
    skipped = shutil.ignore_patterns("update", "studio", "*.py", "*.md", "LICENSE", "__pycache__")
    shutil.copytree(SAMPLE, library, ignore=skipped)
    before = {path.relative_to(library) for path in files(library, "*") if path.is_file()}
    shutil.copytree(UPDATE, library, dirs_exist_ok=True)
    new = {path.relative_to(library) for path in files(library, "*") if path.is_file()} - before
    assert {path.parts[:2] for path in new} == {("music-1a", "l5")}
    changed = [path for path in files(UPDATE, "*") if path.is_file()]
    assert all(
        path.read_bytes() != (SAMPLE / path.relative_to(UPDATE)).read_bytes()
        for path in changed
        if path.relative_to(UPDATE) not in new
    )
    suffixes = {path.suffix for path in changed if path.relative_to(UPDATE) not in new}
    assert suffixes == {".pdf", ".vtt", ".html", ".csv"}
    for name in sorted(path.name for path in UPDATE.iterdir()):
        found = check_folder(library / name, collection=f"43/{name}")
        assert (found.faults, found.notes) == ((), ())
        assert found.compiled is not None
        more = 1 if name == "music-1a" else 0
        assert found.compiled.lesson_count == len(lessons(name).lessons) + more
