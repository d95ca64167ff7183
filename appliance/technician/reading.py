"""For who holds a recipient's key: makes such keys, opens sealed reports."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sync.errors import FormatError, KexiaError, TrustRefused, UsageError
from sync.files import write_durably
from sync.publish.keys import write_recipient_key
from sync.stick import recipients, report, sealing
from sync.stick.recipients import Recipient
from sync.stick.report import Report
from sync.stick.sealing import Kind


@dataclass(frozen=True, slots=True)
class Pair:
    """A recipient's key: the private half stays, the public half goes to the publisher."""

    recipient: Recipient
    private: Path
    public: Path


@dataclass(frozen=True, slots=True)
class Opened:
    """One report that could be read, or why it could not."""

    file: Path
    report: Report | None
    problem: str = ""


def make_pair(folder: Path, name: str, passphrase: Callable[[], bytes]) -> Pair:
    """A new pair in ``folder``, the private half encrypted; raises UsageError."""
    private, public = sealing.new_recipient()
    instructs = sealing.public_of(sealing.instruction_seed(private))
    recipient = Recipient(public, name, instructs)
    try:
        recipients.encode([recipient])
    except FormatError as error:
        raise UsageError(error.fact, hint="give the office's name in one line") from error
    pair = Pair(
        recipient,
        folder / f"recipient-{recipient.id}.pem",
        folder / f"recipient-{recipient.id}.pub",
    )
    write_recipient_key(pair.private, private, passphrase())
    write_durably(pair.public, recipients.line(recipient).encode())
    return pair


def open_reports(files: Sequence[Path], private: bytes) -> tuple[Opened, ...]:
    """Each file's report; one that is damaged or sealed to others does not stop the rest."""
    return tuple(_opened(file, private) for file in files)


def open_report(data: bytes, private: bytes) -> Report:
    """A sealed report's content; raises FormatError, TrustRefused."""
    outer = sealing.open_paper(data, kind=Kind.SEALED_REPORT, limit=report.MAX_SEALED)
    text = sealing.unseal(outer.body, private)
    inner = sealing.open_paper(text, kind=Kind.REPORT, limit=report.MAX_SEALED)
    sealing.check_same_writer(outer, inner)
    found = report.decode(inner.body)
    if (found.box, found.epoch, found.sequence) != (inner.box, inner.epoch, inner.sequence):
        raise TrustRefused(f"a report of box {inner.box} says it is of another box or moment")
    return found


def _opened(file: Path, private: bytes) -> Opened:
    try:
        return Opened(file, open_report(_read(file), private))
    except KexiaError as error:
        return Opened(file, None, error.fact)


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(report.MAX_SEALED + 1)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
