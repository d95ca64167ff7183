"""Telling systemd that a programme is ready (sd_notify(3)): what is ordered after it may start."""

import socket
from contextlib import suppress


def say_ready(address: str) -> None:
    """Say it to the socket that ``NOTIFY_SOCKET`` names; where nobody listens nothing is said."""
    if not address.startswith(("/", "@")):
        return
    name = address.replace("@", "\0", 1) if address.startswith("@") else address
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.connect(name)
        told.send(b"READY=1")
