"""Trust: from a source nobody vouches for to a directory that editor and reviewer signed.

The only door to python-tuf's client. ``refresh`` brings a publisher's trust state up to date in a
scratch folder; ``load`` proves the same state again from the folder alone. Both return Trusted,
and nothing else makes one.
"""

from sync.trust.client import RolledBack
from sync.trust.clock import TrustClock, reference_time
from sync.trust.notices import Withdrawal
from sync.trust.refresh import refresh
from sync.trust.root import DemoKeys, Root, lies_below, parse_root
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
