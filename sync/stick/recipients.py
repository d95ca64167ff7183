"""Recipients: whom a publisher lets read what boxes send back; its targets role signs. Pure.

What reads a list loads libsodium for it; a publisher without recipients never does.

Format 1, canonical JSON at ``config/recipients.json``; and the line by which a recipient hands
over the public half of a key: ``kexia-recipient-2 <64 hex> <64 hex> <name>``, the second being the
key by which it may instruct boxes (``instruction``). Without that one it is
``kexia-recipient-1 <64 hex> <name>``, and the recipient only reads.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sync import canonical
from sync.errors import FormatError, UsageError

PATH = "config/recipients.json"
"""The target's path, and where a trust state keeps it."""
FORMAT = "kexia-recipients-1"
MAX_SIZE = 16 * 2**10
MAX_NAME = 100
_KEY = re.compile(r"[0-9a-f]{64}")
_LINE = re.compile(
    r"kexia-recipient-(?:1 ([0-9a-f]{64})|2 ([0-9a-f]{64}) ([0-9a-f]{64})) ([^\n]{1,400})\n?"
)


@dataclass(frozen=True, slots=True, order=True)
class Recipient:
    """Who may read: an office, by the public half of its X25519 key."""

    public: bytes
    name: str
    instructs: bytes = b""
    """Ed25519 key of what it tells boxes; empty: it tells them nothing."""

    @property
    def id(self) -> str:
        """The first 16 digits of the key, enough for people."""
        return self.public.hex()[:16]


def encode(recipients: Iterable[Recipient]) -> bytes:
    """The target's bytes; raises FormatError for a list that ``decode`` would refuse."""
    listed = [
        {"key": each.public.hex(), "name": each.name}
        | ({"instructs": each.instructs.hex()} if each.instructs else {})
        for each in sorted(recipients)
    ]
    data = canonical.dumps({"format": FORMAT, "recipients": listed})
    decode(data)
    return data


def decode(data: bytes) -> tuple[Recipient, ...]:
    """Read a proved target; raises FormatError."""
    value = canonical.loads(data, what="recipients")
    if value.get("format") != FORMAT:
        raise FormatError(
            f"recipients: format {str(value.get('format'))[:40]!r} is not {FORMAT}",
            hint="this box may be too old for this publisher; update its system",
        )
    try:
        found = [_recipient(item) for item in canonical.as_list(value["recipients"])]
    except (KeyError, TypeError) as error:
        raise FormatError(f"recipients: a field is missing or wrong ({error})") from error
    keys = [each.public for each in found]
    from sync.stick.sealing import MAX_RECIPIENTS

    if keys != sorted(set(keys)) or len(keys) > MAX_RECIPIENTS:
        raise FormatError(f"recipients: not at most {MAX_RECIPIENTS} keys in order, each once")
    return tuple(found)


def line(recipient: Recipient) -> str:
    """What a recipient hands to the publisher."""
    keys, number = recipient.public.hex(), 1
    if recipient.instructs:
        keys, number = f"{keys} {recipient.instructs.hex()}", 2
    return f"kexia-recipient-{number} {keys} {recipient.name}\n"


def parse_line(text: str) -> Recipient:
    """Read it; raises UsageError."""
    match = _LINE.fullmatch(text)
    try:
        if match is not None:
            instructs = {"instructs": match[3]} if match[3] else {}
            return _recipient({"key": match[1] or match[2], "name": match[4], **instructs})
    except FormatError as error:
        raise UsageError(error.fact, hint="make a key with: kexia stick keys") from error
    raise UsageError(
        "this is no recipient's public key",
        hint="give the .pub file that `kexia stick keys` wrote",
    )


def _recipient(item: object) -> Recipient:
    fields = canonical.as_object(item)
    key, name = canonical.as_text(fields["key"]), canonical.as_text(fields["name"])
    if not _KEY.fullmatch(key):
        raise FormatError("recipients: a key is no 64 hexadecimal digits")
    if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
        raise FormatError(f"recipients: a name has no 1 to {MAX_NAME} printable characters")
    public = bytes.fromhex(key)
    from sync.stick.sealing import check_recipient

    try:
        check_recipient(public)
    except UsageError as error:
        raise FormatError(f"recipients: {name}: {error.fact}") from error
    return Recipient(public, name, _instructs(fields))


def _instructs(fields: Mapping[str, object]) -> bytes:
    if "instructs" not in fields:
        return b""
    key = canonical.as_text(fields["instructs"])
    if not _KEY.fullmatch(key):
        raise FormatError("recipients: a key for instructions is no 64 hexadecimal digits")
    return bytes.fromhex(key)
