"""Trust: from a source nobody vouches for to a directory that editor and reviewer signed.

The only door to python-tuf's client. ``refresh`` brings a publisher's trust state up to date in a
scratch folder; ``load`` proves the same state again from the folder alone. Both return Trusted,
and nothing else makes one.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from sync.trust.clock import TrustClock, reference_time
from sync.trust.notices import Withdrawal
from sync.trust.root import DemoKeys, Root, lies_below, parse_root

if TYPE_CHECKING:
    from sync.trust.client import RolledBack
    from sync.trust.renew import refresh
    from sync.trust.trusted import Child, Trusted, load

__all__ = [
    "Child",
    "DemoKeys",
    "RolledBack",
    "Root",
    "TrustClock",
    "Trusted",
    "Withdrawal",
    "lies_below",
    "load",
    "parse_root",
    "reference_time",
    "refresh",
]

_AT_FIRST_USE = {
    "Child": "trusted",
    "RolledBack": "client",
    "Trusted": "trusted",
    "load": "trusted",
    "refresh": "renew",
}
"""What needs python-tuf's client, and with it an HTTP library: a publisher's commands, which start
three times a release, do without."""

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Load it when it is asked for (PEP 562)."""
        if name not in _AT_FIRST_USE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_AT_FIRST_USE[name]}"), name)
