"""Lessons for the tests of meaning: a small library with everything the catalogue must hold."""

from dataclasses import replace
from typing import Any

from catalog.model import Chapter, Lesson, LessonResource, Lessons, Role, Textbook
from sync.digest import Digest, sha256

MUSIC = "43/music-1a"
MATH = "43/math-3a"
CLASSROOM = "43/classroom"


def digest(name: str) -> Digest:
    return sha256(name.encode())


def resource(
    name: str, role: Role = Role.VIDEO, format_: str = "mp4", **more: Any
) -> LessonResource:
    base = LessonResource(digest(name), 1000 + len(name), role, format_, title=name)
    return replace(base, licence="CC BY 4.0", provider="示范学校", **more)


def lesson(id_: str, title: str, *chapters: str, **more: Any) -> Lesson:
    base = Lesson(id_, title, tuple(chapters), resources=(resource(f"{id_}.mp4", duration="PT3M"),))
    return replace(base, **more)


def music() -> Lessons:
    """A textbook of grade 1 with a tree of two levels, given in no order."""
    book = Textbook("t1", "音乐 一年级 上册", "primary", "music", "renyin", "g1", "upper", "new")
    chapters = (
        Chapter("c2", "t1", None, "第二单元 快乐的一天", 2),
        Chapter("c1", "t1", None, "第一单元 好朋友", 1),
        Chapter("c1b", "t1", "c1", "2 拉勾勾", 2),
        Chapter("c1a", "t1", "c1", "1 你的名字叫什么", 1),
    )
    video = resource("v.mp4", duration="PT12M")
    lessons = (
        lesson("l3", "《快乐的一天》第一课时", "c2", teacher="王小红", class_hour=1),
        lesson(
            "l1",
            "你的名字叫什么",
            "c1a",
            summary="学唱歌曲，认识同学。",
            keywords=("歌曲", "节奏"),
            resources=(
                resource("plan.pdf", Role.LESSON_PLAN, "pdf"),
                resource(
                    "zh.vtt", Role.SUBTITLE, "vtt", subtitle_of=video.digest, language="zh-Hans"
                ),
                video,
                resource("app", Role.INTERACTIVE, "site"),
                resource("ug.vtt", Role.SUBTITLE, "vtt", language="ug"),
            ),
        ),
        lesson("l2", "拉勾勾", "c1b", grades=("g1", "g2"), teacher="李明"),
    )
    return Lessons(MUSIC, "一年级音乐", (book,), chapters, lessons)


def math() -> Lessons:
    """Grade 3, one chapter, lessons that a search must tell apart."""
    book = Textbook("t1", "数学 三年级 上册", "primary", "math", "renjiao", "g3", "upper")
    chapters = (
        Chapter("c1", "t1", None, "分数的初步认识", 1),
        Chapter("c2", "t1", None, "测量", 2),
    )
    lessons = (
        lesson("l1", "几分之一", "c1", summary="分数表示把一个整体平均分。", teacher="赵敏"),
        lesson("l2", "分数的简单计算", "c1", teacher="李明"),
        lesson("l3", "毫米、分米的认识", "c2", keywords=("长度", "单位")),
        lesson("l4", "測量：千米的認識", "c2", language="zh-Hant"),
    )
    return Lessons(MATH, "三年级数学", (book,), chapters, lessons)


def classroom() -> Lessons:
    """A series without textbooks, in several languages."""
    lessons = (
        lesson(
            "s1",
            "专递课堂：小星星",
            stage=("primary",),
            grades=("g1", "g2"),
            subject="music",
            program="专递课堂",
        ),
        lesson(
            "s2",
            "ئۇيغۇر تىلى دەرسى",
            stage=("primary",),
            grades=("g3",),
            subject="chinese",
            language="ug",
        ),
        lesson(
            "s3",
            "བོད་སྐད་སློབ་ཚན",
            stage=("primary",),
            grades=("g3",),
            subject="chinese",
            language="bo",
        ),
        lesson(
            "s4",
            "ᠮᠣᠩᠭᠣᠯ ᠬᠡᠯᠡ",
            stage=("primary",),
            grades=("g3",),
            subject="chinese",
            language="mn-Mong",
        ),
        lesson(
            "s5",
            "Unit 2 My Family",
            stage=("primary",),
            grades=("g3",),
            subject="english",
            language="en",
        ),
    )
    return Lessons(CLASSROOM, "专递课堂", (), (), lessons)


def without(lessons: Lessons, *ids: str) -> Lessons:
    return replace(lessons, lessons=tuple(one for one in lessons.lessons if one.id not in ids))
