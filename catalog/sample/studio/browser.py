"""Draws the sample library's pages in headless Chromium: PDF, frames of videos. Build-time only."""

import base64
import html
import importlib
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from catalog.codes import resolve
from catalog.sample.studio.collection import PAPER, TAGS, Collection, Lesson

STUDIO = Path(__file__).parent
CJK = "/usr/share/fonts/opentype/noto/NotoSansCJK-{weight}.ttc"
FACES = {"Sample Sans": 2, "Sample Sans TC": 3}
"""Family name on our pages: number of the face inside the font collection."""
CURVE_ERROR = 2.0
"""Thousandths of an em that a quadratic curve may lie beside the cubic one it stands for."""
UNITS = 400
"""Units per em of our subsets: enough for a classroom screen, a tenth smaller files."""
FPS = 25
DATE = b"D:20261001080000+00'00'"
PARTS = "|".join([*TAGS, "shot"])
ALWAYS = "".join(map(chr, range(32, 127))) + "姓名班级课匣示例程库·。，：；？！（）“”《》、—…"


def subset_font(weight: str, face: int, text: str, target: Path) -> None:
    """The glyphs of ``text`` as TrueType: Chromium embeds CFF outlines as Type 3, TrueType well."""
    tt, sub = (
        importlib.import_module("fontTools.ttLib"),
        importlib.import_module("fontTools.subset"),
    )
    curves = importlib.import_module("fontTools.pens.cu2quPen").Cu2QuPen
    pens = importlib.import_module("fontTools.pens.ttGlyphPen").TTGlyphPen
    font = tt.TTFont(CJK.format(weight=weight), fontNumber=face, recalcTimestamp=False)
    options = sub.Options(layout_features=["kern"], hinting=False, notdef_outline=True)
    cutter = sub.Subsetter(options)
    cutter.populate(text=text)
    cutter.subset(font)
    drawn, order, table = font.getGlyphSet(), font.getGlyphOrder(), tt.newTable("glyf")
    table.glyphOrder, table.glyphs = order, {}
    for name in order:
        pen = pens(drawn)
        drawn[name].draw(curves(pen, CURVE_ERROR, reverse_direction=True))
        table.glyphs[name] = pen.glyph()
        table.glyphs[name].recalcBounds(table)
    font["glyf"], font["loca"] = table, tt.newTable("loca")
    limits, post = font["maxp"], font["post"]
    limits.tableVersion, limits.maxZones = 0x00010000, 1
    for name in ("TwilightPoints", "Storage", "FunctionDefs", "InstructionDefs", "StackElements"):
        setattr(limits, f"max{name}", 0)
    limits.maxSizeOfInstructions = limits.maxComponentElements = 0
    post.formatType, post.extraNames, post.mapping, post.glyphOrder = 2.0, [], {}, order
    for name in {"CFF ", "VORG"} & set(font.keys()):
        del font[name]
    font.sfntVersion = "\0\1\0\0"
    importlib.import_module("fontTools.ttLib.scaleUpem").scale_upem(font, UNITS)
    font.save(target)


class Studio:
    """A headless Chromium with our drawings, and a scratch folder."""

    def __init__(self, driver: webdriver.Chrome, scratch: Path) -> None:
        self._driver, self._scratch = driver, scratch

    def open(self, kind: str, collection: Collection, lesson: Lesson, edition: int) -> None:
        """Load the lesson's page of one kind: a role of paper, ``courseware`` or ``video``."""
        facts = collection.common | lesson.facts
        head = front(collection, lesson) if kind == "courseware" else ""
        body = sections(head + framed(kind, facts, lesson.source))
        page = (
            f'<!doctype html><html lang="zh-Hans" data-subject="{facts["subject"]}">'
            f"<meta charset=utf-8><title>{html.escape(facts['title'])}</title>"
            f"<style>{self._fonts(body)}{page_rule(kind)}</style>"
            f'<link rel=stylesheet href="{(STUDIO / "style.css").as_uri()}">'
            f'<body data-kind="{kind}">{body}'
            f'<script src="{(STUDIO / "draw.js").as_uri()}"></script>'
        )
        path = self._scratch / "page.html"
        path.write_text(page, encoding="utf-8")
        self._driver.get(path.as_uri())
        self._driver.execute_script(f"prepare('{edition}')")
        self._driver.execute_async_script("document.fonts.ready.then(arguments[0])")

    def _fonts(self, text: str) -> str:
        glyphs = ALWAYS + text + (STUDIO / "draw.js").read_text(encoding="utf-8")
        glyphs += "".join(PAPER.values())
        rules = []
        for family, face in FACES.items():
            if family.endswith("TC") and "zh-Hant" not in text:
                continue
            for weight in ("Regular", "Bold"):
                name = f"{face}-{weight}.ttf"
                subset_font(weight, face, glyphs, self._scratch / name)
                number = 400 if weight == "Regular" else 700
                rules.append(
                    f"@font-face{{font-family:'{family}';font-weight:{number};src:url({name})}}"
                )
        return "".join(rules)

    def pdf(self) -> bytes:
        """The open page as PDF with a fixed date."""
        settings = {"preferCSSPageSize": True, "printBackground": True, "generateTaggedPDF": False}
        answer = self._driver.execute_cdp_cmd("Page.printToPDF", settings)
        return re.sub(rb"D:\d{14}\+00'00'", DATE, base64.b64decode(answer["data"]))

    def drawing(self, words: str) -> str:
        """One drawing of draw.js as SVG; a page must be open."""
        name, *arguments = words.split()
        svg: str = self._driver.execute_script("return svgOf(...arguments)", name, arguments)
        return svg

    def script(self) -> list[dict[str, Any]]:
        """The shots of the open page: dur, cue, sound, bpm."""
        shots: list[dict[str, Any]] = self._driver.execute_script("return script()")
        return shots

    def film(self) -> Iterator[bytes]:
        """Every frame of the open page as PNG; equal neighbours are drawn once."""
        self._driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": 960, "height": 540, "deviceScaleFactor": 2 / 3, "mobile": False},
        )
        before, picture = None, b""
        for signature, shot, t in self._driver.execute_script("return frames(arguments[0])", FPS):
            if signature != before:
                self._driver.execute_script("show(arguments[0], arguments[1])", shot, t)
                answer = self._driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
                before, picture = signature, base64.b64decode(answer["data"])
            yield picture
        self._driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@contextmanager
def open_studio() -> Iterator[Studio]:
    """A Chromium for the length of the work."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for word in ("--headless=new", "--no-sandbox", "--hide-scrollbars", "--window-size=960,540"):
        options.add_argument(word)
    driver = webdriver.Chrome(options, Service("/usr/bin/chromedriver"))
    with tempfile.TemporaryDirectory() as scratch:
        try:
            yield Studio(driver, Path(scratch))
        finally:
            driver.quit()


def front(collection: Collection, lesson: Lesson) -> str:
    """The first slide: title, collection, unit."""
    facts = collection.common | lesson.facts
    language = facts.get("language", "zh-Hans")
    under = " · ".join(filter(None, [collection.title, facts.get("chapter", "").split("/")[0]]))
    script = " mong" if language == "mn-Mong" else ""
    return (
        f'<slide class="front{script}"><i></i><i></i><h1 lang="{language}">'
        f"{html.escape(facts['title'])}</h1><p>{html.escape(under)}</p>"
        "<footer>课匣示例课程库 · CC BY 4.0</footer></slide>"
    )


def framed(kind: str, facts: dict[str, str], source: str) -> str:
    """Paper gets a head with title, name and class, and a last line."""
    tag = next((tag for tag, role in TAGS.items() if role == kind), "")
    if kind not in PAPER:
        return source
    name = "" if kind == "lesson_plan" else "<span>班级<u></u> 姓名<u></u></span>"
    language = facts.get("language", "zh-Hans")
    grades = "、".join(grade_name(grade) for grade in facts["grade"].split(";"))
    head = (
        f'<div class=paper><h1>{PAPER[kind]} · <span lang="{language}">{facts["title"]}</span></h1>'
        f"<div><span>{facts['subject']} {grades}</span>{name}</div>"
        "</div>"
    )
    foot = "<p class=colophon>课匣示例课程库 · CC BY 4.0</p>"
    source = re.sub(rf"<{tag}\b[^>]*>", lambda start: start[0] + head, source)
    return source.replace(f"</{tag}>", f"{foot}</{tag}>")


def grade_name(text: str) -> str:
    """三年级 of ``三年级``, ``g3`` or ``3``."""
    found = resolve("grade", text)
    return found.name_zh if found else text


def sections(source: str) -> str:
    """Our five elements as <section>: an end tag of an element HTML knows closes what is open."""
    source = re.sub(rf"<({PARTS})\b", r'<section data-part="\1"', source)
    return re.sub(rf"</({PARTS})>", "</section>", source)


def page_rule(kind: str) -> str:
    """The size of a printed page."""
    return (
        f"@page{{{'size:A4;margin:14mm 16mm' if kind in PAPER else 'size:960px 540px;margin:0'}}}"
    )
