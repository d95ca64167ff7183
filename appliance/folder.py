"""Which version of the box's folder this code writes, and which it can live with: one up, one down.

A system update brings new code to old data, and its roll-back old code to new data. So the folder
says its version (``format.json``; without one it is 1), and the rule is:

* code of version n brings a folder of any lower version forward, step by step;
* it works with a folder of version n + 1 as it is: what it does not know there it passes over and
  keeps, so whatever n + 1 writes must be readable to n, and n + 1 reads what n wrote meanwhile;
* it refuses what is higher, before anything is touched.

That holds for kexia.toml, state.db and what else lies in the folder; a generation names its own
format, and one that cannot be read is passed over for the one before.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from appliance.paths import BoxPaths
from sync import canonical
from sync.errors import FormatError, UsageError
from sync.files import disk_error, read_bounded, write_durably

VERSION = 1
"""Of what this code writes."""
FORMAT = "kexia-box"
MAX_SIZE = 4096


class Standing(Enum):
    """How a folder stands to this code."""

    OWN = "own"
    """Of this version, or of a lower one that is brought forward."""
    AHEAD = "ahead"
    """One version up: unknown fields are passed over and kept."""


@dataclass(frozen=True, slots=True)
class Step:
    """What brings a folder to ``version`` from the one before.

    It may be cut off and is then run again; what it makes must be readable to the version before.
    """

    version: int
    apply: Callable[[BoxPaths], None]


STEPS: tuple[Step, ...] = ()
"""None yet: version 1 is the first."""


class TooNew(UsageError):
    """The data were written by code of which this one knows nothing."""


def standing(paths: BoxPaths, *, own: int = VERSION) -> Standing:
    """How the folder stands to code of version ``own``; raises TooNew, UsageError."""
    return judge(read_version(paths), str(paths.root), own=own)


def judge(version: int, what: str, *, own: int = VERSION) -> Standing:
    """The same for data called ``what`` of ``version``."""
    if version > own + 1:
        raise TooNew(
            f"{what} is of version {version}, this system knows {own} and can read {own + 1}",
            hint="update this box's system, or restore a backup of its own time",
        )
    return Standing.AHEAD if version > own else Standing.OWN


def read_version(paths: BoxPaths) -> int:
    """The folder's version; raises UsageError if its file says nothing sensible."""
    try:
        data = read_bounded(paths.format_file, MAX_SIZE + 1)
    except FileNotFoundError:
        return 1
    except OSError as error:
        raise disk_error(paths.format_file, error) from error
    try:
        value = canonical.loads(data, what="format.json")
        if value.get("format") != FORMAT:
            raise FormatError("it is no version of a box's folder")
        return canonical.as_count(value["version"])
    except (FormatError, KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"{paths.format_file} cannot be read ({error})",
            hint="remove it if this box never had another system than this one",
        ) from error


def bring_forward(
    paths: BoxPaths, *, steps: Sequence[Step] = STEPS, own: int = VERSION
) -> Standing:
    """Bring the folder to this version and say so in it; only who holds the lease may.

    A folder that is ahead stays as it is. Raises TooNew, UsageError, and what a step raises.
    """
    found = standing(paths, own=own)
    if found is Standing.AHEAD:
        return found
    version = read_version(paths)
    for step in sorted(steps, key=lambda step: step.version):
        if version < step.version <= own:
            step.apply(paths)
            _write(paths, step.version)
    if version < own or not paths.format_file.exists():
        _write(paths, own)
    return found


def put_over(later: Mapping[str, object], own: Mapping[str, object]) -> dict[str, object]:
    """``own``, and beside it what ``later`` code wrote; tables in both are put together."""
    together = {**later, **own}
    for name, known in later.items():
        mine = own.get(name)
        if isinstance(known, dict) and isinstance(mine, dict):
            together[name] = {**known, **mine}
    return together


def _write(paths: BoxPaths, version: int) -> None:
    write_durably(paths.format_file, canonical.dumps({"format": FORMAT, "version": version}))
