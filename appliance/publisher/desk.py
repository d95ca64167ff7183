"""Who may write a workspace now, and how a command gets at its keys."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sync import lease
from sync.publish.keys import AskPassphrase, KeyRing, no_passphrase
from sync.publish.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Keys:
    """How this command gets at private keys: a passphrase when asked, key files brought along."""

    ask: AskPassphrase = no_passphrase
    brought: tuple[Path, ...] = ()

    def ring(self, workspace: Workspace) -> KeyRing:
        """The workspace's keys and the brought ones."""
        return KeyRing(workspace.keys, ask=self.ask, brought=self.brought)


@contextmanager
def writing(workspace: Workspace, command: str) -> Iterator[None]:
    """Hold the workspace's lease for one command; raises LeaseHeld."""
    with lease.hold(workspace.lease, holder=f"kexia publish {command}"):
        yield
