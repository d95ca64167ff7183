"""What a stick says of itself: ``stick.json`` for status and pages, ``说明.txt`` for people. Pure.

Nobody signs it, so nothing is decided by it but what to show, and whether a box may write back.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from sync import canonical
from sync.directory import CODE, COLLECTION
from sync.errors import FormatError

FORMAT = "kexia-stick-1"
MAX_NOTE = 2**20
"""Longest note in bytes."""
MAX_NAMED = 10_000
"""Most boxes, publishers or collections in one list."""
ID = re.compile(r"[0-9a-f]{16}")
"""Of a box or a publisher."""
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Carried:
    """A collection on the stick: the edition, and what of it is here."""

    id: str
    title: str
    edition: int
    files: int
    """Resources that are here."""
    bytes: int
    """Of those."""


@dataclass(frozen=True, slots=True)
class Publisher:
    """Whose repository is on the stick, and which of its collections."""

    id: str
    code: str
    name: str
    collections: tuple[Carried, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """What is on a stick, and for whom."""

    made_at: datetime
    made_for: tuple[str, ...]
    """Ids of the boxes it was prepared for; none: for any that want these collections."""
    publishers: tuple[Publisher, ...]
    complete: bool
    """True once everything was written and read back."""
    back: bool
    """Whether boxes shall write their papers."""

    @property
    def bytes(self) -> int:
        """Bytes of all resources on it."""
        return sum(one.bytes for each in self.publishers for one in each.collections)


def encode(note: Note) -> bytes:
    """Bytes of ``stick.json``; raises FormatError for what ``decode`` would refuse."""
    data = canonical.dumps(
        {
            "format": FORMAT,
            "made_at": note.made_at.astimezone(UTC).strftime(_TIME),
            "made_for": list(note.made_for),
            "complete": note.complete,
            "back": note.back,
            "publishers": [_publisher_value(each) for each in note.publishers],
        }
    )
    decode(data)
    return data


def decode(data: bytes) -> Note:
    """Read ``stick.json``; raises FormatError."""
    if len(data) > MAX_NOTE:
        raise FormatError(f"stick.json: {len(data)} bytes, at most {MAX_NOTE} are allowed")
    value = canonical.loads(data, what="stick.json")
    if value.get("format") != FORMAT:
        raise FormatError(
            f"stick.json: format {str(value.get('format'))[:40]!r} is not {FORMAT}",
            hint="this software may be too old for the stick; update it",
        )
    try:
        return Note(
            made_at=datetime.strptime(canonical.as_text(value["made_at"]), _TIME).replace(
                tzinfo=UTC
            ),
            made_for=_items(value["made_for"], _box_id),
            publishers=_items(value["publishers"], _publisher),
            complete=_flag(value["complete"]),
            back=_flag(value["back"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(
            f"stick.json: a field is missing or of the wrong kind ({str(error)[:120]})"
        ) from error


def _publisher_value(publisher: Publisher) -> dict[str, object]:
    return {
        "id": publisher.id,
        "code": publisher.code,
        "name": publisher.name,
        "collections": [
            {
                "id": one.id,
                "title": one.title,
                "edition": one.edition,
                "files": one.files,
                "bytes": one.bytes,
            }
            for one in publisher.collections
        ],
    }


def _publisher(item: object) -> Publisher:
    fields = canonical.as_object(item)
    return Publisher(
        id=_matching(ID, fields["id"]),
        code=_matching(CODE, fields["code"]),
        name=canonical.as_text(fields["name"]),
        collections=_items(fields["collections"], _carried),
    )


def _carried(item: object) -> Carried:
    fields = canonical.as_object(item)
    return Carried(
        id=_matching(COLLECTION, fields["id"]),
        title=canonical.as_text(fields["title"]),
        edition=canonical.as_count(fields["edition"]),
        files=canonical.as_count(fields["files"]),
        bytes=canonical.as_count(fields["bytes"]),
    )


def _items(value: object, parse: Callable[[object], _Item]) -> tuple[_Item, ...]:
    items = canonical.as_list(value)
    if len(items) > MAX_NAMED:
        raise FormatError(f"stick.json: a list of {len(items)}, at most {MAX_NAMED} are allowed")
    return tuple(map(parse, items))


def _box_id(item: object) -> str:
    return _matching(ID, item)


def _matching(pattern: re.Pattern[str], item: object) -> str:
    text = canonical.as_text(item)
    if not pattern.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is not as it must be")
    return text


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{str(value)[:40]!r} is neither true nor false")
    return value


def readme(note: Note) -> bytes:
    """``说明.txt``: Windows line ends and a byte order mark, for the editors of old machines."""
    listed = "\n".join(
        f"  {one.title} ({one.id}, {one.edition})"
        for each in note.publishers
        for one in each.collections
    )
    text = _README.format(day=note.made_at.strftime("%Y-%m-%d"), listed=listed or "  –")
    return b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode()


_README = """课匣 U 盘说明（{day}）

这个 U 盘里是给教学点"课匣"用的课程，在 KEXIA 文件夹里。请不要改动、改名或删除里面的文件。

怎样用
1. 把 U 盘插到课匣的 USB 口上。
2. 等课匣的指示灯或网页上的"管理"页说"完成"，再拔下来。中间可以照常上课。
3. 提前拔下来也不会坏：再插一次，课匣会从断开的地方接着做。
4. 如果页面说"有问题"，请照页面上的话做，或者把 U 盘交回县里。

怎样复制
用电脑的文件管理器把整个 KEXIA 文件夹复制到另一个 U 盘的最上层，就和这个 U 盘一样好用。
课匣会检查每一个文件；复制坏了的文件不会被用上，其余的照常使用。

里面有（课程，版本号）
{listed}

----------------------------------------------------------------

Kexia stick ({day})

This stick carries lessons for a Kexia box at a teaching point, in the folder KEXIA.
Please do not change, rename or delete anything in it.

How to use it
1. Plug it into a USB port of the box.
2. Wait until the light, or the box's admin page, says "done". Lessons go on meanwhile.
3. Pulling it out early harms nothing: plug it in again, and the box goes on where it was.
4. If the page says there is a problem, do what it says, or bring the stick back.

How to copy it
Copy the whole folder KEXIA to the top of another stick with any file manager: the copy is as
good. The box checks every file; one that was copied badly is left out, the others are used.

What is on it (collection, edition)
{listed}
"""
