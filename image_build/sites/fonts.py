"""Fonts for what is printed: one with Chinese, and one for each other script where it is needed."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from sync.errors import UsageError

FOLDERS = (
    Path("/usr/share/fonts"),
    Path("/usr/local/share/fonts"),
    Path("/Library/Fonts"),
    Path("/System/Library/Fonts"),
    Path("C:/Windows/Fonts"),
)
CHINESE = (
    ("NotoSansCJK-Regular.ttc", 2),
    ("NotoSansCJKsc-Regular.otf", 0),
    ("NotoSansSC-Regular.otf", 0),
    ("SourceHanSansSC-Regular.otf", 0),
    ("wqy-microhei.ttc", 0),
    ("wqy-zenhei.ttc", 0),
    ("DroidSansFallbackFull.ttf", 0),
    ("msyh.ttc", 0),
    ("simhei.ttf", 0),
    ("STHeiti Light.ttc", 1),
)
"""File names, the best first, and which font of a collection writes simplified Chinese."""
OTHERS = (
    ("NotoSansArabic-Regular.ttf", 0),
    ("NotoSerifTibetan-Regular.ttf", 0),
    ("NotoSansMongolian-Regular.ttf", 0),
)
"""Uyghur and Kazakh, Tibetan, Mongolian."""


@dataclass(frozen=True, slots=True)
class Font:
    """A font file, and which font of it."""

    path: Path
    number: int = 0


def find_chinese(given: Path | None, folders: Iterable[Path] = FOLDERS) -> Font:
    """A font with Chinese; raises UsageError that says how to get one."""
    if given is not None:
        if not _is_font(given):
            raise UsageError(f"{given} is no font", hint="give a .ttf, .otf or .ttc file")
        numbers = dict(CHINESE)
        return Font(given, numbers.get(given.name, 0))
    found = _find(CHINESE, folders)
    if not found:
        raise UsageError(
            "no font with Chinese is installed, and cards are printed in Chinese",
            hint="apt install fonts-noto-cjk, or give one with --font FILE",
        )
    return found[0]


def find_others(folders: Iterable[Path] = FOLDERS) -> list[Font]:
    """Fonts for the other scripts, as many as are installed."""
    return _find(OTHERS, folders)


def _is_font(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) in (b"\0\1\0\0", b"true", b"OTTO", b"ttcf")
    except OSError:
        return False


def _find(wanted: Iterable[tuple[str, int]], folders: Iterable[Path]) -> list[Font]:
    known = {path.name: path for folder in folders for path in folder.rglob("*.[to]t[fc]")}
    return [Font(known[name], number) for name, number in wanted if name in known]
