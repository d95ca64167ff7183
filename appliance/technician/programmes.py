"""The technician's programme: what each ``kexia stick`` command does. Clock and places come in."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from appliance.technician.check import AskWisher, check
from appliance.technician.device import Access, is_device, mounted
from appliance.technician.findings import Checked
from appliance.technician.lacking import Measure, read_have
from appliance.technician.origin import Desk, open_origins, read_root
from appliance.technician.prepare import Order, Prepared, prepare
from appliance.technician.wanted import from_folder, from_have, roots_of
from appliance.version import BUILD_TIME
from sync.directory import COLLECTION
from sync.errors import UsageError
from sync.progress import Progress
from sync.trust import DemoKeys, TrustClock


@dataclass(frozen=True, slots=True)
class Request:
    """What the technician asks ``prepare`` for."""

    sources: Sequence[Path]
    """Repositories and workspaces."""
    have: Sequence[Path]
    """Have-lists of the boxes it is for."""
    collections: Sequence[str]
    to: Path
    """A folder, a block device, or a file that ends with ``.kexia``."""
    measure: Measure
    roots: Sequence[Path]
    demo: DemoKeys


def prepare_stick(request: Request, now: datetime, progress: Progress) -> Prepared:
    """Prepare a stick; raises as ``prepare``, and UsageError for an order that says nothing."""
    order = Order(
        tuple(map(read_have, request.have)),
        tuple(dict.fromkeys(map(_collection, request.collections))),
        request.measure,
    )
    if not order.boxes and not order.collections:
        raise UsageError(
            "nothing is asked for", hint="name boxes' have-lists with --for, or --collections"
        )
    with desk(request.roots, request.demo, now) as prover:
        origins = open_origins(request.sources, prover)
        with _place(request.to, Access.WRITE) as place:
            done = prepare(order, origins, place, now, progress)
    return replace(done, to=request.to)


@dataclass(frozen=True, slots=True)
class Question:
    """What the technician asks ``check``."""

    place: Path
    """A stick's folder or device, or a ``.kexia`` file."""
    have: Path | None
    """The have-list of a box to hold it against."""
    box: Path | None
    """The folder of a box to hold it against; then its roots count."""
    roots: Sequence[Path]
    demo: DemoKeys


def check_stick(question: Question, now: datetime, progress: Progress) -> Checked:
    """Look at a stick; raises NoSource if it is none, UsageError for a box that is none."""
    ask: AskWisher | None = None
    if question.have is not None:
        have = read_have(question.have)
        ask = partial(from_have, have)
    with desk(question.roots, question.demo, now) as prover:
        if question.box is not None:
            roots, demo = roots_of(question.box)
            prover = replace(prover, roots=(*prover.roots, *roots), demo=demo)
            wisher = from_folder(question.box)
            ask = lambda _: wisher  # noqa: E731 - as partial above
        with _place(question.place, Access.READ) as place:
            checked = check(place, prover, ask, progress)
    checked.place = str(question.place)
    return checked


@contextmanager
def desk(roots: Sequence[Path], demo: DemoKeys, now: datetime) -> Iterator[Desk]:
    """Where things are proved, with the technician's clock."""
    clock = TrustClock(now, wall_is_set=True, floor=BUILD_TIME)
    with TemporaryDirectory(prefix="kexia-trust-") as scratch:
        yield Desk(tuple(map(read_root, roots)), clock, demo, Path(scratch))


@contextmanager
def _place(path: Path, access: Access) -> Iterator[Path]:
    """The folder or file itself; a device mounted."""
    if is_device(path):
        with mounted(path, access) as folder:
            yield folder
    else:
        yield path


def _collection(text: str) -> str:
    if not COLLECTION.fullmatch(text):
        raise UsageError(f"{text[:80]!r} is no collection id", hint="as in 43/music-1a")
    return text
