"""Neighbours of the real machine for the update process: who is around, whom it no longer asks.

Here finding (``appliance.peers``) meets updating, which knows nothing of mDNS.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from appliance import config
from appliance.config import BoxPaths
from appliance.update.sources import Neighbour, Neighbours

if TYPE_CHECKING:
    from appliance.peers.choose import Around


def look_around(paths: BoxPaths) -> "Around":
    """Who is there now, and why others are passed over; listens for a few seconds."""
    # all of it is of no use to a box that asks no neighbours, and zeroconf is large
    from appliance.box.peer_id import own_peer_id
    from appliance.network import goes_straight, read_links
    from appliance.peers.choose import Chooser
    from appliance.peers.find import listen
    from appliance.peers.refused import Refused

    links = read_links(config.load(paths).peers)
    refused = Refused(paths.refused_peers).now(now())
    chooser = Chooser(
        links,
        own=own_peer_id(paths.peer_id),
        refused={key: one.reason for key, one in refused.items()},
        goes_straight=partial(goes_straight, among=links),
    )
    return chooser.choose(listen(links))


def neighbours(paths: BoxPaths) -> Neighbours:
    """How a sync of this box finds its neighbours; it finds none where ``use`` is off."""

    def find() -> Sequence[Neighbour]:
        if not config.load(paths).peers.use:
            return ()
        found = look_around(paths).peers
        return [Neighbour(one.said.box, one.url, one.said.marks, one.address) for one in found]

    def refuse(neighbour: Neighbour, reason: str) -> None:
        from appliance.peers.refused import Refused

        keys = (neighbour.box, neighbour.address)
        Refused(paths.refused_peers).add(keys, reason, now())

    cap = config.load(paths).peers.fault_kib * 1024
    return Neighbours(find, refuse, cap=cap)


def now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)  # noqa: TID251 - a programme owns the clock
