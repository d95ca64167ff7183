"""From a pass phrase to the key of a Wi-Fi, as both ends make it (IEEE 802.11i, H.4). Pure.

The programmes are given the key: their files know comments and quotes, and a pass phrase may hold
either.
"""

import hashlib
from functools import lru_cache

from appliance.lan.config import NetworkConfig


def key_of(config: NetworkConfig) -> str:
    """64 hexadecimal digits; takes some milliseconds."""
    if len(config.passphrase) == 64:
        return config.passphrase.lower()
    return _made(config.passphrase.encode("ascii"), config.ssid.encode())


@lru_cache(4)
def _made(words: bytes, salt: bytes) -> str:
    """Kept, as the keeper composes anew every few seconds."""
    return hashlib.pbkdf2_hmac("sha1", words, salt, 4096, 32).hex()
