"""Folders with sheets: what comes out of good ones, and every fault of bad ones at once."""

import csv
import io
import os
import random
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.errors import SheetRefused
from catalog.model import Lesson, Lessons, Role, decode_lessons
from catalog.sheets import media
from catalog.sheets.compile import Compiled, Report, check_folder, compile_folder, write_back
from catalog.sheets.media import Media, Stream
from catalog.sheets.sheet import BY_KEY, COLUMNS
from sync import site
from sync.digest import sha256
from sync.errors import UsageError
from sync.run import run

GOLDEN = Path(__file__).parents[1] / "golden" / "lessons-compiled-1.jsonl"
COLLECTION = "43/music-1a"


def box(name: str, content: bytes = b"") -> bytes:
    return (8 + len(content)).to_bytes(4, "big") + name.encode() + content


MP4 = box("ftyp", b"isom") + box("moov") + box("mdat", b"picture and sound")
PDF = b"%PDF-1.7\n1 0 obj <</Type /Page>> endobj\n%%EOF\n"
VTT = "WEBVTT\n\n00:01.000 --> 00:02.000\n国旗\n".encode()
FILES = {
    "video/1.mp4": MP4,
    "video/1.vtt": VTT,
    "课件/1.pdf": PDF,
    "quiz/index.html": b"<h1>quiz</h1>",
    "quiz/js/quiz.js": b"start()",
    "quiz/.DS_Store": b"litter",
}
LESSON = {
    "lesson_id": "flag",
    "title": "国旗国旗真美丽",
    "stage": "小学",
    "grade": "一年级",
    "subject": "音乐",
    "press": "人教版",
    "book": "上册",
    "chapter": "第一单元 爱国/1 国旗国旗真美丽",
}
RIGHTS = {"licence": "CC BY 4.0", "provider": "示范小学", "authorised_scope": "province:43"}
VIDEO = {"role": "微课", "file": r"video\1.mp4", **RIGHTS}
SUBTITLE = {"role": "字幕", "file": "video/1.vtt", "subtitle_of": "video/1.mp4", **RIGHTS}
SLIDES = {"role": "课件", "file": "课件/1.pdf", **RIGHTS}
QUIZ = {"role": "互动", "file": "quiz", **RIGHTS}
ROWS = [LESSON | VIDEO, SUBTITLE, SLIDES, QUIZ]

Rows = Sequence[Mapping[str, str]]


def playable(path: Path) -> Media:
    """What ffprobe would say of the files made here, which have boxes but no streams."""
    assert path.suffix == ".mp4"
    streams = (
        Stream("video", "h264", "High", "yuv420p", "avc1"),
        Stream("audio", "aac", "LC", "", "mp4a"),
    )
    return Media("mov,mp4,m4a,3gp,3g2,mj2", 200.4, streams)


def sheet(rows: Rows) -> bytes:
    keys = [column.key for column in COLUMNS if any(column.key in row for row in rows)]
    keys += sorted({key for row in rows for key in row} - set(keys))
    text = io.StringIO()
    writer = csv.DictWriter(text, keys)
    headings = {key: BY_KEY[key].heading if key in BY_KEY else key for key in keys}
    writer.writerow(headings)
    writer.writerows(rows)
    return text.getvalue().encode()


def fill(folder: Path, rows: Rows, files: Mapping[str, bytes] = FILES) -> Path:
    for name, data in {"lessons.csv": sheet(rows), **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def check(folder: Path) -> Report:
    return check_folder(folder, collection=COLLECTION, prober=playable)


def compiled(folder: Path, rows: Rows = ROWS) -> Compiled:
    return compile_folder(fill(folder, rows), collection=COLLECTION, prober=playable)


def lessons(folder: Path, rows: Rows) -> Lessons:
    return decode_lessons(compiled(folder, rows).block)


def faults(folder: Path, rows: Rows) -> list[str]:
    return [str(fault) for fault in check(fill(folder, rows)).faults]


def test_a_folder_becomes_a_collection(tmp_path: Path) -> None:
    result = compiled(tmp_path)
    (lesson,) = decode_lessons(result.block).lessons
    video, subtitle, slides, quiz = lesson.resources
    assert (result.title, result.lesson_count) == ("人教版 音乐 一年级上册", 1)
    assert result.dimensions == {
        "stage": ("primary",),
        "grade": ("g1",),
        "subject": ("music",),
        "press": ("renjiao",),
        "book": ("upper",),
        "language": ("zh-Hans",),
    }
    assert (video.digest, video.size, video.duration) == (sha256(MP4), len(MP4), "PT3M20S")
    assert (video.role, video.format, video.licence) == (Role.VIDEO, "mp4", "CC-BY-4.0")
    assert subtitle.subtitle_of == video.digest
    assert (quiz.format, quiz.size) == ("site", len(b"<h1>quiz</h1>start()"))
    listing = result.made[quiz.digest]
    assert [file.path for file in site.decode(listing)] == ["index.html", "js/quiz.js"]
    order = [video.digest, subtitle.digest, slides.digest, quiz.digest]
    order += [file.digest for file in site.decode(listing)]
    assert [resource.digest for resource in result.resources] == order
    for resource in result.resources:
        data = result.made.get(resource.digest) or result.paths[resource.digest].read_bytes()
        assert (sha256(data), len(data)) == (resource.digest, resource.size)
    assert not result.notes
    assert not result.copies


def test_the_block_of_a_folder_is_golden(tmp_path: Path) -> None:
    other = {
        "lesson_id": "hour-2",
        "class_hour": "第2课时",
        "teacher": "李老师",
        "备注": "新",
        **VIDEO,
    }
    rows = [*ROWS, LESSON | other]
    assert compiled(tmp_path, rows).block == GOLDEN.read_bytes()


def test_the_same_folder_gives_the_same_block_whatever_order_and_age(tmp_path: Path) -> None:
    first = compiled(tmp_path / "a")
    names = list(FILES)
    random.Random(7).shuffle(names)
    second = tmp_path / "b"
    for name in names:
        (second / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(tmp_path / "a" / name, second / name)
        os.utime(second / name, (1, 1))
    again = compiled(second)
    assert (again.block, again.resources) == (first.block, first.resources)


def test_ids_of_textbooks_and_chapters_stay_when_others_come_between(tmp_path: Path) -> None:
    before = lessons(tmp_path / "a", ROWS)
    new = LESSON | {"lesson_id": "new", "chapter": "第零单元/0 序"} | VIDEO
    late = LESSON | {"lesson_id": "late", "chapter": " 第一单元　爱国 / 2 后来"} | VIDEO
    after = lessons(tmp_path / "b", [new, *ROWS, late])
    assert before.textbooks == after.textbooks
    assert before.textbooks[0].id == "43-music-renjiao-g1-upper"
    assert {chapter.id for chapter in before.chapters} < {chapter.id for chapter in after.chapters}
    unit = {chapter.title: chapter for chapter in after.chapters}
    assert unit["第零单元"].order == 0
    assert unit["第一单元 爱国"].order == 1
    assert unit["2 后来"].parent == unit["第一单元 爱国"].id
    assert [lesson.id for lesson in after.lessons] == ["new", "flag", "late"]


@pytest.mark.parametrize(
    ("changes", "textbook", "title"),
    [
        (
            {"grade": "二年级", "book": "下册"},
            "43-music-renjiao-g2-lower",
            "人教版 音乐 二年级下册",
        ),
        ({"syllabus": "新教材"}, "43-music-renjiao-g1-upper", "人教版 音乐 一年级上册"),
        ({"syllabus": "旧"}, "43-music-renjiao-g1-upper-old", "人教版 音乐 一年级上册（旧教材）"),
        (
            {"stage": "小学（五·四学制）"},
            "43-music-renjiao-g1-upper-54",
            "人教版 音乐 一年级上册",
        ),
        (
            {"stage": "高中", "grade": "", "subject": "数学", "press": "人教A版", "book": "必修1"},
            "43-math-renjiao-a-required-1",
            "人教A版 数学 必修 第一册",
        ),
    ],
)
def test_textbooks(tmp_path: Path, changes: dict[str, str], textbook: str, title: str) -> None:
    found = lessons(tmp_path, [LESSON | changes | VIDEO])
    assert [(book.id, book.title) for book in found.textbooks] == [(textbook, title)]


def test_a_combined_class_belongs_to_the_first_grade_or_the_one_the_chapter_names(
    tmp_path: Path,
) -> None:
    chapters = "第一单元/1 国旗; 二年级/第三单元/5 国旗"
    found = lessons(tmp_path, [LESSON | {"grade": "一至三年级", "chapter": chapters} | VIDEO])
    assert [book.id for book in found.textbooks] == [
        "43-music-renjiao-g1-upper",
        "43-music-renjiao-g2-upper",
    ]
    (lesson,) = found.lessons
    by_id = {chapter.id: chapter for chapter in found.chapters}
    assert lesson.grades == ("g1", "g2", "g3")
    assert [by_id[chapter].title for chapter in lesson.chapters] == ["1 国旗", "5 国旗"]
    assert by_id[str(by_id[lesson.chapters[1]].parent)].title == "第三单元"


def test_a_nine_year_school_takes_the_stage_of_the_grade(tmp_path: Path) -> None:
    changes = {"stage": "小学;初中", "grade": "六年级;七年级", "chapter": "七年级/第一单元"}
    (book,) = lessons(tmp_path, [LESSON | changes | VIDEO]).textbooks
    assert (book.stage, book.grade) == ("junior", "g7")


def test_a_programme_needs_no_textbook(tmp_path: Path) -> None:
    series = {key: LESSON[key] for key in ("lesson_id", "title", "stage", "grade", "subject")}
    result = compiled(tmp_path, [series | {"program": "专递课堂"} | VIDEO])
    found = decode_lessons(result.block)
    assert not found.textbooks
    assert found.lessons[0].program == "delivered"
    assert result.title == "专递课堂 音乐"
    assert result.dimensions["program"] == ("delivered",)


def test_a_row_may_have_its_own_language(tmp_path: Path) -> None:
    rows = [LESSON | {"language": "bo"} | VIDEO, {"language": "zh-hans"} | SUBTITLE, SLIDES]
    (lesson,) = lessons(tmp_path, rows).lessons
    assert lesson.language == "bo"
    assert [resource.language for resource in lesson.resources] == ["", "zh-Hans", ""]


def test_unknown_columns_of_all_rows_are_kept(tmp_path: Path) -> None:
    rows = [LESSON | {"备注": "甲"} | VIDEO, {"备注": "乙"} | SUBTITLE, {"备注": "甲"} | SLIDES]
    (lesson,) = lessons(tmp_path, rows).lessons
    assert lesson.extra == {"备注": "甲; 乙"}


def test_a_file_may_have_two_roles_and_is_shipped_once(tmp_path: Path) -> None:
    result = compiled(tmp_path, [LESSON | SLIDES, {**SLIDES, "role": "教学设计"}])
    assert len(result.resources) == 1
    assert len(decode_lessons(result.block).lessons[0].resources) == 2


def test_a_site_may_be_named_by_its_page(tmp_path: Path) -> None:
    quiz = {**QUIZ, "file": r"quiz\index.html"}
    assert (
        compiled(tmp_path / "a", [LESSON | quiz]).block
        == compiled(tmp_path / "b", [LESSON | QUIZ]).block
    )


def without_id(**changes: str) -> dict[str, str]:
    return {key: text for key, text in LESSON.items() if key != "lesson_id"} | changes


def test_ids_are_made_and_written_back_and_stay(tmp_path: Path) -> None:
    rows = [
        without_id() | VIDEO,
        SUBTITLE,
        without_id() | SLIDES,
        without_id(class_hour="2") | VIDEO,
        without_id(chapter="第二单元/1 国旗国旗真美丽") | VIDEO,
    ]
    source, target = tmp_path / "a", tmp_path / "b"
    result = compiled(source, rows)
    found = decode_lessons(result.block).lessons
    assert [len(lesson.resources) for lesson in found] == [3, 1, 1]
    assert [note.where for note in result.notes][-1:] == ["lessons.with-ids.csv"]
    assert write_back(result, target) == (target / "lessons.with-ids.csv",)
    for name, data in FILES.items():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).write_bytes(data)
    again = compile_folder(target, collection=COLLECTION, prober=playable)
    assert again.block == result.block
    assert not again.copies


def test_a_copy_with_ids_beside_its_original_is_left_aside(tmp_path: Path) -> None:
    result = compiled(tmp_path, [without_id() | VIDEO])
    write_back(result, tmp_path)
    again = check(tmp_path)
    assert not again.faults
    assert ("lessons.with-ids.csv", "left aside: a copy with ids") in [
        (note.where, note.what) for note in again.notes
    ]


def test_several_sheets_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    fill(tmp_path, ROWS)
    (tmp_path / "a 课程.csv").write_bytes(sheet([LESSON | {"lesson_id": "first"} | SLIDES]))
    (tmp_path / "~$lessons.xlsx").write_bytes(b"lock")
    (tmp_path / "old.xls").write_bytes(b"old")
    report = check(tmp_path)
    assert report.compiled is not None
    assert [lesson.id for lesson in decode_lessons(report.compiled.block).lessons] == [
        "first",
        "flag",
    ]
    assert [note.where for note in report.notes if "XLSX" in note.cure] == ["old.xls"]


def test_files_that_no_row_names_are_told(tmp_path: Path) -> None:
    fill(tmp_path, [LESSON | VIDEO])
    (note,) = check(tmp_path).notes
    assert "quiz/index.html" in note.what
    assert "video/1.vtt" in note.what
    assert "video/1.mp4" not in note.what
    assert ".DS_Store" not in note.what


def test_gbk_is_read_and_named(tmp_path: Path) -> None:
    first = compiled(tmp_path)
    (tmp_path / "lessons.csv").write_bytes(sheet(ROWS).decode().encode("gbk"))
    report = check(tmp_path)
    assert report.compiled is not None
    assert report.compiled.block == first.block
    assert [(note.where, note.what) for note in report.notes] == [("lessons.csv", "read as GBK")]


BAD: list[tuple[str, dict[str, str], str, str]] = [
    # column, what the lesson's only row has instead, what the fault says, what its cure says
    ("文件", {"file": "video/2.mp4"}, "'video/2.mp4' is not there", "copy the file"),
    ("文件", {"file": "Video/1.MP4"}, "'Video' is called 'video'", "upper and lower case"),
    ("文件", {"file": "../1.mp4"}, "leads out of the folder", "below this folder"),
    ("文件", {"file": r"video\..\..\1.mp4"}, "leads out of the folder", "below this folder"),
    ("文件", {"file": "/etc/passwd"}, "absolute path", "below this folder"),
    ("文件", {"file": r"C:\课\1.mp4"}, "absolute path", "below this folder"),
    ("文件", {"file": r"\\server\1.mp4"}, "absolute path", "below this folder"),
    ("文件", {"file": "."}, "no file name", "correct"),
    ("文件", {"file": "x" * 300}, "no file name", "correct"),
    ("文件", {"file": "link.mp4"}, "a link to a place outside", "copy the file itself"),
    ("文件", {"file": "pipe.mp4"}, "is no file", "name one file"),
    ("文件", {"file": "loop.mp4"}, "is no file", "name one file"),
    ("文件", {"file": "video"}, "is no file", "index.html"),
    ("文件", {"file": ""}, "文件 (file) is missing", "below this folder"),
    ("文件", {"file": "slides.pptx", "role": "课件"}, ".pptx file cannot be shown", "PDF"),
    ("文件", {"file": "课件/1.pdf"}, "cannot be shown as 视频课程", "mp4"),
    ("文件", {"file": "late.mp4"}, "index stands at the end", "faststart"),
    ("文件", {"file": "linked", "role": "互动"}, "'out.js' is no ordinary file", "copy"),
    ("资源类型", {"role": "影片"}, "'影片' is no 资源类型 we know", "did you mean"),
    ("资源类型", {"role": ""}, "资源类型 (role) is missing", "视频课程"),
    ("版本", {"press": "人教板"}, "'人教板' is no 版本 we know", "人教版"),
    ("年级", {"grade": "十三年级"}, "is no 年级 we know", "did you mean"),
    ("年级", {"grade": "一年级;零年级"}, "'零年级' is no 年级 we know", "did you mean"),
    ("年级", {"grade": ""}, "年级 (grade) is missing", "combined classes"),
    ("学段", {"stage": ""}, "学段 (stage) is missing", "小学"),
    ("学科", {"subject": "魔法"}, "is no 学科 we know", "docs/metadata.md lists all"),
    ("标题", {"title": ""}, "标题 (title) is missing", "first row"),
    ("章节", {"chapter": ""}, "章节 (chapter) is missing", "第一单元/1 观潮"),
    ("章节", {"chapter": "/".join("abcdefghi")}, "9 levels", "at most 8"),
    *(
        ("章节", {"chapter": nothing}, "章节 (chapter) is missing", "第一单元/1 观潮")
        for nothing in ("/", "//////////", " / ", "/;//", ";")
    ),
    *(
        ("章节", {"chapter": path}, f"{path!r} has a level without a title", "take away the '/'")
        for path in ("第一单元//1 观潮", "第一单元/1 观潮/", "/第一单元", "二年级/")
    ),
    ("课程编号", {"lesson_id": "Flag 1"}, "'Flag 1' is no id", ": flag-1"),
    ("许可", {"licence": ""}, "许可 (licence) is missing", "CC BY 4.0"),
    ("许可", {"licence": "免费"}, "'免费' is no licence we know", "SPDX"),
    ("提供者", {"provider": ""}, "提供者 (provider) is missing", "who provides"),
    ("授权范围", {"authorised_scope": "湖南"}, "'湖南' is no scope", "province:43"),
    ("语言", {"language": "汉语"}, "'汉语' is no language tag", "zh-Hans"),
    ("课时", {"class_hour": "两节"}, "'两节' is no number", "1, 2, 3"),
    ("时长", {"duration": "三分钟"}, "'三分钟' is no duration", "PT3M20S"),
    ("简介", {"summary": "长" * 10_001}, "10001 characters", "at most 10000"),
]


@pytest.mark.parametrize(("column", "changes", "what", "cure"), BAD)
def test_every_fault_has_row_column_what_and_cure(
    tmp_path: Path, column: str, changes: dict[str, str], what: str, cure: str
) -> None:
    (tmp_path / "outside.mp4").write_bytes(MP4)
    folder = tmp_path / "folder"
    late = box("ftyp", b"isom") + box("mdat", b"x") + box("moov")
    fill(folder, [LESSON | VIDEO | changes], {**FILES, "late.mp4": late, "slides.pptx": b"PK"})
    (folder / "link.mp4").symlink_to(tmp_path / "outside.mp4")
    os.mkfifo(folder / "pipe.mp4")
    (folder / "loop.mp4").symlink_to("loop.mp4")
    shutil.copytree(folder / "quiz", folder / "linked")
    (folder / "linked" / "out.js").symlink_to(tmp_path / "outside.mp4")
    (fault,) = check(folder).faults
    assert fault.where == f"lessons.csv row 2 column {column}"
    assert what in fault.what
    assert cure in fault.cure


def test_all_faults_of_all_rows_come_at_once_in_their_order(tmp_path: Path) -> None:
    rows = [
        LESSON | VIDEO | {"licence": "", "press": "人教板"},
        SUBTITLE | {"subtitle_of": "课件/1.pdf"},
        SLIDES | {"file": "课件/2.pdf", "title": "另一课"},
        LESSON | VIDEO | {"title": "别的课"},
    ]
    assert [fault.partition(":")[0] for fault in faults(tmp_path, rows)] == [
        "lessons.csv row 2 column 版本",
        "lessons.csv row 2 column 许可",
        "lessons.csv row 3 column 字幕对应",
        "lessons.csv row 4 column 学段",
        "lessons.csv row 4 column 年级",
        "lessons.csv row 4 column 学科",
        "lessons.csv row 4 column 版本",
        "lessons.csv row 4 column 册次",
        "lessons.csv row 4 column 章节",
        "lessons.csv row 4 column 文件",
        "lessons.csv row 5 column 课程编号",
    ]


def test_a_refusal_lists_every_fault(tmp_path: Path) -> None:
    fill(tmp_path, [LESSON | VIDEO | {"licence": "", "provider": ""}])
    with pytest.raises(SheetRefused, match="2 faults") as refused:
        compile_folder(tmp_path, collection=COLLECTION, prober=playable)
    assert refused.value.exit_code == 3
    assert len(refused.value.faults) == 2


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([*ROWS, LESSON | {"lesson_id": "b"} | VIDEO, LESSON | SLIDES], id="apart"),
        pytest.param([*ROWS, LESSON | {"title": "别的课"} | VIDEO], id="with-another-title"),
    ],
)
def test_a_duplicate_id_names_both_places(tmp_path: Path, rows: Rows) -> None:
    (fault,) = faults(tmp_path, rows)
    assert "duplicate id 'flag': it stands in lessons.csv row 2 too" in fault


def test_lessons_without_id_that_cannot_be_told_apart(tmp_path: Path) -> None:
    other = without_id(title="我们的音乐") | VIDEO
    (fault,) = faults(tmp_path, [without_id() | VIDEO, other, without_id() | SLIDES])
    assert "same textbook, chapter and title as lessons.csv row 2" in fault


def test_rows_of_one_lesson_must_agree(tmp_path: Path) -> None:
    rows = [
        LESSON | {"teacher": "甲"} | VIDEO,
        {"subject": "美术"} | SLIDES,
        {"teacher": "乙"} | QUIZ,
    ]
    report = check(fill(tmp_path, rows))
    assert [fault.where for fault in report.faults] == ["lessons.csv row 3 column 学科"]
    assert "row 2" in report.faults[0].what
    assert "lessons.csv row 4 column 教师" in [note.where for note in report.notes]


def test_press_and_book_are_needed_with_a_chapter_even_in_a_programme(tmp_path: Path) -> None:
    rows = [LESSON | {"press": "", "book": "", "program": "精品课"} | VIDEO]
    assert [fault.partition(":")[0] for fault in faults(tmp_path, rows)] == [
        "lessons.csv row 2 column 版本",
        "lessons.csv row 2 column 册次",
    ]


@pytest.mark.parametrize(
    ("target", "what"),
    [
        ("", "字幕对应 (subtitle_of) is missing"),
        ("video/9.mp4", "is not there"),
        ("课件/1.pdf", "no video or audio of this lesson"),
        ("other.mp4", "no video or audio of this lesson"),
    ],
)
def test_subtitles_belong_to_a_video_of_their_lesson(
    tmp_path: Path, target: str, what: str
) -> None:
    rows = [LESSON | VIDEO, SUBTITLE | {"subtitle_of": target}, SLIDES]
    fill(tmp_path, rows, {**FILES, "other.mp4": MP4})
    (fault,) = check(tmp_path).faults
    assert fault.where == "lessons.csv row 3 column 字幕对应"
    assert what in fault.what


def test_the_fault_of_a_missing_video_is_not_repeated_at_its_subtitles(tmp_path: Path) -> None:
    rows = [LESSON | VIDEO | {"file": "no.mp4"}, SUBTITLE | {"subtitle_of": "no.mp4"}]
    (fault,) = faults(tmp_path, rows)
    assert fault.startswith("lessons.csv row 2 column 文件")


def test_a_missing_column_is_said_once(tmp_path: Path) -> None:
    rows = [{key: text for key, text in row.items() if key != "licence"} for row in ROWS]
    (fault,) = faults(tmp_path, rows)
    assert fault.startswith("lessons.csv row 1 column 许可: this column is missing")


def test_too_many_resources_of_one_lesson(tmp_path: Path) -> None:
    rows = [LESSON | SLIDES, *[SLIDES] * 500]
    (fault,) = faults(tmp_path, rows)
    assert "501 resources" in fault


def test_metadata_that_fill_more_than_a_line_are_refused(tmp_path: Path) -> None:
    extra = {f"列{number}": "长" * 9_000 for number in range(45)}
    (fault,) = faults(tmp_path, [LESSON | extra | VIDEO])
    assert "bytes of metadata" in fault


def test_a_site_whose_list_is_unsafe_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, ROWS)
    os.rename(  # noqa: PTH104 - a name that is no text, as a foreign disk may hold
        tmp_path / "quiz/js/quiz.js", os.fsencode(tmp_path / "quiz/js") + b"/\xff.js"
    )
    (fault,) = check(tmp_path).faults
    assert fault.where == "lessons.csv row 5 column 文件"
    str(fault).encode()


def test_every_fault_of_a_site_is_listed(tmp_path: Path) -> None:
    fill(tmp_path, [LESSON | QUIZ], {"quiz/index.html": b"", "quiz/a\\b.js": b"x", "out.js": b"x"})
    quiz = tmp_path / "quiz"
    (quiz / "linked.js").symlink_to(tmp_path / "out.js")
    (quiz / "loop").symlink_to(quiz)
    (quiz / "self.js").symlink_to(quiz / "self.js")
    os.mkfifo(quiz / "pipe")
    deep = quiz.joinpath(*["长" * 80] * 4, "长" * 40)
    deep.mkdir(parents=True)
    (deep / "x.js").write_bytes(b"x")
    (quiz / "empty.js").write_bytes(b"")
    found = check(tmp_path).faults
    assert {fault.where for fault in found} == {"lessons.csv row 2 column 文件"}
    whats = [
        "unsafe path",
        "index.html is empty",
        "'linked.js' is no ordinary",
        "'loop' is no ordinary",
        "'pipe' is no ordinary",
        "'self.js' is no ordinary",
        "path of 1089 bytes",
    ]
    assert [what in fault.what for what, fault in zip(whats, found, strict=True)] == [True] * 7
    assert "shorten the path to at most 1024 bytes" in found[-1].cure


def test_the_faults_of_a_site_that_are_listed_are_bounded(tmp_path: Path) -> None:
    fill(tmp_path, [LESSON | QUIZ])
    for number in range(60):
        (tmp_path / "quiz" / f"{number}.js").symlink_to("nowhere")
    found = check(tmp_path).faults
    assert len(found) == 51
    assert "and 10 more faults" in found[-1].what


def test_a_folder_as_a_whole_is_no_site(tmp_path: Path) -> None:
    rows = [LESSON | QUIZ | {"file": "index.html"}]
    fill(tmp_path, rows, {"index.html": b"x"})
    (fault,) = check(tmp_path).faults
    assert "whole folder" in fault.what


def test_file_names_in_the_other_unicode_form_are_found(tmp_path: Path) -> None:
    rows = [LESSON | SLIDES | {"file": "caf\u00e9.pdf"}]
    fill(tmp_path, rows, {"cafe\u0301.pdf": PDF})
    assert not check(tmp_path).faults


def test_a_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    fill(tmp_path, ROWS)

    def failing(path: Path) -> Media:
        raise OSError(5, "Input/output error")

    report = check_folder(tmp_path, collection=COLLECTION, prober=failing)
    assert ["cannot be read: Input/output error" in fault.what for fault in report.faults] == [True]


@pytest.mark.parametrize("collection", ["music-1a", "43/", "43/Music", "../43/x"])
def test_a_wrong_collection_id_is_wrong_usage(tmp_path: Path, collection: str) -> None:
    with pytest.raises(UsageError):
        check_folder(fill(tmp_path, ROWS), collection=collection)


def test_a_folder_that_is_none_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        check(tmp_path / "nowhere")


def test_a_folder_without_sheet_or_with_an_empty_one(tmp_path: Path) -> None:
    (fault,) = check(tmp_path).faults
    assert "no metadata sheet" in fault.what
    (tmp_path / "lessons.csv").write_bytes(sheet([LESSON | VIDEO]).splitlines()[0])
    (fault,) = check(tmp_path).faults
    assert "no lessons in it" in fault.what
    (tmp_path / "broken.xlsx").write_bytes(b"PK")
    assert [fault.where for fault in check(tmp_path).faults] == ["broken.xlsx", "lessons.csv"]


def test_ffprobe_missing_is_wrong_usage_with_a_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError) as refused:
        check_folder(fill(tmp_path, ROWS), collection=COLLECTION)
    assert refused.value.hint == "apt install ffmpeg"


def test_progress_counts_the_files(tmp_path: Path) -> None:
    class Counter:
        total = done = 0
        steps: ClassVar[list[tuple[str, str]]] = []

        def step(self, name: str, *, total: int = 0, unit: str = "B") -> None:
            self.steps.append((name, unit))
            self.total += total

        def advance(self, count: int) -> None:
            self.done += count

    counter = Counter()
    folder = fill(tmp_path, ROWS)
    check_folder(folder, collection=COLLECTION, prober=playable, progress=counter)
    assert (counter.total, counter.done) == (4, 4)
    assert counter.steps == [("looking at the files", "files")]


TEXT = st.text(max_size=12) | st.sampled_from(
    ["小学", "一年级", "音乐", "video/1.mp4", "quiz", "../x", "课件", "all", "CC0", "flag", "字幕"]
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.dictionaries(st.sampled_from([column.key for column in COLUMNS]), TEXT), max_size=5)
)
def test_any_cells_are_compiled_or_told(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]]
) -> None:
    folder = fill(tmp_path_factory.mktemp("any"), [LESSON | VIDEO])
    with suppress(UnicodeEncodeError):
        (folder / "lessons.csv").write_bytes(sheet([LESSON | VIDEO, *rows]))
    report = check(folder)
    for fault in (*report.faults, *report.notes):
        assert fault.where
        assert fault.what
        assert fault.cure
        str(fault).encode()
    assert (report.compiled is None) == bool(report.faults)
    if report.compiled:
        assert decode_lessons(report.compiled.block).lessons


def found_lesson(report: Report) -> Lesson:
    assert report.compiled is not None
    return decode_lessons(report.compiled.block).lessons[0]


@pytest.mark.e2e
def test_a_real_video_is_probed_and_an_unplayable_one_refused(tmp_path: Path) -> None:
    folder = fill(tmp_path, [LESSON | VIDEO])
    source = (
        "ffmpeg",
        "-v",
        "error",
        "-y",
        "-f",
        "lavfi",
        "-i",
        "testsrc=size=64x48:rate=5:duration=2",
    )
    run(
        [
            *source,
            "-c:v",
            "libx264",
            "-pix_fmt",
            "yuv420p",
            "-movflags",
            "+faststart",
            folder / "video/1.mp4",
        ],
        timeout=60,
    )
    report = check_folder(folder, collection=COLLECTION)
    assert found_lesson(report).resources[0].duration == "PT2S"
    run([*source, "-c:v", "mpeg4", "-movflags", "+faststart", folder / "video/1.mp4"], timeout=60)
    (fault,) = check_folder(folder, collection=COLLECTION).faults
    assert "unplayable codec mpeg4" in fault.what
    assert "libx264" in fault.cure
    assert media.ALLOWED[Role.VIDEO] == {"mp4"}
