"""timetable.toml in the box's folder: the week that pages show and updates go by."""

import tomllib
from collections.abc import Sequence

import tomli_w

from appliance.paths import BoxPaths
from appliance.reading import Reader
from appliance.timetable.week import KEY, Period, read_week, week_tables
from sync.errors import Fault, InputRefused
from sync.files import disk_errors, owner_of, read_bounded, sync_folder, write_durably

FORMAT = 1
MAX_BYTES = 64 * 1024
HEADER = (
    "# 课程表 / The week of this teaching point (docs/box.md).\n"
    "# `kexia box timetable BOX SHEET` writes it from a sheet.\n\n"
)


def read(data: bytes) -> tuple[Period, ...]:
    """The periods of timetable.toml's bytes; raises InputRefused listing every fault."""
    faults: list[Fault] = []
    try:
        table = tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        what = f"no TOML in UTF-8 ({str(error)[:120]})"
        raise _refused([Fault("timetable.toml", what, "write it anew")]) from error
    top = Reader("", table, faults)
    if top.take("format") != FORMAT:
        top.wrong("format", "is not one this box knows", f"format = {FORMAT}")
    week = read_week(top, faults)
    top.end()
    if faults:
        raise _refused(faults)
    return week


def write(week: Sequence[Period]) -> bytes:
    """Bytes of timetable.toml; ``read`` gives the same periods back."""
    value: dict[str, object] = {"format": FORMAT, KEY: week_tables(week)}
    return (HEADER + tomli_w.dumps(value)).encode()


def load(paths: BoxPaths) -> tuple[Period, ...]:
    """The box's week, empty if nobody ever said one; raises InputRefused, MediumFailing."""
    if not paths.timetable.exists():
        return ()
    with disk_errors(paths.timetable):
        data = read_bounded(paths.timetable, MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise InputRefused(f"{paths.timetable} is longer than {MAX_BYTES} bytes")
    return read(data)


def save(paths: BoxPaths, week: Sequence[Period]) -> None:
    """Replace the box's week durably, whoever asks; pages show the new one at once."""
    write_durably(paths.timetable, write(week), owner=owner_of(paths.root))


def forget(paths: BoxPaths) -> None:
    """The box has no week any more."""
    with disk_errors(paths.timetable):
        paths.timetable.unlink(missing_ok=True)
        sync_folder(paths.root)


def _refused(faults: Sequence[Fault]) -> InputRefused:
    return InputRefused("timetable.toml is not as it must be", faults=tuple(faults))
