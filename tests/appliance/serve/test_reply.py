"""Finished answers: compressed once, revalidated, bounded."""

import gzip
import random

import pytest

from appliance.serve.reply import HTML, Finished, Shelf, finish, takes_gzip
from tests.kit.visiting import Visit


@pytest.mark.parametrize(
    ("accept", "takes"),
    [
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("br;q=1.0, GZIP;q=0.8", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("identity", False),
        ("xgzip", False),
        ("", False),
    ],
)
def test_who_takes_gzip(accept: str, takes: bool) -> None:
    assert takes_gzip(accept) is takes


def test_the_same_content_gives_the_same_answer() -> None:
    assert finish("页面", HTML) == finish("页面".encode(), HTML)
    assert finish("页面", HTML).digest != finish("页面。", HTML).digest


def test_a_shelf_holds_what_fits_and_drops_the_longest_unused() -> None:
    def some(size: int) -> Finished:
        return Finished(HTML, "x", random.Random(1).randbytes(size))

    shelf = Shelf(room=1000)
    shelf.put("a", some(400))
    shelf.put("b", some(400))
    assert shelf.find("a")
    shelf.put("c", some(400))
    assert shelf.find("b") is None
    assert shelf.find("a")
    assert shelf.find("c")
    shelf.put("c", some(900))
    assert len(shelf) == 1


async def test_a_page_travels_compressed_or_not_under_different_tags(visit: Visit) -> None:
    plain = await visit.get("/")
    zipped = await visit.get("/", Accept_Encoding="gzip")
    assert gzip.decompress(zipped.body) == plain.body
    assert plain.headers["ETag"] != zipped.headers["ETag"]
    assert not zipped.headers["ETag"].startswith("W/")
    assert zipped.headers["Vary"] == "Accept-Encoding, Cookie"
    assert zipped.headers["Cache-Control"] == "no-cache"
    assert "Content-Encoding" not in plain.headers


async def test_an_unchanged_page_is_not_sent_again(visit: Visit) -> None:
    tag = (await visit.get("/", Accept_Encoding="gzip")).headers["ETag"]
    again = await visit.get("/", Accept_Encoding="gzip", If_None_Match=tag)
    assert (again.status, again.body) == (304, b"")
    assert again.headers["ETag"] == tag
    assert (await visit.get("/", If_None_Match=tag)).status == 200


async def test_head_tells_what_get_sends(visit: Visit) -> None:
    page, head = await visit.get("/"), await visit.get("/", method="HEAD")
    assert head.body == b""
    assert head.headers["Content-Length"] == str(len(page.body))
    assert head.headers["ETag"] == page.headers["ETag"]
