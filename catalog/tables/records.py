"""Between tables and pages: rows of the catalogue as the views they make. Pure.

Each function takes the columns its statement in catalog.tables.browse selects, in that order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from catalog.model import Role
from catalog.tables.arrange import Place
from catalog.tables.rows import ROLE_ORDER, TEXTBOOK
from catalog.tables.shelves import code_order
from catalog.tables.views import ChapterNode, LessonCard, Piece, Subtitle, TextbookCard
from sync.digest import Digest

SqlRow = tuple[Any, ...]
"""What sqlite3 gives: types are SQLite's, held by the tables' STRICT."""

SITE = "site"
SITE_ENTRY = "index.html"


def textbook_order(card: TextbookCard) -> tuple[object, ...]:
    """Sorting key: textbooks before series, then as people choose, then by title."""
    dims = (code_order(dim, getattr(card, dim)) for dim in Place._fields)
    return (card.kind != TEXTBOOK, *dims, card.title, card.id)


def lesson_card(columns: SqlRow, textbook: str, chapter: str) -> LessonCard:
    """A card that says where the lesson stands."""
    key, title, language, teacher, school, roles, class_hour, duration = columns
    return LessonCard(
        key=key,
        title=title,
        language=language,
        teacher=teacher,
        school=school,
        roles=tuple(map(Role, roles.split())),
        textbook_title=textbook,
        chapter_title=chapter,
        class_hour=class_hour,
        duration=duration,
    )


def grow(
    rows: Sequence[SqlRow], inside: Mapping[int | None, Sequence[LessonCard]]
) -> tuple[ChapterNode, ...]:
    """The tree of chapters that come in the order of reading, parents before children."""
    children: dict[int | None, list[ChapterNode]] = {}
    for number, parent, code, title, depth in reversed(rows):
        below = tuple(reversed(children.pop(number, [])))
        node = ChapterNode(code, title, depth, tuple(inside.get(number, ())), below)
        children.setdefault(parent, []).append(node)
    return tuple(reversed(children.get(None, [])))


def pieces(rows: Sequence[SqlRow], lesson_language: str) -> tuple[Piece, ...]:
    """The pieces in the order of their page, subtitles with what they belong to."""
    shown = [_piece(row, lesson_language) for row in rows if row[0] != Role.SUBTITLE]
    shown.sort(key=lambda piece: ROLE_ORDER[piece.role])
    subtitles: dict[Digest | None, list[Subtitle]] = {}
    for row in rows:
        if row[0] == Role.SUBTITLE:
            subtitle = _piece(row, lesson_language)
            of = _spoken(row, shown)
            subtitles.setdefault(of, []).append(
                Subtitle(subtitle.digest, subtitle.language, subtitle.title)
            )
    return tuple(
        replace(piece, subtitles=tuple(subtitles.get(piece.digest, ()))) for piece in shown
    )


def _spoken(subtitle: SqlRow, shown: Sequence[Piece]) -> Digest | None:
    """The piece that subtitles belong to: the one they name, or else the first video or audio."""
    named = subtitle[-1]
    if named is not None:
        return Digest(named.hex())
    spoken = (piece.digest for piece in shown if piece.role in (Role.VIDEO, Role.AUDIO))
    return next(spoken, None)


def _piece(row: SqlRow, lesson_language: str) -> Piece:
    role, title, format_, size, digest, duration, language, *rights, _ = row
    licence, provider, authorised_scope, reviewed_by = rights
    return Piece(
        role=Role(role),
        title=title,
        format=format_,
        size=size,
        digest=Digest(digest.hex()),
        duration=duration,
        language=language or lesson_language,
        licence=licence,
        provider=provider,
        authorised_scope=authorised_scope,
        reviewed_by=reviewed_by,
        entry=SITE_ENTRY if format_ == SITE else "",
    )
