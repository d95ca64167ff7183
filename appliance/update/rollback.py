"""The way back: the other generation's editions as a new decision, and its end.

What the box knows of trust only goes forward, so a rollback is a new generation: old editions,
newest trust state, withdrawals as they are in force. The editions it left are held until released
or until a newer one comes. No source is needed: the library still has every byte.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from appliance.generation import Generation, Survey, survey
from appliance.record import Kept, Record
from appliance.update.build import Bench, build, tidy
from appliance.update.decide import Content
from appliance.update.memory import trust_folder
from appliance.update.mend import mend
from appliance.update.sync import Box
from sync.errors import UsageError
from sync.progress import Progress


@dataclass(frozen=True, slots=True)
class RolledReport:
    """What is served now, and what is held."""

    generation: int
    editions: Mapping[str, int]
    """Collections that changed, with the edition served now; 0: not on the box any more."""
    holds: Mapping[str, int]
    """Collections held, with the edition that must stay out."""

    def value(self) -> dict[str, object]:
        """For JSON."""
        return {
            "generation": self.generation,
            "editions": dict(self.editions),
            "holds": dict(self.holds),
        }


def rollback(box: Box, to: int | None, progress: Progress) -> RolledReport:
    """Serve the editions of generation ``to`` (the other kept one if None) again, and hold them.

    Raises UsageError if there is no such generation, or if it has the same editions.
    """
    found, served = _served(box, progress)
    target = _target(found, served, to)
    collections = tuple(
        kept for kept in target.record.collections if kept.entry.id in box.config.collections
    )
    content = _content(served.record, target.record, collections)
    changed = _changed(served.record, content.collections)
    if not changed:
        raise UsageError(
            f"generation {target.number} has the same editions as what is served",
            hint="there is nothing to go back to",
        )
    generation = _build(box, found, served, content, progress)
    return RolledReport(generation.number, changed, content.holds)


def release(box: Box, progress: Progress) -> RolledReport:
    """End every hold; the next sync brings in what was rolled back."""
    found, served = _served(box, progress)
    if not served.record.holds:
        return RolledReport(served.number, {}, {})
    record = served.record
    content = Content(
        collections=record.collections,
        publishers=record.publishers,
        withdrawn=record.withdrawn,
        holds={},
        replaced=(),
        removed=(),
    )
    generation = _build(box, found, served, content, progress)
    return RolledReport(generation.number, {}, {})


def _served(box: Box, progress: Progress) -> tuple[Survey, Generation]:
    mend(box.paths, box.store, progress)
    found = survey(box.paths)
    if not found.whole:
        raise UsageError("this box has no lessons yet", hint="fetch some with: kexia box sync BOX")
    return found, found.whole[0]


def _target(found: Survey, served: Generation, to: int | None) -> Generation:
    others = [item for item in found.whole if item != served and to in (None, item.number)]
    if not others:
        what = "no other generation" if to is None else f"no generation {to} to go back to"
        raise UsageError(f"this box has {what}", hint="`kexia box status BOX` lists those it has")
    return others[0]


def _content(served: Record, target: Record, collections: tuple[Kept, ...]) -> Content:
    ids = {kept.entry.id for kept in collections}
    known = {kept.entry.id for kept in served.collections}
    left = {
        kept.entry.id: kept.entry.edition
        for kept in served.collections
        if kept not in collections and not _same(kept, target)
    }
    hidden = served.withdrawn | {pair for pair in target.withdrawn if pair[0] not in known}
    return Content(
        collections=collections,
        publishers=served.publishers,
        withdrawn=frozenset(pair for pair in hidden if pair[0] in ids),
        holds=_still_out({**served.holds, **left}, collections),
        replaced=tuple(kept for kept in collections if not _same(kept, served)),
        removed=tuple(sorted(known - ids)),
    )


def _still_out(holds: Mapping[str, int], collections: tuple[Kept, ...]) -> dict[str, int]:
    """A hold on an edition older than the one served holds nothing back."""
    editions = {kept.entry.id: kept.entry.edition for kept in collections}
    return {name: held for name, held in holds.items() if editions.get(name, 0) <= held}


def _same(kept: Kept, record: Record) -> bool:
    other = record.kept(kept.entry.id)
    return other is not None and other.state == kept.state


def _changed(served: Record, collections: tuple[Kept, ...]) -> dict[str, int]:
    now = {kept.entry.id: kept.entry.edition for kept in collections if not _same(kept, served)}
    ids = {kept.entry.id for kept in collections}
    gone = {kept.entry.id: 0 for kept in served.collections if kept.entry.id not in ids}
    return {**now, **gone}


def _build(
    box: Box, found: Survey, served: Generation, content: Content, progress: Progress
) -> Generation:
    folders = {state.id: trust_folder(found, state.id) for state in content.publishers}
    trust = {key: folder for key, folder in folders.items() if folder is not None}
    generation = build(Bench(box.paths, box.store, served, progress), content, trust)
    tidy(box.paths, box.store, ())
    return generation
