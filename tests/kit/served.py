"""A box with lessons to serve: real files in its library, generations made by the real code."""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from appliance import generation
from appliance.config import BoxPaths
from appliance.generation import Generation
from appliance.record import PublisherState, Record
from catalog.model import Chapter, Lesson, LessonResource, Lessons, Role, Textbook
from catalog.search.index import build_index
from catalog.tables.ingest import Changes, EditionContent, ingest
from sync import site
from sync.digest import Digest, sha256
from sync.library import Store
from sync.site import SiteFile

PUBLISHER = PublisherState(
    "0123456789abcdef", "43", "湖南省", {"timestamp": 1}, "2026-11-23T06:00:00Z"
)

INDEX_HTML = b"""<!doctype html><meta charset="utf-8"><title>site</title>
<link rel="stylesheet" href="css/site.css"><h1>Rhythm</h1><p id="out">waiting</p>
<script src="js/site.js"></script>"""
SITE_JS = b"""document.getElementById('out').textContent = 'script runs';
fetch('data.json').then(function (r) { return r.json(); }).then(function (d) {
  document.getElementById('out').textContent = 'data ' + d.beats; });"""


@dataclass
class ServedBox:
    """A box's folder, and what was put into it."""

    paths: BoxPaths
    store: Store
    lessons: dict[str, Lessons] = field(default_factory=dict)

    def put(self, data: bytes) -> Digest:
        """A file in the library."""
        digest = sha256(data)
        if not self.store.library.has(digest):
            self.store.library.put(digest, data)
        return digest

    def resource(self, data: bytes, role: Role, format_: str, **more: Any) -> LessonResource:
        """A file with what the feed says about it."""
        plain = LessonResource(self.put(data), len(data), role, format_)
        fields = {"licence": "CC BY 4.0", "provider": "示范小学", "reviewed_by": "李审核", **more}
        return replace(plain, **fields)

    def site(self, files: dict[str, bytes], **more: Any) -> LessonResource:
        """A site: its files and its list."""
        members = [SiteFile(path, self.put(data), len(data)) for path, data in files.items()]
        return self.resource(site.encode(members), Role.INTERACTIVE, "site", **more)

    def publish(
        self, *collections: Lessons, withdrawn: Iterable[tuple[str, str]] = ()
    ) -> Generation:
        """The next generation, with these collections new or replaced."""
        self.lessons |= {lessons.collection: lessons for lessons in collections}
        draft = generation.begin(self.paths)
        contents = [EditionContent("43", 1, lessons) for lessons in self.lessons.values()]
        ingest(None, draft.catalog, Changes(contents, withdrawn=frozenset(withdrawn)))
        build_index(draft.catalog, None, draft.index, [])
        record = Record(draft.number, (PUBLISHER,), (), frozenset(withdrawn), {})
        return generation.commit(self.paths, draft, record)


def box(folder: Path) -> ServedBox:
    """An empty box."""
    return ServedBox(BoxPaths(folder), Store(folder))


def pdf(pages: Iterable[str], *, width: int = 595, height: int = 842) -> bytes:
    """A small real PDF with one line of (ASCII) text on each page."""
    texts = list(pages)
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(texts)))
    bodies = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Count {len(texts)}/Kids[{kids}]/MediaBox[0 0 {width} {height}]>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for number, text in enumerate(texts):
        drawing = zlib.compress(f"BT /F 36 Tf 40 {height // 2} Td ({text}) Tj ET".encode())
        bodies += [
            b"<</Type/Page/Parent 2 0 R/Resources<</Font<</F 3 0 R>>>>/Contents %d 0 R>>"
            % (5 + 2 * number),
            b"<</Filter/FlateDecode/Length %d>>\nstream\n%s\nendstream" % (len(drawing), drawing),
        ]
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    tail = b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
        len(bodies) + 1,
        len(out),
    )
    return out + head + table + tail


VIDEO = bytes(range(256)) * 4096
"""A megabyte that is no video: enough for everything but a browser."""
SUBTITLES = "WEBVTT\n\n00:00.000 --> 00:02.000\n同学们好\n".encode()


def music(served: ServedBox, *, video: bytes = VIDEO) -> Lessons:
    """A music textbook whose first lesson has every kind of piece."""
    clip = served.resource(video, Role.VIDEO, "mp4", title="你的名字叫什么", duration="PT3M20S")
    subtitles = served.resource(
        SUBTITLES, Role.SUBTITLE, "vtt", language="zh-Hans", subtitle_of=clip.digest
    )
    slides = served.resource(
        pdf((f"Slide {n}" for n in range(1, 5)), width=960, height=540),
        *(Role.COURSEWARE, "pdf"),
        title="你的名字叫什么 课件",
    )
    sheet = served.resource(pdf(["Task sheet"]), Role.TASK_SHEET, "pdf", title="学习任务单")
    exercise = served.resource(b"PK docx", Role.EXERCISE, "docx", title="课后练习")
    song = served.resource(b"ID3 song", Role.AUDIO, "mp3", title="范唱", duration="PT1M5S")
    game = served.site(
        {
            "index.html": INDEX_HTML,
            "js/site.js": SITE_JS,
            "css/site.css": b"h1 { color: rgb(1, 2, 3) }",
            "data.json": b'{"beats": 4}',
            "thing.unknown": b"?",
        },
        title="节奏游戏",
    )
    chapters = (
        Chapter("c1", "t1", None, "第一单元 好朋友", 1),
        Chapter("c1a", "t1", "c1", "唱歌", 1),
        Chapter("c2", "t1", None, "第二单元 快乐的一天", 2),
    )
    lessons = (
        Lesson(
            *("l1", "你的名字叫什么", ("c1a",)),
            teacher="王小红",
            school="长沙市示范小学",
            province="湖南省",
            class_hour=1,
            program="elite",
            summary="学唱歌曲，认识同学，用名字拍出节奏。",
            keywords=("歌曲", "节奏"),
            resources=(clip, subtitles, slides, sheet, exercise, song, game),
        ),
        Lesson("l2", "拉勾勾", ("c1",), teacher="李明", resources=(clip, sheet)),
        Lesson("l3", "快乐的一天 <b>&", ("c2",), resources=(slides,)),
    )
    book = Textbook("t1", "音乐 一年级 上册", "primary", "music", "renjiao", "g1", "upper", "new")
    return Lessons("43/music-1a", "一年级音乐", (book,), chapters, lessons)


def math(served: ServedBox) -> Lessons:
    """Another textbook, of another grade."""
    clip = served.resource(b"math video", Role.VIDEO, "mp4", title="几分之一")
    book = Textbook("t1", "数学 三年级 上册", "primary", "math", "beishida", "g3", "upper", "new")
    chapters = (Chapter("c1", "t1", None, "分数的初步认识", 1),)
    lessons = (
        Lesson("l1", "几分之一", ("c1",), teacher="赵敏", resources=(clip,)),
        Lesson("l2", "分数的简单计算", ("c1",), resources=(clip,)),
    )
    return Lessons("43/math-3a", "三年级数学", (book,), chapters, lessons)


def classroom(served: ServedBox) -> Lessons:
    """A series in several languages."""
    song = served.resource(b"classroom song", Role.AUDIO, "mp3", title="范唱")
    titles = (
        ("s1", "专递课堂：小星星", "zh-Hans", "music"),
        ("s2", "ئۇيغۇر تىلى دەرسى", "ug", "chinese"),
        ("s3", "བོད་སྐད་སློབ་ཚན", "bo", "chinese"),
        ("s4", "ᠮᠣᠩᠭᠣᠯ ᠬᠡᠯᠡ", "mn-Mong", "chinese"),
        ("s5", "Unit 2 My Family", "en", "english"),
        ("s6", "測量：千米的認識", "zh-Hant", "math"),
    )
    lessons = tuple(
        Lesson(
            *(id_, title),
            stage=("primary",),
            grades=("g1", "g2"),
            subject=subject,
            language=language,
            program="delivered",
            resources=(song,),
        )
        for id_, title, language, subject in titles
    )
    return Lessons("43/classroom", "专递课堂 一至二年级", (), (), lessons)
