"""Collects what boxes sent back: from sticks into the county's folder, judged, kept, forwarded.

::

    boxes.json                       which boxes there are, and what came of them
    have/<box>.have                  each box's newest have-list, for `kexia stick prepare --for`
    backups/<box>.backup             the newest sealed backup
    outbox/                          have-lists and sealed reports that wait to be forwarded
    sent/                            what was forwarded; of each box the newest 30

Papers are kept before they are remembered, so a run that is killed is repeated, not lost.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from appliance.technician.letters import Letter, Received, Refused, letters_on
from sync.errors import MediumFailing
from sync.files import make_folder, write_durably
from sync.lease import hold
from sync.progress import Progress
from sync.stick import registry as registries
from sync.stick.have import format_time
from sync.stick.registry import ALARMS, Flag, Registry
from sync.stick.sealing import Kind

_SUFFIX = {Kind.HAVE: "have", Kind.SEALED_REPORT: "report", Kind.SEALED_BACKUP: "backup"}
_SENTENCES = {
    Flag.NEW_BOX: "is new here: is it one of yours?",
    Flag.NEW_KEY: "has the name of another box: restored onto a new card, or somebody pretends",
    Flag.NEW_EPOCH: "begins a new history: it was copied, moved to another disk, or lost its own",
    Flag.SEEN: "nothing that had not come before",
    Flag.LATE: "older reports came that had been missing",
    Flag.REPLAYED: "an older paper came after a newer one; it is not kept",
    Flag.CLONED: "two boxes write with one key: find the copy, and remove its `identity` folder",
}


@dataclass(frozen=True, slots=True)
class County:
    """The county's folder."""

    root: Path

    @property
    def registry(self) -> Path:
        """Which boxes there are."""
        return self.root / "boxes.json"

    @property
    def outbox(self) -> Path:
        """What waits to be forwarded."""
        return self.root / "outbox"

    @property
    def sent(self) -> Path:
        """What was forwarded."""
        return self.root / "sent"

    def have(self, box: str) -> Path:
        """The box's newest have-list, signed as it came."""
        return self.root / "have" / f"{box}.have"

    def backup(self, box: str) -> Path:
        """The box's newest backup, sealed as it came."""
        return self.root / "backups" / f"{box}.backup"


@dataclass(frozen=True, slots=True)
class BoxNews:
    """What came of one box."""

    box: str
    name: str
    flags: tuple[Flag, ...]
    have: Path | None
    """Its have-list, if a newer one came."""
    backup: Path | None
    reports: tuple[Path, ...]
    """New ones, in the outbox."""

    @property
    def sentences(self) -> tuple[str, ...]:
        """The flags, for people."""
        return tuple(_SENTENCES[flag] for flag in self.flags)


@dataclass(frozen=True, slots=True)
class Collected:
    """What came of one collection."""

    boxes: tuple[BoxNews, ...]
    refused: tuple[Refused, ...]

    @property
    def exit_code(self) -> int:
        """0, or 5 if something was refused or somebody must look."""
        alarmed = any(set(one.flags) & ALARMS for one in self.boxes)
        return 5 if self.refused or alarmed else 0


@dataclass
class _Tray:
    """What came of one box so far."""

    box: str
    name: str = ""
    flags: set[Flag] = field(default_factory=set)
    have: Path | None = None
    backup: Path | None = None
    reports: list[Path] = field(default_factory=list)
    kept: bool = False


def collect(sticks: Sequence[Path], county: County, now: datetime, progress: Progress) -> Collected:
    """Read every stick, keep what is new; raises UsageError, LeaseHeld, or what a disk raises."""
    make_folder(county.root)
    with hold(county.root / "collect.lease", holder="kexia stick collect"):
        desk = _Desk(county, read_registry(county), format_time(now))
        progress.step("collect", total=len(sticks), unit="sticks")
        for stick in sticks:
            desk.read(stick)
            progress.advance(1)
        return desk.done()


def read_registry(county: County) -> Registry:
    """Which boxes are known; raises FormatError if the file is damaged."""
    try:
        with county.registry.open("rb") as file:
            return registries.decode(file.read(registries.MAX_SIZE))
    except FileNotFoundError:
        return Registry()


class _Desk:
    """One collection."""

    def __init__(self, county: County, registry: Registry, at: str) -> None:
        self._county, self._registry, self._at = county, registry, at
        self._room = registries.MAX_SIZE - len(registries.encode(registry))
        self._trays: dict[str, _Tray] = {}
        self._refused: list[Refused] = []
        self._strangers = self._unkept = 0
        """Of this stick: boxes that are new, papers that found no room."""

    def read(self, stick: Path) -> None:
        self._strangers = self._unkept = 0
        try:
            for letter in letters_on(stick):
                self._take(letter)
        except MediumFailing as error:
            self._refused.append(Refused(str(stick), error.fact))
        self._refused += (Refused(str(stick), why) for why in self._left_out())
        write_durably(self._county.registry, registries.encode(self._registry))

    def _left_out(self) -> Iterator[str]:
        if self._strangers > registries.MAX_NEW:
            more = self._strangers - registries.MAX_NEW
            yield f"{more} more boxes that are new here; if you expected them, collect it again"
        if self._unkept:
            yield (
                f"{self._unkept} papers are not kept: {self._county.registry} is full; "
                "move it away to begin anew, every box is new once then"
            )

    def _take(self, letter: Letter) -> None:
        self._refused += letter.refused
        if letter.received and letter.box not in self._registry.boxes:
            self._strangers += 1
            if self._strangers > registries.MAX_NEW:
                return
        # in the order they were written, so that none seems late that only lies further behind
        for received in sorted(letter.received, key=lambda one: one.paper.sequence):
            self._judge(received)

    def _judge(self, received: Received) -> None:
        paper, data, name = received.paper, received.data, received.name
        tray = self._trays.setdefault(paper.box, _Tray(paper.box))
        tray.name = name or tray.name
        judged = registries.judge(self._registry, paper, data, name)
        tray.flags |= judged.flags
        if judged.keep:
            after = registries.remember(self._registry, paper, data, at=self._at, name=name)
            growth = registries.growth(self._registry, after, paper.box)
            if growth > self._room:
                self._unkept += 1
                return
            tray.kept |= True
            self._keep(tray, received)
            self._registry, self._room = after, self._room - growth

    def _keep(self, tray: _Tray, received: Received) -> None:
        paper, data = received.paper, received.data
        if paper.kind is Kind.SEALED_BACKUP:
            tray.backup = self._county.backup(paper.box)
            write_durably(tray.backup, data)
            return
        waiting = self._county.outbox / name_of(received)
        write_durably(waiting, data)
        if paper.kind is Kind.HAVE:
            tray.have = self._county.have(paper.box)
            write_durably(tray.have, data)
        else:
            tray.reports.append(waiting)

    def done(self) -> Collected:
        return Collected(
            tuple(self._news(tray) for _, tray in sorted(self._trays.items())),
            tuple(self._refused),
        )

    def _news(self, tray: _Tray) -> BoxNews:
        known = self._registry.boxes.get(tray.box)
        flags = tray.flags - {Flag.SEEN} if tray.kept else tray.flags
        return BoxNews(
            box=tray.box,
            name=tray.name or (known.name if known else ""),
            flags=tuple(flag for flag in Flag if flag in flags),
            have=tray.have,
            backup=tray.backup,
            reports=tuple(tray.reports),
        )


def name_of(received: Received) -> str:
    """A paper's name in the outbox: sorts by box, then by age within one epoch."""
    paper = received.paper
    return f"{paper.box}-{paper.epoch:019}-{paper.sequence:019}.{_SUFFIX[paper.kind]}"
