"""Addresses of pages and files: one spelling, for templates and API alike. Pure."""

import re
from collections.abc import Mapping
from urllib.parse import quote, urlencode

from catalog.tables.shelves import DIMENSIONS, Selection
from sync.digest import Digest

_CODE = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


def textbook(textbook_id: str) -> str:
    """Page of a textbook."""
    return f"/textbook/{quote(textbook_id)}"


def lesson(key: str) -> str:
    """Page of a lesson."""
    return f"/lesson/{quote(key)}"


def resource(digest: Digest, name: str) -> str:
    """A file itself; the suffix is for people and players, the digest is what counts."""
    return f"/r/{digest}.{name}"


def reader(digest: Digest, page: int = 1, *, lesson_key: str = "") -> str:
    """A document's page, as an image."""
    return _with_query(f"/read/{digest}", {"page": page if page > 1 else "", "lesson": lesson_key})


def page_image(digest: Digest, page: int, width: int) -> str:
    """The image of a document's page, ``width`` pixels wide."""
    return f"/read/{digest}/{page}-{width}.jpg"


def player(digest: Digest, *, lesson_key: str = "") -> str:
    """The page that frames a site."""
    return _with_query(f"/play/{digest}", {"lesson": lesson_key})


def site(authority: str, digest: Digest, entry: str) -> str:
    """A site's first page, on the other port: ``authority`` is host and port."""
    return f"http://{authority}/s/{digest}/{quote(entry)}"


def home(selection: Selection) -> str:
    """The home page with a choice; an empty one is said too, so that it beats the remembered."""
    return f"/?{urlencode(selection.chosen() or {'stage': ''})}"


def search(query: str, selection: Selection, page: int = 1) -> str:
    """The search page."""
    fields: dict[str, str | int] = {"q": query, **selection.chosen()}
    if page > 1:
        fields["page"] = page
    return f"/search?{urlencode(fields)}"


def read_selection(fields: Mapping[str, str]) -> Selection:
    """A selection from a query; what is no code at all counts as not chosen."""
    codes = {name: fields.get(name, "") for name in DIMENSIONS}
    return Selection(**{name: code for name, code in codes.items() if _CODE.fullmatch(code)})


def remember(selection: Selection) -> str:
    """A selection as a cookie's value: codes in order, with ``:`` between them."""
    return ":".join(getattr(selection, name) for name in DIMENSIONS)


def recall(cookie: str) -> Selection:
    """A selection from the cookie; a foreign value gives an empty one."""
    return read_selection(dict(zip(DIMENSIONS, cookie.split(":"), strict=False)))


def _with_query(path: str, fields: Mapping[str, object]) -> str:
    """``path`` with those fields that say something; ``/`` stays readable in them."""
    query = urlencode({name: value for name, value in fields.items() if value}, safe="/")
    return f"{path}?{query}" if query else path
