"""What system update lies ready: from the signed lists in the served generation to a bundle's file.

The signatures are proved anew here, from the folder alone: root and rauc act on what they say, not
on what some record says that they said.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance.config import BoxConfig, BoxPaths
from appliance.generation import survey
from appliance.record import Kept
from appliance.update.build import read_feed
from appliance.update.candidates import Followed
from appliance.update.decide import code_of
from appliance.update.follow import configured, follow
from appliance.update.memory import trust_folder
from catalog.system import System, decode_system
from sync.errors import FormatError, KexiaError, TrustRefused
from sync.library import Store
from sync.trust import DemoKeys, TrustClock, Trusted, load


class NothingReady(KexiaError):
    """No system update lies ready; the fact says why."""

    exit_code = 0


@dataclass(frozen=True, slots=True)
class Ready:
    """A system update that a current signed target names, whole in the library."""

    collection: str
    edition: int
    system: System
    bundle: Path


def find_ready(paths: BoxPaths, config: BoxConfig, clock: TrustClock) -> Ready:
    """The update that lies ready; raises NothingReady, or TrustRefused for what does not hold."""
    if not config.system:
        raise NothingReady("this box follows no system updates")
    kept = _kept(paths, config.system)
    trusted = _publisher(paths, config, clock)
    entry = trusted.directory.entry(config.system)
    if entry is None:
        raise NothingReady(f"{config.system} is no longer offered by its publisher")
    if config.system in trusted.held:
        raise NothingReady(f"{config.system} is held back by its publisher for now")
    if kept.entry.feed != entry.feed:
        raise NothingReady(f"{config.system} edition {entry.edition} is still on its way")
    store = Store(paths.root)
    feed = read_feed(store, entry)
    system = decode_system(feed.lessons)
    if (system.bundle, system.size) not in {(one.digest, one.size) for one in feed.resources}:
        raise FormatError(f"{config.system}: its edition lists another file than its bundle")
    return Ready(config.system, entry.edition, system, store.library.path(system.bundle))


def _kept(paths: BoxPaths, collection: str) -> Kept:
    found = survey(paths)
    kept = found.whole[0].record.kept(collection) if found.whole else None
    if kept is None:
        raise NothingReady(f"{collection} has not come yet")
    if not kept.is_whole:
        raise NothingReady(f"{collection} is still on its way")
    return kept


def _publisher(paths: BoxPaths, config: BoxConfig, clock: TrustClock) -> Trusted:
    """What the publisher of the system says, proved from the roots of this box on."""
    found = survey(paths)
    demo = DemoKeys.ACCEPT if config.demo else DemoKeys.REFUSE

    def visit(followed: Followed, _others: Sequence[str]) -> tuple[Trusted | None, Trusted | None]:
        folder = trust_folder(found, followed.id)
        if folder is None:
            return None, None
        trusted = load(folder, root=followed.root, clock=clock, demo=demo)
        return trusted, trusted

    first, _ = configured(paths, config)
    code = code_of(config.system)
    for trusted in follow(first, config, visit):
        if trusted is not None and trusted.code == code:
            return trusted
    raise TrustRefused(
        f"nothing signed by publisher {code} is here",
        hint="the next sync mends it; is the publisher still in kexia.toml?",
    )
