"""Neighbours by mDNS: announce this box, look around for others. The only door to zeroconf.

Bound to the addresses of the allowed interfaces (IPv4: that is where mDNS is spoken here), so the
classroom's Wi-Fi neither hears nor is heard. What is heard is judged in ``choose``.
"""

import ipaddress
import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from zeroconf import (
    Error,
    IPVersion,
    ServiceBrowser,
    ServiceInfo,
    ServiceStateChange,
    Zeroconf,
)

from appliance.announcement import SERVICE, Announcement, instance, properties
from appliance.onlink import Link
from appliance.peers.choose import Sighting
from sync.errors import NoSource

BROWSE = 3.0
"""Seconds to listen; announcements are answered within one (RFC 6762)."""
MOST_HEARD = 32
"""Announcements looked at; a flood of them costs no more."""
_DETAILS = 500
"""Milliseconds to ask for an announcement's details, if they did not come along."""
_LOG = logging.getLogger("kexia.peers")


class Announcer:
    """Tells the neighbourhood of this box, as long as it lives."""

    def __init__(self) -> None:
        self._zeroconf: Zeroconf | None = None
        self._links: tuple[Link, ...] = ()
        self._info: ServiceInfo | None = None

    def __call__(self, links: tuple[Link, ...], said: Announcement | None) -> None:
        """Announce ``said`` on ``links`` from now on, in place of what was announced before.

        Raises NoSource if the network does not let us; nothing is announced then.
        """
        try:
            if links != self._links or said is None:
                self._close()
            if said is not None and (addresses := _mdns_addresses(links)):
                self._tell(links, addresses, said)
        except (OSError, Error) as error:
            self._close()
            raise NoSource(f"neighbours do not hear of this box: {error}") from error

    def _tell(self, links: tuple[Link, ...], addresses: list[str], said: Announcement) -> None:
        info = ServiceInfo(
            SERVICE,
            instance(said.box),
            port=said.port,
            addresses=[own.ip.packed for link in links for own in link.addresses],
            properties=properties(said),
            server=f"kexia-{said.box}.local.",
        )
        if self._zeroconf is None:
            self._zeroconf = Zeroconf(interfaces=addresses, ip_version=IPVersion.V4Only)
            self._links = links
            self._zeroconf.register_service(info, cooperating_responders=True)
        else:
            self._zeroconf.update_service(info)
        self._info = info

    def _close(self) -> None:
        if self._zeroconf is not None:
            with suppress(OSError, Error):
                self._zeroconf.close()  # says goodbye
        self._zeroconf, self._links, self._info = None, (), None


def listen(
    links: Sequence[Link], *, seconds: float = BROWSE, wait: Callable[[float], object] | None = None
) -> tuple[Sighting, ...]:
    """What is announced on ``links`` within ``seconds``, MOST_HEARD at most, as it came.

    Nothing if there is no link to listen on, or the network does not let us.
    """
    addresses = _mdns_addresses(links)
    if not addresses:
        return ()
    try:
        zeroconf = Zeroconf(interfaces=addresses, ip_version=IPVersion.V4Only)
    except (OSError, Error) as error:
        _LOG.warning("cannot look for neighbours: %s", error)
        return ()
    try:
        heard = _Heard()
        ServiceBrowser(zeroconf, SERVICE, handlers=[heard.note])
        (wait or threading.Event().wait)(seconds)
        found = (_sighting(zeroconf, name) for name in heard.names())
        return tuple(one for one in found if one is not None)
    except (OSError, Error) as error:
        _LOG.warning("cannot look for neighbours: %s", error)
        return ()
    finally:
        with suppress(OSError, Error):
            zeroconf.close()


class _Heard:
    """Names of the instances that are there."""

    def __init__(self) -> None:
        self._names: dict[str, None] = {}
        self._lock = threading.Lock()

    def note(
        self,
        zeroconf: Zeroconf,  # noqa: ARG002 - zeroconf calls it by these names
        service_type: str,  # noqa: ARG002
        name: str,
        state_change: ServiceStateChange,
    ) -> None:
        with self._lock:
            if state_change is ServiceStateChange.Removed:
                self._names.pop(name, None)
            elif len(self._names) < MOST_HEARD:
                self._names[name] = None

    def names(self) -> list[str]:
        with self._lock:
            return list(self._names)


def _sighting(zeroconf: Zeroconf, name: str) -> Sighting | None:
    """The announcement of that name; None if its details do not come."""
    try:
        info = ServiceInfo(SERVICE, name)
        if not (info.load_from_cache(zeroconf) or info.request(zeroconf, _DETAILS)):
            return None
        addresses = tuple(info.parsed_addresses(IPVersion.All))[:8]
    except (Error, ValueError):
        return None
    return Sighting(name, info.port, addresses, dict(info.properties))


def _mdns_addresses(links: Sequence[Link]) -> list[str]:
    return [
        str(own.ip)
        for link in links
        for own in link.addresses
        if isinstance(own, ipaddress.IPv4Interface)
    ]
