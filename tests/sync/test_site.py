from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import site
from sync.digest import sha256
from sync.errors import FormatError
from sync.site import SiteFile

GOLDEN = Path(__file__).parents[1] / "golden" / "site-1.txt"
A = sha256(b"a")

PART = st.text(
    st.characters(exclude_categories=["C"], exclude_characters="/\\"), min_size=1
).filter(lambda part: part not in (".", "..") and len(part.encode()) <= 255)


def file(path: str, size: int = 1) -> SiteFile:
    return SiteFile(path, sha256(path.encode()), size)


def sample() -> tuple[SiteFile, ...]:
    paths = ("index.html", "js/app 1.js", "图片/鸟.svg", "index.html.bak", "js/a.js")
    return tuple(sorted((file(path, len(path)) for path in paths), key=lambda one: one.path))


def test_golden_list_is_read_and_reproduced() -> None:
    data = GOLDEN.read_bytes()
    assert site.decode(data) == sample()
    assert site.encode(reversed(sample())) == data


@given(st.sets(st.lists(PART, min_size=1, max_size=3).map("/".join), max_size=8))
def test_what_was_written_is_read(paths: set[str]) -> None:
    files = [file(path) for path in paths | {"index.html"}]
    try:
        data = site.encode(files)
    except FormatError as error:
        assert "is a file and a folder" in error.fact  # noqa: PT017 - rare draw, and right
        return
    assert site.decode(data) == tuple(sorted(files, key=lambda one: one.path))


@pytest.mark.parametrize(
    "path",
    ["", "/etc/passwd", "../x", "a/../x", "a//b", "a/", "./a", "a\\b", "a\nb", "a\0b", "a\x7f",
     "\ud800"],
)  # fmt: skip
def test_unsafe_paths_are_refused(path: str) -> None:
    with pytest.raises(FormatError, match=r"unsafe path|no Unicode"):
        site.encode([file("index.html"), SiteFile(path, A, 1)])


@pytest.mark.parametrize(
    ("path", "fact", "hint"),
    [
        ("x" * 256, "name of 256 bytes", "each name in the path to at most 255 bytes"),
        ("字" * 86, "name of 258 bytes", "each name in the path to at most 255 bytes"),
        ("/".join(["abcdefg"] * 150), "path of 1199 bytes", "the path to at most 1024 bytes"),
    ],
)
def test_paths_too_long_are_refused_with_the_length_allowed(
    path: str, fact: str, hint: str
) -> None:
    with pytest.raises(FormatError, match=fact) as refused:
        site.encode([file("index.html"), file(path)])
    assert hint in refused.value.hint


def test_paths_may_be_as_long_as_file_systems_allow() -> None:
    files = (file("index.html"), file("x/" * 511 + "xy"), file("x" * 255))
    assert site.decode(site.encode(files)) == files


@pytest.mark.parametrize(
    "files",
    [
        [],
        [file("page.html")],
        [file("sub/index.html")],
        [file("index.html"), file("index.html", 2)],
        [file("index.html"), file("a"), file("a/b")],
        [SiteFile("index.html", A, -1)],
        [SiteFile("index.html", A, 2**63)],
    ],
)
def test_lists_that_are_no_site_are_refused(files: list[SiteFile]) -> None:
    with pytest.raises(FormatError, match="site list"):
        site.encode(files)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        f"{A} 1 index.html".encode(),
        f"{A} 1 index.html\n\n".encode(),
        f"{A} 01 index.html\n".encode(),
        f"{A} x index.html\n".encode(),
        f"{A} 1_0 index.html\n".encode(),
        f"{A.upper()} 1 index.html\n".encode(),
        f"{A}  1 index.html\n".encode(),
        f"{A} 1\n".encode(),
        f"{A} 1 index.html\n{A} 1 a\n".encode(),
        f"{A} 1 index.html\n".encode("utf-16"),
        f"{A} 1 \u00e9\n{A} 1 index.html\n".encode("latin-1"),
        f"{A} {'1' * 5000} index.html\n".encode(),
        b"<html>\n",
    ],
)
def test_broken_lists_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        site.decode(data)


def test_a_list_too_long_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "MAX_LIST", 10)
    with pytest.raises(FormatError, match="at most 10"):
        site.decode(site.encode([file("index.html")]))
