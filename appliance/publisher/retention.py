"""What ``kexia publish prune`` does: remove from the repository what no reader needs any more."""

from datetime import datetime
from enum import Enum, auto
from pathlib import Path

from appliance.publisher.desk import writing
from sync import lease
from sync.publish import retain
from sync.publish.retain import Policy, Retention
from sync.publish.workspace import open_workspace


class Prune(Enum):
    """Whether to remove, or only to tell what would be."""

    REMOVE = auto()
    DRY_RUN = auto()


def prune(root: Path, policy: Policy, mode: Prune, now: datetime) -> Retention:
    """Remove what the policy does not keep; raises LeaseHeld while a push sends it.

    Raises UsageError, FormatError (see ``sync.publish.retain``) before anything is removed.
    """
    workspace = open_workspace(root)
    holder = "kexia publish prune"
    with lease.hold(workspace.push_lease, holder=holder), writing(workspace, "prune"):
        plan = retain.make_plan(workspace, policy, now)
        if mode is Prune.REMOVE:
            retain.execute(workspace, plan)
        return plan
