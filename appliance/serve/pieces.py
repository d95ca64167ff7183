"""Each piece of a lesson and the way a tablet opens it: played, read, framed or saved. Pure."""

from dataclasses import dataclass
from typing import Literal

from appliance.serve import links, media_types
from catalog.tables.views import LessonView, Piece

Kind = Literal["video", "audio", "image", "document", "site", "file"]
PLAYED: frozenset[Kind] = frozenset({"video", "audio", "image"})
"""Kinds shown on the lesson's page itself; the others open from it."""


@dataclass(frozen=True, slots=True)
class Way:
    """A piece and the way to it."""

    piece: Piece
    kind: Kind
    href: str
    download: str
    """Address of the file itself; empty for a site."""


def ways(lesson: LessonView) -> tuple[Way, ...]:
    """All pieces in their order; subtitles travel with their video."""
    return tuple(_way(piece, lesson.key) for piece in lesson.pieces)


def _way(piece: Piece, key: str) -> Way:
    kind = kind_of(piece.format)
    if kind == "site":
        return Way(piece, kind, links.player(piece.digest, lesson_key=key), "")
    file = links.resource(piece.digest, piece.format)
    href = links.reader(piece.digest, lesson_key=key) if kind == "document" else file
    return Way(piece, kind, href, file)


def kind_of(name: str) -> Kind:
    """What kind of thing a format is to a tablet."""
    if name in media_types.VIDEO:
        return "video"
    if name in media_types.AUDIO:
        return "audio"
    if name in media_types.IMAGE:
        return "image"
    if name == "pdf":
        return "document"
    return "site" if name == "site" else "file"
