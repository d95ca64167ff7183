"""What the online roles may say: lessons withdrawn, collections held back. Formats 1. Pure.

Both are canonical JSON. Neither can add anything: the one hides lessons, the other delays
editions that editor and reviewer have signed.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sync import canonical
from sync.directory import check_collection_id
from sync.errors import FormatError
from sync.trust.clock import parse_time

MAX_SIZE = 4 * 2**20
"""Bytes of the longest withdraw or rollout file."""
WITHDRAW_FORMAT = "kexia-withdraw-1"
ROLLOUT_FORMAT = "kexia-rollout-1"
_LESSON = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")


@dataclass(frozen=True, slots=True, order=True)
class Withdrawal:
    """A lesson to hide at once."""

    number: int
    """Counts up within a publisher; a directory's ``reinstated`` lifts it by this number."""
    collection: str
    lesson: str
    reason: str
    at: str
    """When, as ``2026-11-23T06:00:00Z``."""


def encode_withdrawals(withdrawals: Iterable[Withdrawal]) -> bytes:
    """The ``withdraw`` target."""
    listed = [withdrawal_to_json(item) for item in sorted(withdrawals)]
    return canonical.dumps({"format": WITHDRAW_FORMAT, "withdrawals": listed})


def decode_withdrawals(data: bytes, *, code: str) -> tuple[Withdrawal, ...]:
    """Read a proved ``withdraw`` target; raises FormatError, also for collections of others."""
    value = _object(data, WITHDRAW_FORMAT, what="withdraw")
    try:
        items = canonical.as_list(value["withdrawals"])
        return tuple(withdrawal_from_json(item, code=code) for item in items)
    except (KeyError, TypeError) as error:
        raise FormatError(f"withdraw: a field is missing or of the wrong kind ({error})") from error


def encode_held(held: Iterable[str]) -> bytes:
    """The ``rollout`` target."""
    return canonical.dumps({"format": ROLLOUT_FORMAT, "held": sorted(held)})


def decode_held(data: bytes, *, code: str) -> frozenset[str]:
    """Read a proved ``rollout`` target; raises FormatError, also for collections of others."""
    value = _object(data, ROLLOUT_FORMAT, what="rollout")
    try:
        held = frozenset(map(canonical.as_text, canonical.as_list(value["held"])))
    except (KeyError, TypeError) as error:
        raise FormatError(f"rollout: a field is missing or of the wrong kind ({error})") from error
    for collection in held:
        check_collection_id(collection, code=code)
    return held


def withdrawal_to_json(item: Withdrawal) -> dict[str, object]:
    """One withdrawal as JSON."""
    return {
        "number": item.number,
        "collection": item.collection,
        "lesson": item.lesson,
        "reason": item.reason,
        "at": item.at,
    }


def withdrawal_from_json(value: object, *, code: str) -> Withdrawal:
    """One withdrawal from JSON; raises KeyError, TypeError, FormatError."""
    fields = canonical.as_object(value)
    item = Withdrawal(
        number=canonical.as_count(fields["number"]),
        collection=canonical.as_text(fields["collection"]),
        lesson=canonical.as_text(fields["lesson"]),
        reason=canonical.as_text(fields["reason"]),
        at=canonical.as_text(fields["at"]),
    )
    check_collection_id(item.collection, code=code)
    parse_time(item.at, what="withdraw")
    if not _LESSON.fullmatch(item.lesson):
        raise FormatError(f"withdraw: {item.lesson[:80]!r} is no lesson id")
    return item


def _object(data: bytes, wanted: str, *, what: str) -> dict[str, object]:
    value = canonical.loads(data, what=what)
    if value.get("format") != wanted:
        raise FormatError(
            f"{what}: format {value.get('format')!r} is not {wanted}",
            hint="this box may be too old for this publisher; update its system",
        )
    return value
