"""The first start: card → decided → network, roots, PIN, keys, kexia.toml → noted → card wiped.

Power may fail at any instant. Every step is a durable write that a second run repeats without harm;
``kexia.toml`` comes last of what makes a box, the note after it, and the card is wiped only when
both are on the disk, with what shall be left of the file kept here until that is done.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.config import BoxPaths
from appliance.firststart import note as notes
from appliance.firststart.apply import Applying
from appliance.firststart.card import Card
from appliance.firststart.chance import Below
from appliance.firststart.decide import Found, Step, choose, decide, is_left, look
from appliance.firststart.note import Note
from appliance.firststart.noted import read_note, read_site_of
from appliance.firststart.site import MAX_SITE, Site, write_site
from sync.digest import sha256
from sync.errors import InputRefused, KexiaError
from sync.files import disk_errors, read_bounded, sync_folder, write_durably
from sync.trust import DemoKeys

REFUSED = "the site file is not as it must be; the box keeps what it had"


@dataclass(frozen=True, slots=True)
class Machine:
    """What the first start takes from the machine it runs on."""

    below: Below
    ssh_keys: Path
    """The file that sshd reads (authorized_keys)."""
    demo: DemoKeys
    """Accepted only where the image itself was built for trials."""
    hand_over: Callable[[BoxPaths], None] = lambda _: None
    """Gives what was made to the user that the box's programmes run as."""


@dataclass(frozen=True, slots=True)
class Done:
    """What this start did."""

    step: Step
    note: Note


@dataclass(frozen=True, slots=True)
class Read:
    """A site file that is as it must be, with the roots it names."""

    digest: str
    site: Site
    roots: Mapping[str, bytes]


def first_start(paths: BoxPaths, card: Card, machine: Machine) -> Done:
    """Do what this start has to do; raises what the disk raises.

    A refused site file is no error here: the box has its defaults or what it had, and the note says
    what is wrong.
    """
    note = read_note(paths)
    made = is_made(paths)
    found = choose([look(data) for data in card.read_sites()], note, is_made=made)
    step = decide(found, note, is_made=made)
    if step is Step.NOTHING:
        return Done(step, _settle(paths, note))
    applying = Applying(paths, card, machine.below, machine.demo)
    if step is Step.DEFAULTS:
        return _defaults(applying, machine, Note())
    if step is Step.WIPE:
        return Done(step, _wipe(paths, card, note))
    if found is None or found.site is None:
        return _refuse(applying, machine, note, found)
    try:
        roots = applying.roots(found.site)
    except InputRefused as error:
        return _refuse(applying, machine, note, replace(found, faults=error.faults))
    return Done(step, _apply(applying, machine, Read(found.digest, found.site, roots)))


def is_made(paths: BoxPaths) -> bool:
    """Whether this is a box that can be reached; without a network it is made anew."""
    return paths.config_file.exists() and paths.network.exists()


def forget_site(paths: BoxPaths, card: Card, ssh_keys: Path) -> None:
    """Before the box begins anew: its site file goes from the card, and who may log in.

    Else the next line of the same start would set it up from there again. A file that somebody
    laid there since stays, for what is to come. Raises MediumFailing.
    """
    note, kept = read_note(paths), read_site_of(paths)
    card.remove(lambda data: is_left(look(data), note, kept))
    with disk_errors(ssh_keys):
        if ssh_keys.exists():
            ssh_keys.unlink()
            sync_folder(ssh_keys.parent)


def _settle(paths: BoxPaths, note: Note) -> Note:
    """A refused file that is gone again is no trouble any more."""
    settled = replace(note, wiped=True, refused=notes.NONE, problem="", faults=())
    if settled != note:
        _keep(paths, settled)
    return settled


def _apply(applying: Applying, machine: Machine, read: Read) -> Note:
    site = read.site
    applying.folders()
    applying.network(site.network)
    applying.keep_roots(read.roots)
    applying.pin(site.pin)
    applying.ssh_keys(site.ssh_keys, machine.ssh_keys)
    applying.timetable(site, read_site_of(applying.paths))
    left = write_site(site.without_secrets())
    write_durably(applying.paths.site, left)
    machine.hand_over(applying.paths)
    applying.config(site)
    wiped = _is_alone(applying.card, read.digest) and not site.has_secrets
    note = Note(read.digest, read.digest if wiped else sha256(left), wiped)
    _keep(applying.paths, note)
    machine.hand_over(applying.paths)
    return note if wiped else _wipe(applying.paths, applying.card, note)


def _is_alone(card: Card, digest: str) -> bool:
    """Remove what lies under other names, before the note says that this file was applied: cut
    short, the next start chooses as this one did."""
    try:
        card.remove(lambda data: sha256(data) != digest)
    except KexiaError:
        return False  # the wipe tries it again, and tells
    return True


def _wipe(paths: BoxPaths, card: Card, note: Note) -> Note:
    try:
        with disk_errors(paths.site):
            left = read_bounded(paths.site, MAX_SITE)
        card.wipe(left)
    except KexiaError as error:
        problem = f"the Wi-Fi's pass phrase and the PIN still lie on the card: {error.fact}"
        done = replace(note, problem=problem)
    else:
        done = replace(note, wiped=True, problem="")
    _keep(paths, done)
    return done


def _refuse(applying: Applying, machine: Machine, note: Note, found: Found | None) -> Done:
    digest = found.digest if found else notes.NONE
    faults = tuple(map(str, found.faults)) if found else ()
    refused = replace(note, refused=digest, problem=REFUSED, faults=faults)
    if not is_made(applying.paths):
        return Done(Step.REFUSE, _defaults(applying, machine, refused).note)
    if refused != note:
        _keep(applying.paths, refused)
    return Done(Step.REFUSE, refused)


def _defaults(applying: Applying, machine: Machine, note: Note) -> Done:
    """A Wi-Fi of its own, WPA2 with a pass phrase made here: the attached screen shows it."""
    applying.folders()
    name = applying.own_network()
    machine.hand_over(applying.paths)
    applying.config(None, name=name)
    _keep(applying.paths, note)
    machine.hand_over(applying.paths)
    return Done(Step.DEFAULTS, note)


def tell(paths: BoxPaths, done: Done, why: str) -> Done:
    """Note that the box was to begin anew and did not; a disk that takes no note is told, too."""
    problem = f"the box was to begin anew and did not: {why}"
    note = replace(done.note, problem=f"{problem}; {done.note.problem}".removesuffix("; "))
    with suppress(KexiaError):
        _keep(paths, note)
    return replace(done, note=note)


def _keep(paths: BoxPaths, note: Note) -> None:
    write_durably(paths.first_start, notes.encode(note))
