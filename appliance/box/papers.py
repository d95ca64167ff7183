"""What a box sends back: have-list, report, backup, each signed, the last two sealed.

Made by the update process, which alone has the key; laid where whoever mounts the stick finds them.
"""

import platform
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from appliance.box.identity import (
    REPORTS,
    Identity,
    IdentityDamaged,
    known_id,
    next_number,
    open_identity,
)
from appliance.box.keepsake import snapshot
from appliance.box.status import read_status
from appliance.config import BoxPaths
from appliance.generation import Generation, GenerationDamaged, current, prove_trust, survey
from appliance.state import StateDamaged
from appliance.system.known import read_known
from appliance.update.follow import configured
from appliance.update.history import SYNCS, believable, read_history
from appliance.update.sync import Box
from appliance.version import VERSION
from appliance.volumes.write_back import Prepared, keep_prepared, prepared_file
from sync.digest import Digest
from sync.errors import FormatError, KexiaError, NoRoom, ProofFailed, UsageError
from sync.feed import MAX_PLAIN, parse_plain
from sync.files import read_bounded, write_durably
from sync.stick import back, backup, have, recipients, report, sealing
from sync.stick.backup import Backup
from sync.stick.have import HaveList, Held
from sync.stick.recipients import Recipient
from sync.stick.report import Report
from sync.stick.sealing import Kind

KEPT_REPORTS = 30
_MAX_PROBLEMS = 4096
_NOBODY = "no publisher of this box names recipients, so it sends no report and no backup"


@dataclass(frozen=True, slots=True)
class Sent:
    """What was prepared."""

    box: str
    epoch: int
    sequence: int
    papers: int
    bytes: int
    reports: int
    """How many of the papers are reports."""
    recipients: tuple[str, ...]
    """Names of those who can read what is sealed."""
    notes: tuple[str, ...]
    """What is not sent, and why."""
    file: str

    def value(self) -> dict[str, object]:
        """For JSON."""
        return {
            "box": self.box,
            "epoch": self.epoch,
            "sequence": self.sequence,
            "papers": self.papers,
            "bytes": self.bytes,
            "reports": self.reports,
            "recipients": list(self.recipients),
            "notes": list(self.notes),
            "file": self.file,
        }


def prepare(box: Box) -> Sent:
    """Write the have-list anew, a report and a backup if somebody may read them; needs the lease.

    Raises IdentityDamaged, and what a full or failing disk of the box's own raises.
    """
    identity = next_number(box.paths, open_identity(box.paths))
    listed = _sign_list(box, identity)
    readers = recipients_of(current(box.paths))
    saved: bytes | None = None
    problems: list[str] = []
    if readers:
        identity = next_number(box.paths, identity)
        _keep_report(box, _sealed_report(box, identity, readers), identity)
        try:
            identity = next_number(box.paths, identity)
            saved = sealed_backup(box, identity, readers)
        except (UsageError, StateDamaged) as error:
            problems.append(f"no backup is sent: {error.fact}")
    reports = list(_kept_reports(box))
    first = (listed, *reports[:1])
    if saved is not None:
        problems += _beyond_a_stick(first, saved)
    papers = (*first, *([] if saved is None else [saved]), *reports[1:])
    keep_prepared(box.paths, Prepared(identity.box, papers))
    write_durably(_problems_file(box.paths), "\n".join(problems).encode(), mode=0o640)
    return Sent(
        box=identity.box,
        epoch=identity.epoch,
        sequence=identity.sequence,
        papers=len(papers),
        bytes=sum(map(len, papers)),
        reports=len(reports),
        recipients=tuple(each.name for each in readers),
        notes=tuple(problems if readers else [_NOBODY]),
        file=str(prepared_file(box.paths)),
    )


def save_backup(box: Box, to: Path) -> dict[str, object]:
    """Write a backup as one file; raises UsageError if nobody could read it, or it is too large."""
    readers = recipients_of(current(box.paths))
    if not readers:
        raise UsageError(_NOBODY, hint="the publisher adds them: kexia publish recipients")
    identity = next_number(box.paths, open_identity(box.paths))
    paper = sealed_backup(box, identity, readers, limit=backup.MAX_STORED)
    if paper is None:
        raise UsageError("there is nothing to back up: teachers have made nothing yet")
    write_durably(to, paper, mode=0o600)
    names = [each.name for each in readers]
    return {"box": identity.box, "file": str(to), "bytes": len(paper), "recipients": names}


def sending(paths: BoxPaths, served: Generation | None) -> dict[str, object]:
    """For the box's status: its id, who reads its reports, what keeps it from sending any."""
    readers = [each.name for each in recipients_of(served)]
    try:
        problem = _last_problems(paths)
        return {"box": known_id(paths), "back": {"recipients": readers, "problem": problem}}
    except IdentityDamaged as error:
        return {"box": None, "back": {"recipients": readers, "problem": error.fact}}


def recipients_of(served: Generation | None) -> tuple[Recipient, ...]:
    """All that the publishers on this box name, at most as many as can be sealed to.

    The lists were proved when their generation was made, and its seal holds them since.
    """
    found: dict[bytes, Recipient] = {}
    if served is not None:
        for state in served.record.publishers:
            found |= {each.public: each for each in _named(served, state.id)}
    return tuple(sorted(found.values()))[: sealing.MAX_RECIPIENTS]


def _problems_file(paths: BoxPaths) -> Path:
    return prepared_file(paths).with_name("problems")


def _last_problems(paths: BoxPaths) -> str:
    """What could not be sent when papers were made last, a line each; empty if all could."""
    with suppress(OSError), _problems_file(paths).open("rb") as file:
        return "; ".join(file.read(_MAX_PROBLEMS).decode(errors="replace").splitlines())
    return ""


def _beyond_a_stick(first: tuple[bytes, ...], saved: bytes) -> Iterator[str]:
    """Said of a backup that a phone carries, but no file that is made on a stick."""
    _, left_out = back.pack((*first, saved), back.room(back.DEFAULT_SIZE))
    if left_out:
        yield (
            f"the backup takes {len(saved)} bytes, for which a stick's file has no room; take it "
            "with a phone (/admin) or as a file: kexia box backup BOX --to FILE"
        )


def _named(served: Generation, publisher: str) -> tuple[Recipient, ...]:
    with suppress(GenerationDamaged, FormatError, FileNotFoundError):
        path = prove_trust(served, publisher) / recipients.PATH
        return recipients.decode(read_bounded(path, recipients.MAX_SIZE + 1))
    return ()


def have_list(box: Box, identity: Identity) -> HaveList:
    """What the box holds, lacks and asks for."""
    served = current(box.paths)
    told, _ = configured(box.paths, box.config)
    known = {one.id for one in told}
    known |= {one.id for one in served.record.publishers} if served else set()
    held = {one.feed: one for one in _held(box, served)}
    return HaveList(
        box=identity.box,
        name=have.printable_name(box.config.name),
        made_at=believable(box.machine.clock()),
        epoch=identity.epoch,
        sequence=identity.sequence,
        publishers=tuple(sorted(known)),
        subscriptions=box.config.subscriptions,
        wants=box.config.wants,
        held=tuple(held[feed] for feed in sorted(held)),
    )


def _held(box: Box, served: Generation | None) -> Iterator[Held]:
    """Editions of what is served, and those that are coming in and not served yet."""
    known: set[Digest] = set()
    for generation in survey(box.paths).whole:
        for kept in generation.record.collections:
            known.add(kept.entry.feed.plain.digest)
    for kept in served.record.collections if served else ():
        if kept.lessons is None and kept.ahead is None:
            yield Held(_half(kept.entry.feed.plain.digest))
            continue
        entries = (kept.entry, kept.ahead.entry) if kept.ahead else (kept.entry,)
        yield from _each_partly(box, (entry.feed.plain.digest for entry in entries))
    yield from _each_partly(box, sorted(set(box.store.feeds.digests()) - known))


def _each_partly(box: Box, feeds: Iterable[Digest]) -> Iterator[Held]:
    for digest in feeds:
        with suppress(ProofFailed, FormatError):  # then it is not held, and comes whole
            yield _partly(box, digest)


def _partly(box: Box, digest: Digest) -> Held:
    """An edition by what the library has of it; raises ProofFailed or FormatError."""
    feed = parse_plain(box.store.feeds.read(digest, limit=MAX_PLAIN))
    sizes = box.store.library.sizes_of(one.digest for one in feed.resources)
    missing = tuple(
        place for place, one in enumerate(feed.resources) if sizes.get(one.digest) != one.size
    )
    return Held(_half(digest), missing or None)


def _half(digest: Digest) -> bytes:
    return bytes.fromhex(digest)[: have.FEED_BYTES]


def _sign_list(box: Box, identity: Identity) -> bytes:
    return _sign(Kind.HAVE, have.encode_within(have_list(box, identity)), identity)


def _sign(kind: Kind, body: bytes, identity: Identity) -> bytes:
    return sealing.sign(
        kind, body, seed=identity.seed, epoch=identity.epoch, sequence=identity.sequence
    )


def _sealed(
    kinds: tuple[Kind, Kind], body: bytes, identity: Identity, readers: tuple[Recipient, ...]
) -> bytes:
    """Signed, sealed, and signed again: the courier sees whose it is, the reader who wrote it."""
    inner, outer = kinds
    sealed = sealing.seal(_sign(inner, body, identity), [each.public for each in readers])
    return _sign(outer, sealed, identity)


def _sealed_report(box: Box, identity: Identity, readers: tuple[Recipient, ...]) -> bytes:
    body = report.encode(health(box, identity))
    paper = _sealed((Kind.REPORT, Kind.SEALED_REPORT), body, identity, readers)
    if len(paper) > report.MAX_SEALED:
        raise KexiaError(f"a report of {len(paper)} bytes is longer than {report.MAX_SEALED}")
    return paper


def health(box: Box, identity: Identity) -> Report:
    """How the box is; nothing about persons."""
    status = read_status(box.paths, box.config, current(box.paths))
    history = read_history(box.paths.root / SYNCS)
    return Report(
        box=identity.box,
        name=have.printable_name(box.config.name),
        made_at=believable(box.machine.clock()),
        epoch=identity.epoch,
        sequence=identity.sequence,
        versions={
            "kexia": VERSION,
            "python": platform.python_version(),
            "kernel": platform.release()[:100],
            **read_known().versions,
        },
        generation=status.generation,
        editions={item.id: item.edition for item in status.collections},
        free=status.free,
        warnings=len(status.warnings),
        syncs=history.syncs,
        failures=history.failures,
    )


def sealed_backup(
    box: Box, identity: Identity, readers: tuple[Recipient, ...], limit: int = 0
) -> bytes | None:
    """``state.db``, signed and sealed; None if teachers have made nothing yet.

    Raises UsageError if it takes more than ``limit`` bytes (0: what papers may take at most, with
    room beside it), StateDamaged if ``state.db`` cannot be read.
    """
    limit = limit or back.room(back.MAX_SIZE) // 2
    database = snapshot(box.paths.state_db, box.paths.cache / "back", limit=backup.MAX_PLAIN)
    if database is None:
        return None
    made = Backup(have.printable_name(box.config.name), believable(box.machine.clock()), database)
    paper = _sealed((Kind.BACKUP, Kind.SEALED_BACKUP), backup.encode(made), identity, readers)
    if len(paper) > limit:
        raise UsageError(
            f"the backup takes {len(paper)} bytes, more than the {limit} allowed",
            hint="carry it as a file: kexia box backup BOX --to FILE",
        )
    return paper


def _reports(box: Box) -> list[Path]:
    """Newest first."""
    folder = box.paths.identity / REPORTS
    return sorted(folder.glob("*.paper"), reverse=True) if folder.is_dir() else []


def _keep_report(box: Box, paper: bytes, identity: Identity) -> None:
    """Keep it, and not more than ``KEPT_REPORTS`` with it. A box without room keeps what it has."""
    path = box.paths.identity / REPORTS / f"{identity.sequence:020}.paper"
    for old in _reports(box)[KEPT_REPORTS - 1 :]:
        old.unlink()
    with suppress(NoRoom):
        write_durably(path, paper, mode=0o600)


def _kept_reports(box: Box) -> Iterator[bytes]:
    for path in _reports(box):
        with path.open("rb") as file:
            yield file.read(report.MAX_SEALED)
