"""What the next generation holds, decided from signed lists and what is served. Pure.

``wish`` reads one publisher's directory; ``compose`` puts the answers of all publishers together,
those that could not be heard keeping what they have. Rules, in the order they win: a collection
leaves when it is neither subscribed nor offered any more; a publisher's hold (rollout) and this
box's own hold (after a rollback) keep the old edition; else the offered edition comes in.
Withdrawals are above all of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from appliance.record import Kept, PublisherState, Record
from appliance.update.matters import Classes
from sync.directory import COLLECTION, CollectionEntry, Directory

FRESH = timedelta(days=7)
"""A newer timestamp alone is written down only after this long: it spares the card."""
_ROUTINE = frozenset({"timestamp", "snapshot"})
"""Roles that grow every night without anything being new."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What one publisher signs: its list, and what its rollout role holds back."""

    publisher: str
    directory: Directory
    held: frozenset[str]


@dataclass(frozen=True, slots=True)
class Policy:
    """What this box wants."""

    subscriptions: tuple[str, ...]
    holds: Mapping[str, int]
    """Collection → edition rolled back from; only a newer one comes in."""
    withdrawn: frozenset[tuple[str, str]] = frozenset()
    """Lessons that a lost newer generation hid: hidden until their publisher speaks."""
    wants: frozenset[tuple[str, str]] = frozenset()
    """(collection, lesson) pairs asked for one by one."""
    classes: Classes = field(default_factory=Classes)
    """Whose lessons come first while the bytes may not suffice."""

    def wanted_of(self, collection: str) -> tuple[str, ...] | None:
        """Ids of the only lessons to bring of a collection, sorted; None: all."""
        if collection in self.subscriptions:
            return None
        return tuple(sorted(lesson for each, lesson in self.wants if each == collection))

    @property
    def collections(self) -> tuple[str, ...]:
        """All collections of which something is wanted, sorted."""
        return tuple(sorted({*self.subscriptions, *(each for each, _ in self.wants)}))


@dataclass(frozen=True, slots=True)
class Wish:
    """What one publisher's list means for this box."""

    take: tuple[CollectionEntry, ...]
    """Editions to bring in."""
    keep: tuple[Kept, ...]
    """Editions that stay."""
    drop: tuple[str, ...]
    """Collections that leave."""
    notes: tuple[str, ...]
    """What a technician should know about it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One publisher's part of the next generation."""

    state: PublisherState
    collections: tuple[Kept, ...]
    withdrawn: frozenset[tuple[str, str]]
    mended: bool = False
    """Its trust state was damaged and is whole again."""


@dataclass(frozen=True, slots=True)
class Content:
    """What the next generation holds, and what that changes."""

    collections: tuple[Kept, ...]
    publishers: tuple[PublisherState, ...]
    withdrawn: frozenset[tuple[str, str]]
    holds: Mapping[str, int]
    replaced: tuple[Kept, ...]
    """To be read in again: another edition, or lessons hidden or shown again."""
    removed: tuple[str, ...]
    mended: bool = False


def code_of(collection: str) -> str:
    """The publisher's code a collection id begins with."""
    match = COLLECTION.fullmatch(collection)
    return match["code"] if match else ""


def wish(offer: Offer, policy: Policy, served: Record | None) -> Wish:
    """What to take, keep and drop of ``offer``."""
    code = offer.directory.code
    sorter = _Sorter(offer, policy, served)
    for collection in policy.collections:
        if code_of(collection) == code:
            sorter.place(collection)
    for kept in served.collections if served else ():
        if kept.publisher == offer.publisher and kept.entry.id not in policy.collections:
            sorter.drop(kept.entry.id, "no longer subscribed")
    return sorter.wish()


class _Sorter:
    """Sorts collections into take, keep and drop, and says why."""

    def __init__(self, offer: Offer, policy: Policy, served: Record | None) -> None:
        self._offer, self._policy, self._served = offer, policy, served
        self._take: list[CollectionEntry] = []
        self._keep: list[Kept] = []
        self._drop: list[str] = []
        self._notes: list[str] = []

    def place(self, collection: str) -> None:
        entry = self._offer.directory.entry(collection)
        kept = self._served.kept(collection) if self._served else None
        if entry is None:
            self._not_offered(collection, kept)
        elif kept is not None and self._has(kept, entry):
            only = self._policy.wanted_of(collection)
            self._keep.append(Kept(self._offer.publisher, entry, only))
        elif reason := self._held_back(entry):
            self._notes.append(f"{collection}: edition {entry.edition} {reason}")
            self._keep += [kept] if kept else []
        else:
            self._take.append(entry)

    def _has(self, kept: Kept, entry: CollectionEntry) -> bool:
        """Whether all that is wanted of ``entry`` is here: lessons that are not, leave."""
        if kept.entry.feed != entry.feed or kept.ahead is not None:
            return False
        only = self._policy.wanted_of(entry.id)
        return kept.lessons is None or (only is not None and set(only) <= set(kept.lessons))

    def drop(self, collection: str, why: str) -> None:
        self._drop.append(collection)
        self._notes.append(f"{collection}: {why}, removed from this box")

    def wish(self) -> Wish:
        return Wish(tuple(self._take), tuple(self._keep), tuple(self._drop), tuple(self._notes))

    def _not_offered(self, collection: str, kept: Kept | None) -> None:
        if kept is None:
            self._notes.append(f"{collection}: its publisher does not offer it")
        else:
            self.drop(collection, "no longer offered by its publisher")

    def _held_back(self, entry: CollectionEntry) -> str:
        if entry.id in self._offer.held:
            return "is held back by its publisher for now"
        if entry.edition <= self._policy.holds.get(entry.id, 0):
            return "was rolled back here; it stays out until released or a newer one comes"
        return ""


def compose(answers: Sequence[Answer], policy: Policy, served: Record | None) -> Content:
    """The next generation's content from the publishers that answered, the others unchanged."""
    answered = {answer.state.id for answer in answers}
    codes = {answer.state.code for answer in answers}
    silent = [
        kept
        for kept in (served.collections if served else ())
        if kept.publisher not in answered
        and code_of(kept.entry.id) not in codes
        and kept.entry.id in policy.collections
    ]
    collections = [*silent, *(kept for answer in answers for kept in answer.collections)]
    ids = frozenset(kept.entry.id for kept in collections)
    hidden = [*(pair for answer in answers for pair in answer.withdrawn)]
    before = policy.withdrawn | (served.withdrawn if served else frozenset())
    hidden += [pair for pair in before if code_of(pair[0]) not in codes]
    withdrawn = frozenset(pair for pair in hidden if pair[0] in ids)
    return Content(
        collections=tuple(sorted(collections, key=lambda kept: kept.entry.id)),
        publishers=_states(answers, answered, served),
        withdrawn=withdrawn,
        holds=_holds(policy.holds, collections, policy.collections),
        replaced=tuple(_replaced(collections, withdrawn, served)),
        removed=tuple(
            sorted(
                kept.entry.id
                for kept in (served.collections if served else ())
                if kept.entry.id not in ids
            )
        ),
        mended=any(answer.mended for answer in answers),
    )


def is_worth_keeping(content: Content, served: Record | None) -> bool:
    """True if a box must remember something of ``content`` that ``served`` does not say.

    That is any change of content, holds, or of a role other than timestamp and snapshot; those
    two, which grow every night, count when the verified time moved by ``FRESH``.
    """
    if served is None:
        return bool(content.collections or content.publishers)
    if content.mended or content.replaced or content.removed:
        return True
    if content.withdrawn != served.withdrawn or dict(content.holds) != dict(served.holds):
        return True
    known = {state.id: state for state in served.publishers}
    return any(_moved(known.get(state.id), state) for state in content.publishers)


def withdrawn_changes(
    before: Iterable[tuple[str, str]], after: Iterable[tuple[str, str]]
) -> frozenset[str]:
    """Collections of which other lessons are hidden than before."""
    return frozenset(collection for collection, _ in frozenset(before) ^ frozenset(after))


def parse_time(text: str) -> datetime:
    """A signed time (``2026-11-23T06:00:00Z``); raises ValueError."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def format_time(moment: datetime) -> str:
    """A time as it is signed and recorded."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _states(
    answers: Sequence[Answer], answered: set[str], served: Record | None
) -> tuple[PublisherState, ...]:
    silent = [state for state in (served.publishers if served else ()) if state.id not in answered]
    return tuple(sorted([*silent, *(answer.state for answer in answers)], key=lambda item: item.id))


def _holds(
    holds: Mapping[str, int], collections: Sequence[Kept], subscriptions: Sequence[str]
) -> dict[str, int]:
    editions = {kept.entry.id: kept.entry.edition for kept in collections}
    return {
        collection: edition
        for collection, edition in holds.items()
        if collection in subscriptions and editions.get(collection, 0) <= edition
    }


def _replaced(
    collections: Sequence[Kept], withdrawn: frozenset[tuple[str, str]], served: Record | None
) -> Iterable[Kept]:
    hidden = withdrawn_changes(served.withdrawn if served else (), withdrawn)
    for kept in sorted(collections, key=lambda item: item.entry.id):
        before = served.kept(kept.entry.id) if served else None
        if before is None or before.state != kept.state or kept.entry.id in hidden:
            yield kept


def _moved(before: PublisherState | None, after: PublisherState) -> bool:
    if before is None:
        return True
    roles = {*before.versions, *after.versions} - _ROUTINE
    if any(before.versions.get(role) != after.versions.get(role) for role in roles):
        return True
    return parse_time(after.signed_at) - parse_time(before.signed_at) >= FRESH
