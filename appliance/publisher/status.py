"""What ``kexia publish status`` tells: what is published, what waits for whom, what expires."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sync.errors import Fault
from sync.publish import in_force, promote
from sync.publish.in_force import Child, Publisher
from sync.publish.keys import KeyRing
from sync.publish.promote import Waiting
from sync.publish.roles import KeyRole
from sync.publish.withdraw import unlifted
from sync.publish.workspace import Registration, open_workspace
from sync.trust import Withdrawal


@dataclass(frozen=True, slots=True)
class Offered:
    """A published collection; ``size`` in bytes."""

    id: str
    title: str
    edition: int
    lessons: int
    size: int


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a workspace."""

    publisher: Publisher
    publisher_id: str
    signed_at: datetime
    expires: datetime
    """When boxes would begin to call the publisher stale."""
    collections: tuple[Offered, ...]
    waiting: tuple[Waiting, ...]
    refused: tuple[Fault, ...]
    """Candidates that cannot be published as they are."""
    expiring: tuple[KeyRole, ...]
    """Roles whose holder must sign again soon."""
    keys_here: tuple[KeyRole, ...]
    sources: tuple[Registration, ...]
    withdrawals: tuple[Withdrawal, ...]
    children: tuple[Child, ...]
    mirrors: tuple[str, ...]


def status(root: Path, now: datetime) -> Status:
    """Read it; changes nothing and needs neither lease nor keys."""
    workspace = open_workspace(root)
    roles = in_force.read_roles(workspace.metadata)
    listed, _ = promote.published(workspace, roles)
    judged = promote.judge(workspace, roles, now)
    ring = KeyRing(workspace.keys)
    mirrors = workspace.repository / "mirrors"
    return Status(
        publisher=roles.publisher,
        publisher_id=workspace.publisher_id,
        signed_at=roles.signed_at,
        expires=min(roles.expires(role) for role in KeyRole),
        collections=tuple(
            Offered(each.id, each.title, each.edition, each.lessons, each.size)
            for each in listed.collections
        ),
        waiting=judged.waiting,
        refused=judged.refused,
        expiring=promote.expiring(roles, now),
        keys_here=tuple(
            role for role in KeyRole if any(ring.holds(role, k) for k in roles.keyids(role))
        ),
        sources=workspace.registrations(),
        withdrawals=unlifted(workspace, roles),
        children=roles.children,
        mirrors=tuple(sorted(path.name for path in mirrors.iterdir())) if mirrors.is_dir() else (),
    )
