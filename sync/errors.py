"""Every way the bytes can fail, by what the caller can do about it.

::

    KexiaError              1  a fault of ours, or one nobody foresaw
    ├── UsageError          2  the command was wrong
    ├── InputRefused        3  what somebody handed us has faults, each listed
    ├── NoSource            4  nothing reachable holds what is wanted; the box keeps serving
    │   ├── NotThere        4  the source answers, but has no file of that name
    │   └── Busy            4  the source answers, but wants to be asked later
    ├── TrustRefused        5  a signature, version, role or digest does not hold
    │   ├── ProofFailed     5  bytes that do not have the digest they were promised under
    │   └── FormatError     5  proved bytes that are no file of a format we know
    ├── NoRoom              6  the disk cannot hold it; nothing was written
    ├── LeaseHeld           7  somebody else is writing
    ├── MediumFailing       8  a disk, card or stick gives read or write errors
    └── Incomplete          9  some of it is in, the rest comes next time
        ├── BudgetSpent     9  the bytes allowed for now are spent
        └── ShiftOver       9  time to show what is whole before more comes in
"""

from dataclasses import dataclass


class KexiaError(Exception):
    """Base of all errors we raise on purpose: the fact, a hint what to do, an exit code."""

    exit_code = 1

    def __init__(self, fact: str, *, hint: str = "") -> None:
        super().__init__(fact)
        self.fact = fact
        self.hint = hint


class UsageError(KexiaError):
    """The command or its configuration is wrong."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with an input: where it is, what it is, how to mend it."""

    where: str
    """File, then row and column where there are any: ``lessons.csv row 7 column 文件``."""
    what: str
    cure: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what} → {self.cure}"


class InputRefused(KexiaError):
    """Input with faults; all of them are listed at once."""

    exit_code = 3

    def __init__(self, fact: str, *, faults: tuple[Fault, ...] = (), hint: str = "") -> None:
        super().__init__(fact, hint=hint)
        self.faults = faults


class NoSource(KexiaError):
    """No reachable source: no answer, or an answer that is no repository."""

    exit_code = 4


class NotThere(NoSource):
    """The source answers but has no file of that name."""


class Busy(NoSource):
    """The source answers but has too much to do."""

    def __init__(self, fact: str, *, hint: str = "", retry_after: float = 0.0) -> None:
        super().__init__(fact, hint=hint)
        self.retry_after = retry_after
        """Seconds after which it wants to be asked again; 0: it did not say."""


class TrustRefused(KexiaError):
    """Something is not signed as it must be, is older than it may be, or was altered."""

    exit_code = 5


class ProofFailed(TrustRefused):
    """Bytes whose digest is not the one they were promised under."""


class FormatError(TrustRefused):
    """A file that breaks its format's rules or limits, or has a version we do not know."""


class NoRoom(KexiaError):
    """Not enough free disk; nothing was written."""

    exit_code = 6


class LeaseHeld(KexiaError):
    """Another process holds the right to write."""

    exit_code = 7


class MediumFailing(KexiaError):
    """A disk, card or stick reports read or write errors."""

    exit_code = 8


class Incomplete(KexiaError):
    """Some of the work is done and kept; the rest continues next time."""

    exit_code = 9


class BudgetSpent(Incomplete):
    """The bytes allowed for now are spent; what came is kept."""


class ShiftOver(Incomplete):
    """What came so far is to be shown before more comes in; nobody but a sync sees this."""
