"""Forwards what was collected: out of the outbox, to a folder or by HTTP PUT; then it is `sent`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from appliance.technician.collect import County
from sync.errors import KexiaError, UsageError
from sync.files import make_folder, rename_durably, write_durably
from sync.progress import Progress
from sync.stick import back
from sync.transport.address import is_web
from sync.transport.web import Web

KEPT_SENT = 30
"""Papers of one box that stay after they were forwarded."""
Give = Callable[[str, bytes], object]
"""Gives one paper, by its name, to whoever it goes to; raises KexiaError."""


@dataclass(frozen=True, slots=True)
class Forwarded:
    """How far it came."""

    sent: int
    waiting: int
    problem: KexiaError | None
    """What stopped it; the rest waits."""


def giver(to: str, web: Web | None = None) -> Give:
    """For ``http(s)://…`` or a folder; raises UsageError for any other address."""
    if is_web(to):
        way = web or Web()
        base = to.rstrip("/")
        return lambda name, data: way.put(f"{base}/{name}", data, what=to)
    if "://" in to:
        raise UsageError(
            f"{to[:120]!r}: this kind of address is not known",
            hint="give an http:// or https:// URL, or a folder",
        )
    folder = Path(to)
    return lambda name, data: write_durably(folder / name, data)


def forward(county: County, give: Give, progress: Progress) -> Forwarded:
    """Give every paper that waits, oldest names first; what fails stays, and is told."""
    waiting = _papers(county.outbox)
    progress.step("forward", total=len(waiting), unit="papers")
    make_folder(county.sent)
    for done, path in enumerate(waiting):
        try:
            give(path.name, _read(path))
        except KexiaError as error:
            return Forwarded(done, len(waiting) - done, error)
        rename_durably(path, county.sent / path.name)
        progress.advance(1)
    _forget(_papers(county.sent))
    return Forwarded(len(waiting), 0, None)


def _papers(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.suffix in (".have", ".report"))


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(back.MAX_SIZE)


def _forget(sent: Iterable[Path]) -> None:
    for _, papers in groupby(sent, key=lambda path: path.name.partition("-")[0]):
        for path in list(papers)[:-KEPT_SENT]:
            path.unlink()
