"""From a pass phrase to the key of a Wi-Fi, as both ends make it (IEEE 802.11i, H.4). Pure.

The programmes are given the key: their files know comments and quotes, and a pass phrase may hold
either.
"""

import hashlib

from appliance.lan.config import NetworkConfig


def key_of(config: NetworkConfig) -> str:
    """64 hexadecimal digits; takes some milliseconds."""
    if len(config.passphrase) == 64:
        return config.passphrase.lower()
    words, salt = config.passphrase.encode("ascii"), config.ssid.encode()
    return hashlib.pbkdf2_hmac("sha1", words, salt, 4096, 32).hex()
