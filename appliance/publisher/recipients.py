"""What each ``kexia publish recipients`` command does: list, add, remove."""

from datetime import datetime
from pathlib import Path

from appliance.publisher.desk import Keys, writing
from sync.errors import UsageError
from sync.publish import in_force, recipients
from sync.publish.workspace import open_workspace
from sync.stick.recipients import Recipient, parse_line

_LONGEST = 4096
"""Bytes of a public key's file, with room for a long name."""


def list_recipients(root: Path) -> tuple[Recipient, ...]:
    """Those in force."""
    workspace = open_workspace(root)
    return recipients.read_recipients(workspace, in_force.read_roles(workspace.metadata))


def add_recipient(root: Path, public: Path, keys: Keys, now: datetime) -> tuple[Recipient, ...]:
    """Add the one whose public key is in the file ``public``; raises UsageError."""
    new = read_public(public)
    workspace = open_workspace(root)
    with writing(workspace, "recipients add"):
        return recipients.add(workspace, keys.ring(workspace), new, now)


def remove_recipient(root: Path, key: str, keys: Keys, now: datetime) -> tuple[Recipient, ...]:
    """Remove the one whose public key begins with ``key``; raises UsageError."""
    workspace = open_workspace(root)
    with writing(workspace, "recipients remove"):
        return recipients.remove(workspace, keys.ring(workspace), key, now)


def read_public(path: Path) -> Recipient:
    """The public half of a recipient's key; raises UsageError."""
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST).decode()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is no recipient's public key") from error
    return parse_line(text)
