"""Trust: what each source of a publisher signs, heard in scratch copies, newest first.

Nothing here becomes the box's trust state: a candidate's folder does so only in the generation
that holds its content. So a half-copied newer stick never locks out a complete older one.
"""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.update.memory import Known
from appliance.update.report import Problem
from appliance.update.sources import Kind, Source, Sources
from sync.errors import (
    BudgetSpent,
    KexiaError,
    MediumFailing,
    NoSource,
    NotThere,
    TrustRefused,
)
from sync.trust import DemoKeys, RolledBack, Root, TrustClock, Trusted, refresh


@dataclass(frozen=True, slots=True)
class Followed:
    """A publisher this box follows, whether configured or introduced by one above it."""

    root: Root
    urls: tuple[str, ...]

    @property
    def id(self) -> str:
        """The publisher's id."""
        return self.root.publisher_id

    @property
    def code(self) -> str:
        """The publisher's code."""
        return self.root.code


@dataclass(frozen=True, slots=True)
class Candidate:
    """A state of a publisher's repository whose signatures hold."""

    trusted: Trusted
    folder: Path
    """The scratch copy that holds it."""
    source: Source | None
    """Where it was heard; None for what the box serves already."""

    @property
    def version(self) -> int:
        """The timestamp's version: the order of a publisher's states."""
        return self.trusted.versions["timestamp"]


@dataclass(frozen=True, slots=True)
class Heard:
    """All that was heard of one publisher."""

    followed: Followed
    served: Trusted | None
    candidates: tuple[Candidate, ...]
    """Newest first, each version once; the served state among them if a source answered."""
    sources: tuple[Source, ...]
    """Those that answered, carried ones first: bytes may come from any of them."""
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]

    @property
    def newest(self) -> Trusted | None:
        """The newest state heard, else what is served."""
        return self.candidates[0].trusted if self.candidates else self.served


class Ear:
    """Hears one publisher from source after source."""

    def __init__(self, followed: Followed, known: Known, clock: TrustClock, demo: DemoKeys) -> None:
        self._followed, self._known = followed, known
        self._clock, self._demo = clock, demo
        self._heard: list[Candidate] = []
        self._silent: list[KexiaError] = []
        self._sources: list[Source] = []
        self._problems: list[Problem] = []
        self._notes: list[str] = []
        self._copies = 0

    @property
    def served(self) -> int:
        """Version of the timestamp that the box serves; 0 for none."""
        trusted = self._known.trusted
        return trusted.versions["timestamp"] if trusted is not None else 0

    @property
    def has_heard(self) -> bool:
        """True once a source answered with a state that holds."""
        return bool(self._heard)

    def listen_to_peer(self, source: Source) -> None:
        """Hear a box next door: no alarm and no problem is made of what it says or does not say.

        What it may bring is news and bytes; a fault ends it, and is told once (``peer_notes``).
        """
        if source.is_current:
            self._sources.append(source)
            return
        try:
            trusted, folder = self._refresh(source)
        except RolledBack:
            self._sources.append(source)
        except NotThere:
            pass  # it does not follow this publisher
        except (NoSource, MediumFailing, TrustRefused) as error:
            if source.wary is not None:
                source.wary.give_up(error)
        else:
            self._heard.append(Candidate(trusted, folder, source))
            self._sources.append(source)

    def listen(self, source: Source) -> bool:
        """Refresh a scratch copy of the trust state from ``source``; True if what came holds."""
        try:
            trusted, folder = self._refresh(source)
        except RolledBack as error:
            self._older(source, error)
        except (NoSource, MediumFailing, BudgetSpent) as error:
            self._silent.append(error)
        except TrustRefused as error:
            self._problems.append(Problem(self._followed.code, error))
        else:
            self._heard.append(Candidate(trusted, folder, source))
            self._sources.append(source)
            return True
        return False

    def heard(self) -> Heard:
        """What all of it comes to."""
        known, problems, notes = self._known, self._problems, self._notes
        heard = list(self._heard)
        if known.trusted is not None and self._sources:
            heard.append(Candidate(known.trusted, known.folders[0], None))
        if self._sources:
            notes = notes + [error.fact for error in self._silent]
        elif not problems:
            problems = [Problem(self._followed.code, _worst(self._silent, self._followed))]
        return Heard(
            followed=self._followed,
            served=known.trusted,
            candidates=tuple(_newest_first(heard)),
            sources=tuple(sorted(self._sources, key=lambda item: item.kind is not Kind.CARRIED)),
            problems=tuple(problems),
            notes=tuple(notes),
        )

    def _refresh(self, source: Source) -> tuple[Trusted, Path]:
        """From what is known; from the older generation's state if the newer cannot be mended."""
        *damaged, last = self._known.folders
        for known in damaged:
            try:
                return self._refresh_from(known, source)
            except RolledBack:
                raise
            except TrustRefused:
                continue  # damaged in two places
        return self._refresh_from(last, source)

    def _refresh_from(self, known: Path, source: Source) -> tuple[Trusted, Path]:
        self._copies += 1
        folder = known.with_name(f"{known.name}.{self._copies}")
        shutil.copytree(known, folder)
        trusted = refresh(
            source.transport,
            folder,
            root=self._followed.root,
            clock=self._clock,
            demo=self._demo,
        )
        _check_least(self._known, trusted, source)
        return trusted, folder

    def _older(self, source: Source, error: RolledBack) -> None:
        if source.kind is Kind.OWN:
            self._problems.append(Problem(self._followed.code, error))
        else:
            self._sources.append(source)
            self._notes.append(f"{source.label}: older than this box: nothing to do")


def hear(ear: Ear, sources: Sources, followed: Followed, others: Iterable[str]) -> Heard:
    """Listen to all that was carried here, then to the publisher's own servers until one answers;
    if nobody did, to ``others``, the servers of publishers that may mirror it; and to the boxes
    next door.
    """
    for source in sources.carried(followed.id):
        ear.listen(source)
    answered = any(ear.listen(source) for source in sources.own(followed.urls))
    if not (answered or ear.has_heard):
        any(ear.listen(source) for source in sources.mirrors(followed.id, others))
    for source in sources.peers(followed.id, ear.served):
        ear.listen_to_peer(source)
    return ear.heard()


def _check_least(known: Known, trusted: Trusted, source: Source) -> None:
    """Raise RolledBack below what the box's records remember (a new root starts counts anew)."""
    if not known.is_damaged or trusted.versions["root"] > known.least.get("root", 0):
        return
    for role, least in known.least.items():
        if trusted.versions.get(role, 0) < least:
            raise RolledBack(
                f"{source.label}: {role} is older than what this box has ({least})",
                hint="nothing was changed; if this is the publisher's own address, ask there",
            )


def _newest_first(heard: Iterable[Candidate]) -> list[Candidate]:
    """Each version once; of equal ones the first heard, so that a stick spares the line."""
    by_version: dict[int, Candidate] = {}
    for candidate in heard:
        by_version.setdefault(candidate.version, candidate)
    return [by_version[version] for version in sorted(by_version, reverse=True)]


def _worst(errors: Sequence[KexiaError], followed: Followed) -> KexiaError:
    """A failing medium says more than a silent source."""
    nobody = NoSource(
        f"publisher {followed.code} ({followed.root.name}): nobody to ask",
        hint="it has no URL here and nothing of it was carried here: sync --from its medium",
    )
    failing = (error for error in errors if isinstance(error, MediumFailing))
    return next(failing, next(iter(errors), nobody))
