"""What a teacher sees."""

import re
from collections import deque
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote

import pytest

from appliance.demo.visit import Visitor
from appliance.serve import assets, render
from tests.kit import served
from tests.kit.served import ServedBox
from tests.kit.visiting import Visit, visiting

LESSON = "/lesson/43/music-1a/l1"
BOOK = "/textbook/43/music-1a/t1"


class Links(HTMLParser):
    """Every address a page names."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(page)

    def handle_starttag(self, _: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src", "action") and value:
                self.found.add(value)


async def test_home_speaks_chinese_and_offers_textbooks(visit: Visit) -> None:
    page = (await visit.get("/")).text
    assert '<html lang="zh-Hans">' in page
    assert "<title>课匣</title>" in page
    assert '<details class="chooser" open>' in page
    for text in ("年级", "三年级", "学科", "音乐 一年级 上册", "湖南省", "更新于 2026-11-23"):
        assert text in page
    assert f'href="{BOOK}"' in page


async def test_home_speaks_english_to_those_who_chose_it(visit: Visit) -> None:
    page = (await visit.get("/", Cookie="language=en")).text
    assert '<html lang="en">' in page
    assert "Grade 3" in page
    chosen = await visit.get("/", Accept_Language="en", Cookie="")
    assert '<html lang="zh-Hans">' in chosen.text


async def test_a_choice_narrows_and_is_remembered(visit: Visit) -> None:
    answer = await visit.get("/?grade=g3&subject=math")
    assert f'href="{BOOK}"' not in answer.text
    assert 'href="/textbook/43/math-3a/t1"' in answer.text
    cookie = answer.headers["Set-Cookie"]
    assert "SameSite=Lax" in cookie
    assert "HttpOnly" in cookie
    again = await visit.get("/", Cookie=cookie.partition(";")[0])
    assert 'href="/textbook/43/math-3a/t1"' in again.text
    assert f'href="{BOOK}"' not in again.text
    assert '<details class="chooser">' in again.text  # folded: the books are right below
    assert "Set-Cookie" not in again.headers
    cleared = await visit.get("/?stage=", Cookie=cookie.partition(";")[0])
    assert f'href="{BOOK}"' in cleared.text


async def test_a_choice_this_library_cannot_fill_still_shows_books(visit: Visit) -> None:
    answer = await visit.get("/", Cookie="choice=senior:g9:latin::")
    assert f'href="{BOOK}"' in answer.text


async def test_a_textbook_shows_its_tree_and_what_each_lesson_has(visit: Visit) -> None:
    page = (await visit.get(BOOK)).text
    units = [page.index(text) for text in ("第一单元 好朋友", "拉勾勾", "唱歌", "你的名字叫什么")]
    assert units == sorted(units)
    assert '<i class="chip">课件</i>' in page
    assert "王小红 · 长沙市示范小学 · 第 1 课时 · 3:20" in page


async def test_what_publishers_write_is_text_and_never_markup(visit: Visit) -> None:
    page = (await visit.get("/lesson/43/music-1a/l3")).text
    assert "快乐的一天 &lt;b&gt;&amp;" in page
    assert "<b>&" not in page


async def test_a_lesson_has_everything_on_one_page(visit: Visit, stocked: ServedBox) -> None:
    page = (await visit.get(LESSON)).text
    clip, subtitles, slides, sheet, exercise, song, game = (
        resource.digest for resource in stocked.lessons["43/music-1a"].lessons[0].resources
    )
    assert f'src="/r/{clip}.mp4"' in page
    assert f'<track kind="subtitles" src="/r/{subtitles}.vtt" srclang="zh-Hans"' in page
    assert f'href="/read/{slides}?lesson=43/music-1a/l1"' in page
    assert f'href="/read/{sheet}?lesson=43/music-1a/l1"' in page
    assert f'href="/r/{exercise}.docx" download' in page
    assert f'<audio controls preload="none" src="/r/{song}.mp3">' in page
    assert f'href="/play/{game}?lesson=43/music-1a/l1"' in page
    for text in ("王小红", "长沙市示范小学", "湖南省", "精品课", "CC BY 4.0", "审核：李审核"):
        assert text in page
    assert 'rel="prev" href="/lesson/43/music-1a/l2"' in page
    assert 'rel="next" href="/lesson/43/music-1a/l3"' in page
    assert f'href="{BOOK}"' in page


@pytest.mark.parametrize(
    ("lesson", "attributes"),
    [
        ("s2", ' lang="ug" dir="rtl"'),
        ("s3", ' lang="bo" dir="ltr"'),
        ("s4", ' lang="mn-Mong" dir="ltr" class="vertical"'),
        ("s5", ' lang="en" dir="ltr"'),
        ("s6", ' lang="zh-Hant" dir="ltr"'),
        ("s1", ""),
    ],
)
async def test_titles_say_their_language(visit: Visit, lesson: str, attributes: str) -> None:
    page = (await visit.get(f"/lesson/43/classroom/{lesson}")).text
    assert f"<h1{attributes}>" in page


async def test_search_finds_marks_and_narrows(visit: Visit) -> None:
    page = (await visit.get(f"/search?q={quote('分数')}")).text
    assert 'href="/lesson/43/math-3a/l2"' in page
    assert re.search("<mark>[^<]*分数[^<]*</mark>", page)
    assert 'value="分数"' in page
    assert page.count("的简单计算") == 1  # a title that is its own snippet stands once
    nothing = (await visit.get(f"/search?q={quote('鲸鱼')}&grade=g1")).text
    assert "没有找到" in nothing


async def test_search_says_what_it_understood(visit: Visit) -> None:
    page = (await visit.get(f"/search?q={quote('三年级数学分数')}")).text
    assert "已识别：" in page
    assert "<span>三年级</span>" in page
    assert "<span>数学</span>" in page


async def test_an_empty_search_leads_home(visit: Visit) -> None:
    answer = await visit.get("/search?q=%20")
    assert (answer.status, answer.headers["Location"]) == (303, "/")


async def test_search_turns_pages(fresh: ServedBox) -> None:
    from dataclasses import replace

    book = served.math(fresh)
    model = book.lessons[0]
    many = tuple(
        replace(model, id=f"n{number}", title=f"分数练习 {number}") for number in range(45)
    )
    fresh.publish(replace(book, lessons=many))
    async with visiting(fresh.paths.root) as visit:
        first = (await visit.get(f"/search?q={quote('分数')}")).text
        last = (await visit.get(f"/search?q={quote('分数')}&page=3")).text
    assert first.count('<a class="row"') == 20
    assert last.count('<a class="row"') == 5
    assert "1 / 3" in first
    assert "下一页" in first
    assert "下一页" not in last


@pytest.mark.parametrize("path", ["/lesson/43/none/l1", "/textbook/x", "/nothing", "/read/x"])
async def test_a_missing_page_says_so_in_chinese(visit: Visit, path: str) -> None:
    answer = await visit.get(path)
    assert answer.status == 404
    assert "没有找到这个页面" in answer.text


@pytest.mark.parametrize("page", ["0", "x", "-1", "９", "9" * 30])
async def test_an_odd_page_number_is_no_page(visit: Visit, page: str) -> None:
    assert (await visit.get(f"/search?q=x&page={page}")).status == 404


async def test_a_box_without_lessons_says_so_and_looks_again(tmp_path: Path) -> None:
    async with visiting(tmp_path) as visit:
        answer = await visit.get("/")
        assert answer.status == 503
        assert "课匣里还没有课程" in answer.text
        assert answer.headers["Refresh"] == "10"
        assert (await visit.get("/api/v1/status")).status == 503


async def test_a_fault_of_ours_is_logged_and_told(
    fresh: ServedBox, caplog: pytest.LogCaptureFixture
) -> None:
    fresh.publish(served.math(fresh))
    async with visiting(fresh.paths.root) as visit:
        visit.running.state.snapshot.catalogue.close()
        answer = await visit.get("/")
    assert answer.status == 500
    assert "课匣出了点问题" in answer.text
    assert "GET /" in caplog.text


async def test_a_foreign_name_gets_no_page(visit: Visit) -> None:
    answer = await visit.get("/", Host="evil.example;script-src *")
    assert answer.status == 421
    assert "湖南省" not in answer.text
    assert "Content-Security-Policy" not in answer.headers


async def test_the_language_link_goes_back_to_where_it_was_tapped(visit: Visit) -> None:
    here = visit.running.url
    answer = await visit.get("/language/en", Referer=f"{here}{LESSON}?x=1")
    assert (answer.status, answer.headers["Location"]) == (303, f"{LESSON}?x=1")
    assert "language=en" in answer.headers["Set-Cookie"]
    for foreign in ("http://evil.example/x", f"{here}", "nonsense", f"{here}//evil.example/"):
        location = (await visit.get("/language/en", Referer=foreign)).headers["Location"]
        assert location.startswith("/")
        assert not location.startswith("//")
    assert (await visit.get("/language/tlh")).status == 404


async def test_pages_forbid_what_they_do_not_need(visit: Visit) -> None:
    headers = (await visit.get("/")).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Server"] == "kexia"


async def test_every_link_leads_somewhere_and_nowhere_else(visit: Visit) -> None:
    """Crawl all of it, in Chinese: every address on every page is ours and answers."""
    waiting, seen = deque(["/"]), {"/"}
    while waiting:
        path = waiting.popleft()
        answer = await visit.get(path)
        assert answer.status in (200, 303), path
        if not answer.headers.get("Content-Type", "").startswith("text/html"):
            continue
        for link in Links(answer.text).found:
            if link.startswith(("data:", "#", f"http://127.0.0.1:{visit.running.site_port}/s/")):
                continue
            assert link.startswith("/"), f"{path} leads to {link}"
            if link not in seen and ".jpg" not in link:
                seen.add(link)
                waiting.append(link)
    assert len(seen) > 40


async def test_a_unit_page_is_light(visit: Visit) -> None:
    import asyncio

    for path in ("/", BOOK, LESSON, f"/search?q={quote('分数')}"):
        weight = await asyncio.to_thread(Visitor(visit.running.url).weigh, path)
        assert weight.size <= 15_000
        assert weight.requests <= 3


async def test_static_files_are_for_ever(visit: Visit) -> None:
    page = (await visit.get("/")).text
    (style,) = re.findall(r'href="(/static/[^"]+\.css)"', page)
    answer = await visit.get(style)
    assert "immutable" in answer.headers["Cache-Control"]
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    assert (await visit.get("/static/kexia.css")).status == 404


def test_old_tablets_understand_the_style_sheet_and_the_script() -> None:
    style = (assets.FOLDER / "kexia.css").read_text(encoding="utf-8")
    newer = (
        r":has\(", r":is\(", r":where\(", r"clamp\(", r"\bmin\(", r"\bmax\(", r"aspect-ratio",
        r"\binset:", r":focus-visible", r"(?<!grid-)\bgap:", r"margin-inline", r"padding-block",
        r"@layer", r"@container", r"url\(", r"@import", r"@font-face", r"\bdvh\b", r"&:",
    )  # fmt: skip
    for feature in newer:
        assert not re.search(feature, style), f"Chrome 60 does not know {feature}"
    for path in sorted(assets.FOLDER.glob("*.js")):
        script = path.read_text(encoding="utf-8")
        assert len(script.encode()) <= 10_000, path.name
        for feature in (
            r"\?\.", r"\?\?", r"async ", r"\.flat\(", r"import ", r"=> ", r"\bconst\b",
            r"\blet\b", r"`", r"crypto\.subtle", r"serviceWorker", r"navigator\.clipboard",
        ):  # fmt: skip
            assert not re.search(feature, script), f"{path.name}: not everywhere: {feature}"


def test_templates_have_no_style_or_script_of_their_own() -> None:
    for path in render.TEMPLATES.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"style=|<style|<script(?! src)| on[a-z]+=|\|safe", text), path.name


@pytest.mark.parametrize(
    ("duration", "shown"),
    [
        ("PT3M20S", "3:20"),
        ("PT45S", "0:45"),
        ("PT1H2M3.5S", "1:02:03"),
        ("PT12M", "12:00"),
        ("PT", ""),
        ("", ""),
        ("3 min", ""),
    ],
)
def test_durations_as_players_show_them(duration: str, shown: str) -> None:
    assert render.clock(duration) == shown


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "1 KB"), (940_400, "940 KB"), (12_345_678, "12.3 MB"), (3 * 10**9, "3.0 GB")],
)
def test_sizes_as_people_read_them(count: int, shown: str) -> None:
    assert render.size(count) == shown


@pytest.mark.parametrize(
    ("language", "direction"),
    [("ug", "rtl"), ("ug-Latn", "ltr"), ("ug-Cyrl-CN", "ltr"), ("kk-Arab", "rtl"), ("kk", "ltr")],
)
def test_direction_follows_the_script(language: str, direction: str) -> None:
    assert render.language_of(language) == f' lang="{language}" dir="{direction}"'


def test_a_language_that_is_none_is_left_out() -> None:
    assert render.language_of('ug" onclick="x') == ""
