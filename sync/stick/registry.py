"""The county's memory of its boxes: which key, which papers came when; what a new one means. Pure.

Format 1, canonical JSON. A paper is judged before it is kept: whether its box is new, whether it
came before, whether it is an old one shown again, whether two boxes write with one key.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from sync import canonical
from sync.digest import sha256
from sync.errors import FormatError
from sync.stick.have import ID
from sync.stick.sealing import Kind, Paper

FORMAT = "kexia-boxes-1"
MAX_SIZE = 64 * 2**20
MAX_NEW = 256
"""Boxes that are new, of one stick: anybody can make up keys."""
KEPT_EPOCHS = 16
KEPT_PAPERS = 256
"""Of an epoch, the newest by their sequence."""
_DIGITS = 32


class Flag(Enum):
    """What somebody at the county must know of a paper."""

    NEW_BOX = "new-box"
    """Never seen before: is it one of ours?"""
    NEW_KEY = "new-key"
    """It took a name that another box has: restored onto a new card, or somebody pretends."""
    NEW_EPOCH = "new-epoch"
    """The box was copied, or its history lost."""
    SEEN = "seen"
    """The same paper came before: nothing new."""
    LATE = "late"
    """An older report that had not come yet."""
    REPLAYED = "replayed"
    """Older than what came before: not kept."""
    CLONED = "cloned"
    """Two boxes write with one key."""


ALARMS = frozenset({Flag.REPLAYED, Flag.CLONED})


@dataclass(frozen=True, slots=True)
class Epoch:
    """One life of a box."""

    number: int
    papers: Mapping[int, str] = field(default_factory=dict)
    """Sequence → begin of the paper's digest."""
    newest: Mapping[str, int] = field(default_factory=dict)
    """Kind → highest sequence."""

    lowest: int = 0
    """The lowest sequence ever seen of it."""

    def with_paper(self, paper: Paper, digest: str) -> "Epoch":
        """With one more, the oldest forgotten."""
        kind = paper.kind.name
        papers = {**self.papers, paper.sequence: digest}
        kept = sorted(papers)[-KEPT_PAPERS:]
        newest = {**self.newest, kind: max(paper.sequence, self.newest.get(kind, 0))}
        lowest = min(paper.sequence, self.lowest) if self.papers else paper.sequence
        return Epoch(self.number, {one: papers[one] for one in kept}, newest, lowest)


@dataclass(frozen=True, slots=True)
class Known:
    """One box."""

    public: bytes
    name: str
    first_seen: str
    """When the county collected from it first (UTC)."""
    epochs: tuple[Epoch, ...] = ()
    """By their lowest number: a box's numbers go on when an epoch ends; the last is its present."""


@dataclass(frozen=True, slots=True)
class Registry:
    """All boxes, by id."""

    boxes: Mapping[str, Known] = field(default_factory=dict)

    def named(self, name: str) -> tuple[str, ...]:
        """Ids of the boxes that said they have this name."""
        return tuple(box for box, known in self.boxes.items() if known.name == name)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a paper means, and whether it is to be kept."""

    flags: frozenset[Flag]
    keep: bool

    @property
    def is_alarm(self) -> bool:
        """True if somebody must look."""
        return bool(self.flags & ALARMS)


def judge(registry: Registry, paper: Paper, data: bytes, name: str = "") -> Judged:
    """What ``paper`` with the bytes ``data`` means; ``name``: of the box, if the paper says it."""
    known = registry.boxes.get(paper.box)
    flags = {Flag.NEW_KEY} if _takes_a_name(registry, paper.box, name) else set[Flag]()
    if known is None:
        return Judged(frozenset({Flag.NEW_BOX, *flags}), keep=True)
    epoch = next((one for one in known.epochs if one.number == paper.epoch), None)
    if epoch is None:
        if all(one.lowest <= paper.sequence for one in known.epochs):
            return Judged(frozenset({Flag.NEW_EPOCH, *flags}), keep=True)
        return _late(paper)  # of a life before those that are known
    earlier = epoch.papers.get(paper.sequence)
    if earlier is not None:
        same = earlier == _begin(data)
        return Judged(frozenset({Flag.SEEN if same else Flag.CLONED}), keep=False)
    if any(later.lowest <= paper.sequence for later in _after(known, epoch)):
        # its numbers went on in another epoch, and yet they go on here
        return Judged(frozenset({Flag.CLONED, *flags}), keep=True)
    is_newest = paper.sequence > epoch.newest.get(paper.kind.name, -1)
    if is_newest and epoch is known.epochs[-1]:
        return Judged(frozenset(flags), keep=True)
    return _late(paper)


def _late(paper: Paper) -> Judged:
    """Older than what came before: a report may be, nothing else."""
    if paper.kind is Kind.SEALED_REPORT:
        return Judged(frozenset({Flag.LATE}), keep=True)
    return Judged(frozenset({Flag.REPLAYED}), keep=False)


def _after(known: Known, epoch: Epoch) -> tuple[Epoch, ...]:
    return known.epochs[known.epochs.index(epoch) + 1 :]


def remember(registry: Registry, paper: Paper, data: bytes, *, at: str, name: str = "") -> Registry:
    """The registry once a paper is kept; ``at``: now, as text."""
    known = registry.boxes.get(paper.box) or Known(paper.public, "", at)
    lives = {one.number: one for one in known.epochs}
    life = lives.get(paper.epoch) or Epoch(paper.epoch)
    lives[paper.epoch] = life.with_paper(paper, _begin(data))
    epochs = tuple(sorted(lives.values(), key=lambda one: one.lowest))
    kept = replace(known, name=name or known.name, epochs=epochs[-KEPT_EPOCHS:])
    return Registry({**registry.boxes, paper.box: kept})


def growth(before: Registry, after: Registry, box: str) -> int:
    """Bytes by which the file grows, or one more, if what differs is ``box`` alone."""
    return _weight(after, box) - _weight(before, box)


def _weight(registry: Registry, box: str) -> int:
    known = registry.boxes.get(box)
    if known is None:
        return 0
    return len(canonical.dumps({box: _known_value(known)})) - 1  # no braces, but a comma


def _takes_a_name(registry: Registry, box: str, name: str) -> bool:
    """Whether it says now, and did not say before, that it has a name that another box has."""
    known = registry.boxes.get(box)
    if not name or (known is not None and known.name == name):
        return False
    return any(other != box for other in registry.named(name))


def _begin(data: bytes) -> str:
    return sha256(data)[:_DIGITS]


def encode(registry: Registry) -> bytes:
    """The file's bytes; raises FormatError for more than ``MAX_SIZE``."""
    data = canonical.dumps(
        {
            "format": FORMAT,
            "boxes": {box: _known_value(known) for box, known in registry.boxes.items()},
        }
    )
    if len(data) > MAX_SIZE:
        raise FormatError(f"registry of boxes: {len(data)} bytes, at most {MAX_SIZE} are allowed")
    return data


def _known_value(known: Known) -> dict[str, object]:
    return {
        "key": known.public.hex(),
        "name": known.name,
        "first_seen": known.first_seen,
        "epochs": [
            {
                "number": one.number,
                "papers": {str(sequence): digest for sequence, digest in one.papers.items()},
                "newest": dict(one.newest),
                "lowest": one.lowest,
            }
            for one in known.epochs
        ],
    }


def decode(data: bytes) -> Registry:
    """Read what ``encode`` wrote; raises FormatError."""
    value = canonical.loads(data, what="registry of boxes")
    try:
        if value["format"] != FORMAT:
            raise ValueError("it is of another format")
        boxes = canonical.as_object(value["boxes"])
        return Registry(dict(_each(boxes.items())))
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(f"registry of boxes: {error}", hint="take it from a backup") from error


def _each(items: Iterable[tuple[str, object]]) -> Iterable[tuple[str, Known]]:
    for box, item in items:
        fields = canonical.as_object(item)
        public = bytes.fromhex(canonical.as_text(fields["key"]))
        if not ID.fullmatch(box) or sha256(public)[:16] != box:
            raise ValueError(f"{box[:40]!r} is no id of its key")
        yield (
            box,
            Known(
                public=public,
                name=canonical.as_text(fields["name"]),
                first_seen=canonical.as_text(fields["first_seen"]),
                epochs=tuple(map(_epoch, canonical.as_list(fields["epochs"]))),
            ),
        )


def _epoch(item: object) -> Epoch:
    fields = canonical.as_object(item)
    papers = canonical.as_object(fields["papers"])
    newest = canonical.as_object(fields["newest"])
    return Epoch(
        number=canonical.as_count(fields["number"]),
        papers={int(sequence): canonical.as_text(digest) for sequence, digest in papers.items()},
        newest={kind: canonical.as_count(sequence) for kind, sequence in newest.items()},
        lowest=canonical.as_count(fields["lowest"]),
    )
