"""Telling systemd that a programme is ready (sd_notify(3)): what is ordered after it may start."""

import socket
import sys


def say_ready(address: str) -> None:
    """Say it to the socket that ``NOTIFY_SOCKET`` names; without one nothing is said."""
    if not address.startswith(("/", "@")):
        return
    name = address.replace("@", "\0", 1) if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
            told.connect(name)
            told.send(b"READY=1")
    except OSError as error:
        # systemd will end us for it; then somebody should be able to read why.
        sys.stderr.write(f"kexia: systemd cannot be told that this is ready ({error})\n")
