"""The interface's messages, found and compiled: ``python -m tests.kit.messages``."""

import struct
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from appliance.language import DOMAIN, LOCALE, Language

ROOT = Path(__file__).parents[2]
METHODS = [
    ("serve/templates/**.html", "jinja2.ext:babel_extract"),
    ("serve/**.py", "python"),
    ("sticks.py", "python"),
    ("system/no_data.py", "python"),
]
KEYWORDS = {"_": None, "N_": None, "say": None, "ngettext": (1, 2), "count": (1, 2)}

Message = str | tuple[str, str]


def used() -> dict[Message, str]:
    """Every message in the appliance's templates and code, with a place that uses it."""
    found: dict[Message, str] = {}
    for name, line, message, *_ in extract_from_dir(
        ROOT / "appliance", method_map=METHODS, keywords=KEYWORDS
    ):
        found[(message[0], message[1]) if isinstance(message, tuple) else message] = (
            f"{name}:{line}"
        )
    return found


def po_file(language: Language) -> Path:
    return LOCALE / language.folder / "LC_MESSAGES" / f"{DOMAIN}.po"


def catalogue(language: Language) -> Catalog:
    with po_file(language).open("rb") as file:
        return read_po(file, locale=language.folder)


def compiled(language: Language) -> bytes:
    """Bytes of the .mo file that belongs to the .po file.

    Written here and not by Babel, which puts the hour and its own version into the file.
    """
    source = catalogue(language)
    head = f"Content-Type: text/plain; charset=utf-8\nPlural-Forms: {source.plural_forms}\n"
    pairs = [("", head), *((joined(item.id), joined(item.string)) for item in source if item.id)]
    return _mo_file(sorted((key.encode(), text.encode()) for key, text in pairs))


def joined(texts: object) -> str:
    """One text, or the forms of a plural with NUL between them, as gettext keeps them."""
    return "\0".join(texts) if isinstance(texts, tuple | list) else str(texts)


def _mo_file(pairs: list[tuple[bytes, bytes]]) -> bytes:
    """GNU MO format: header, table of ids, table of texts, then all of them, each ended by NUL."""
    count, start = len(pairs), 28 + 16 * len(pairs)
    tables, data = [], b""
    for column in (0, 1):
        for pair in pairs:
            tables.append(struct.pack("<II", len(pair[column]), start + len(data)))
            data += pair[column] + b"\0"
    header = struct.pack("<IIIIIII", 0x950412DE, 0, count, 28, 28 + 8 * count, 0, start)
    return header + b"".join(tables) + data


def missing(language: Language) -> Iterator[Message]:
    """Messages that are used and not translated."""
    known = {message.id: message.string for message in catalogue(language)}
    for message in used():
        text = known.get(message)
        if not text or (isinstance(text, tuple) and not all(text)):
            yield message


if __name__ == "__main__":
    for each in Language:
        po_file(each).with_suffix(".mo").write_bytes(compiled(each))
