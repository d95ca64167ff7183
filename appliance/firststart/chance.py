"""Secrets made where nobody gave any: pass phrases people can read out, PINs nobody tries first.

Pure: chance is an argument, ``secrets.randbelow`` outside tests.
"""

from collections.abc import Callable

from appliance.firststart.checks import check_pin

Below = Callable[[int], int]
"""A number from 0 to below its argument, as hard to foresee as a key."""
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without i, l, o, 0 and 1, which a hand-copied card mixes up."""
LETTERS = 12
"""59 bits: far more than anybody tries over WPA2, short enough to type on a tablet."""


def new_passphrase(below: Below) -> str:
    """A Wi-Fi pass phrase of ``LETTERS`` letters and digits."""
    return "".join(ALPHABET[below(len(ALPHABET))] for _ in range(LETTERS))


def new_pin(below: Below) -> str:
    """A PIN of six digits that are no row."""
    while check_pin(pin := f"{below(10**6):06d}"):
        pass
    return pin


def new_name(below: Below) -> str:
    """What a box without a site file calls its Wi-Fi and itself: ``Kexia-7F2A``."""
    return f"Kexia-{below(2**16):04X}"
