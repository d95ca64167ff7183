"""Which directories boxes may hold when they learn of a new one: the deltas to it start there."""

from collections.abc import Iterator
from itertools import islice

from sync.digest import Digest, sha256
from sync.publish.in_force import parse_role, read_roles, stored_target, versions
from sync.publish.roles import KeyRole
from sync.publish.workspace import Workspace, target_name

BACK = (1, 2, 3, 4, 5, 6, 7, 10, 30)
"""How many published directories back. Each costs every box about 90 bytes of the editor's
metadata, and a night's role files shall stay below 3 KB; a box elsewhere fetches the frame."""


def published_bases(workspace: Workspace) -> list[bytes]:
    """The published directories that a new one's deltas start from, newest first, as signed."""
    published = list(islice(_published(workspace), max(BACK)))
    return [published[back - 1] for back in BACK if back <= len(published)]


def _published(workspace: Workspace) -> Iterator[bytes]:
    """Every directory that was published and is kept, newest first, each once."""
    in_force = read_roles(workspace.metadata).version(KeyRole.EDITOR)
    seen: set[Digest] = set()
    for version in reversed(versions(workspace.metadata, KeyRole.EDITOR)):
        path = workspace.metadata / f"{version}.{KeyRole.EDITOR}.json"
        stored = stored_target(parse_role(path.read_bytes()))
        kept = workspace.repository / target_name(stored, "directory")
        if version > in_force or stored.digest in seen or not kept.is_file():
            continue
        seen.add(stored.digest)
        data = kept.read_bytes()
        if sha256(data) == stored.digest:
            yield data
