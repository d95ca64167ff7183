"""At the door: under which names a box answers, so that no page elsewhere can talk to it. Pure.

A page of a foreign site can make its own name point at the box (DNS rebinding) and then read what
the box answers. It cannot do so with an address literal or with a name of the local network.
"""

import ipaddress
from functools import lru_cache

LOCAL_SUFFIXES = (".lan", ".local", ".localhost")


def name_of(host: str) -> str:
    """The name in a Host header: without port and brackets, in lower case."""
    text = host.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0].rstrip(".")


@lru_cache(256)
def is_ours(host: str, names: frozenset[str] = frozenset()) -> bool:
    """True if the Host header is an address, ``localhost``, a local name or one of ``names``."""
    name = name_of(host)
    if name == "localhost" or name in names:
        return True
    if name.endswith(LOCAL_SUFFIXES):
        return all(_is_label(label) for label in name.split("."))
    return is_address(name)


def is_address(name: str) -> bool:
    """True for an IPv4 or IPv6 literal."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def with_port(host: str, port: int) -> str:
    """``host`` (a Host header that was let in) with another port."""
    name = name_of(host)
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def _is_label(label: str) -> bool:
    return (
        0 < len(label) < 64
        and label.replace("-", "a").replace("_", "a").isalnum()
        and (label.isascii())
    )
