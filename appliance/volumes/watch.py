"""The volumes process: everything that sees, mounts and shows media, put together."""

import logging
import threading
from pathlib import Path

from appliance.config import BoxPaths, Volumes
from appliance.volumes.attend import Tools
from appliance.volumes.board import Board
from appliance.volumes.disks import own_disks
from appliance.volumes.errand import UpdateSocket
from appliance.volumes.hall import Hall
from appliance.volumes.leds import Leds, Pattern
from appliance.volumes.monitor import Monitor
from appliance.volumes.mount import Mounts
from appliance.volumes.unfinished import Unfinished
from sync.lease import hold

LEASE = "volumes.lease"
"""In the folder of the mounts: the sole right to mount there."""
_LOG = logging.getLogger("kexia.volumes")


def watch_volumes(paths: BoxPaths, volumes: Volumes, mounts: Path, stop: threading.Event) -> None:
    """Attend to every stick until ``stop`` is set; raises LeaseHeld if somebody else does.

    Killed at any instant it begins anew: what it left mounted is let go, what is still plugged in
    is looked at again.
    """
    folder = mounts.absolute()
    # The lease lies where only who mounts may write: root opens no file that others name.
    with hold(folder / LEASE, holder="kexia box volumes"):
        opener = Mounts(folder)
        if opener.may and (stale := opener.clean_up()):
            _LOG.warning("let go of %d media that a process before left mounted", stale)
        leds = Leds(volumes.leds)
        board = Board(paths.volumes, leds)
        tools = Tools(paths, opener, UpdateSocket(paths), board, Unfinished(paths.returning))
        try:
            Hall(Monitor(), tools, volumes.types, own_disks(folder)).run(stop)
        finally:
            leds.show(Pattern.NOTHING)
            paths.volumes.unlink(missing_ok=True)
