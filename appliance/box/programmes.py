"""The box as programmes: made, asked, kept running. Here the real clock and network come in."""

import random
import sys
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from appliance import config
from appliance.box.beside import stop_on_signals
from appliance.box.neighbourhood import neighbours
from appliance.config import BoxConfig, BoxPaths, Listen, Publisher, check_url
from appliance.folder import bring_forward
from appliance.state import open_state
from appliance.update import metered
from appliance.update.follow import MAX_ROOT
from appliance.update.ledger import Ledger
from appliance.update.sources import Network
from appliance.update.sync import Machine
from appliance.version import BUILD_TIME
from sync.errors import TrustRefused, UsageError
from sync.files import make_folder, write_durably
from sync.transport.allowance import Purse
from sync.transport.base import BLOCK
from sync.transport.limit import Bucket
from sync.transport.web import CertificateDates, Web
from sync.trust import Root, TrustClock, parse_root

NTP_FLAG = Path("/run/systemd/timesync/synchronized")
"""Exists when systemd-timesyncd has set the clock since this boot."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a technician gives a box to follow a publisher."""

    root: Path
    """The publisher's ``1.root.json``, from a hand that can be trusted."""
    urls: tuple[str, ...]
    name: str = ""
    """The box's name; empty: unchanged."""
    demo: bool = False


def init_box(paths: BoxPaths, invitation: Invitation) -> tuple[BoxConfig, Root]:
    """Make a box, or let one that is there follow one more publisher; raises UsageError,
    FormatError or TrustRefused. Run again with the same root it replaces the URLs.
    """

    root = _read_root(invitation)
    known = config.load(paths) if paths.config_file.exists() else BoxConfig()
    name = invitation.name or known.name
    demo = invitation.demo or known.demo
    _check_same(paths, known, root)
    path = f"{paths.roots.name}/{root.code}.root.json"
    publisher = Publisher(root.code, path, tuple(check_url(url) for url in invitation.urls))
    made = replace(known.following(publisher), name=name, demo=demo)
    make_folder(paths.generations)
    make_folder(paths.run)
    open_state(paths.state_db).close()
    write_durably(paths.root / path, root.data)
    bring_forward(paths)
    config.save(paths, made)
    return made, root


def _read_root(invitation: Invitation) -> Root:
    try:
        with invitation.root.open("rb") as file:
            root = parse_root(file.read(MAX_ROOT))
    except OSError as error:
        raise UsageError(f"{invitation.root}: {error.strerror}") from error
    if root.demo and not invitation.demo:
        raise TrustRefused(
            f"publisher {root.code} ({root.name}) signs with demo keys",
            hint="anybody can sign with them; for a trial, make a demo box with --demo",
        )
    return root


def _check_same(paths: BoxPaths, known: BoxConfig, root: Root) -> None:
    """A publisher's root is never exchanged by a slip: that is a decision of its own."""
    for publisher in known.publishers:
        path = paths.root / publisher.root
        if publisher.code == root.code and path.exists() and path.read_bytes() != root.data:
            raise TrustRefused(
                f"this box follows publisher {root.code} with another root",
                hint=f"if that is right, remove {path} first",
            )


def real_machine(paths: BoxPaths) -> Machine:
    """The machine this programme runs on."""
    box = config.load(paths)

    def clock() -> TrustClock:
        wall = datetime.now(UTC)  # noqa: TID251 - a programme owns the clock
        return TrustClock(wall=wall, wall_is_set=is_clock_set(box), floor=BUILD_TIME)

    # A box that does not know the time cannot judge a certificate's dates; signatures prove all.
    dates = CertificateDates.CHECK if is_clock_set(box) else CertificateDates.IGNORE
    rng = random.Random()  # noqa: S311 - spreads retries, keeps no secret
    bucket = _bucket(box.network.rate_kib)
    web = Web(dates=dates, proxy=box.network.proxy, block=bucket.block if bucket else BLOCK)
    ledgers = Ledger(paths.ledger), Ledger(paths.metered_ledger)

    def purse() -> Purse | None:
        network = config.load(paths).network
        return metered.purse(metered.find_phone(), network, ledgers, lambda: clock().wall)

    network = Network(rng, time.sleep, web, bucket, purse, neighbours(paths))
    return Machine(clock, network, time.monotonic)


def _bucket(rate_kib: int) -> Bucket | None:
    """The cap of the whole box; None if there is none."""
    if not rate_kib:
        return None
    return Bucket(rate_kib * 1024, clock=time.monotonic, sleep=time.sleep)


def is_clock_set(box: BoxConfig) -> bool:
    """True if NTP set the wall clock since boot, or the administrator vouches for it."""
    return box.clock_is_set or NTP_FLAG.exists()


def run_update(paths: BoxPaths) -> None:
    """The update process; ends on SIGTERM or SIGINT."""
    from appliance.box.daemon import UpdateProcess, lower_priority

    lower_priority()
    UpdateProcess(paths, real_machine(paths), stop=stop_on_signals()).run()


def run_all(paths: BoxPaths, listen: Listen) -> None:
    """Update, serve and volumes beside each other until SIGTERM or SIGINT."""
    from appliance.box.supervise import Watched, supervise

    box = config.load(paths)
    stop = stop_on_signals()
    folder = str(paths.root)
    address = ["--host", listen.host, "--port", str(listen.port)]
    address += ["--site-port", str(listen.site_port)]
    watched = [
        Watched("update", _kexia("box", "update", folder), time.monotonic),
        Watched("serve", _kexia("box", "serve", folder, *address), time.monotonic),
    ]
    if box.volumes.on:
        watched.append(Watched("volumes", _kexia("box", "volumes", folder), time.monotonic))
    supervise(watched, stop, time.monotonic)


def _kexia(*words: str) -> list[str]:
    return [str(Path(sys.executable).with_name("kexia")), *words]
