"""Kexia's rules about keys and roles, above those of The Update Framework. Pure.

python-tuf alone accepts one public key under two names, and so a threshold of two met by one
person; and any key id. Here a key has one spelling, one id, and one place in a role.
"""

import re
from collections import Counter
from collections.abc import Mapping

from securesystemslib.formats import encode_canonical
from securesystemslib.signer import Key  # type: ignore[attr-defined]  # documented, no __all__
from tuf.api.metadata import Delegations, Role, Root, Targets  # type: ignore[attr-defined]  # documented, no __all__

from sync.digest import sha256
from sync.errors import TrustRefused

EDITOR, REVIEWER = "editor", "reviewer"
PATHS = {
    EDITOR: "directory",
    REVIEWER: "review/directory",
    "rollout": "rollout",
    "withdraw": "withdraw",
}
"""The delegated roles and the one target each may sign."""
_PUBLIC = re.compile(r"[0-9a-f]{64}")
_HINT = "the publisher must mend its keys: kexia publish keys, docs/keys.md"


def check_root(root: Root) -> None:
    """Raise TrustRefused unless the keys of ``root`` are as they must be."""
    what = f"root {root.version}"
    if not root.consistent_snapshot:
        raise TrustRefused(f"{what} does not use consistent snapshots", hint=_HINT)
    _check_keys(root.keys, root.roles, what=what)


def check_targets(targets: Targets) -> None:
    """Raise TrustRefused unless ``targets`` delegates to the four roles, each with its own keys."""
    what = f"targets {targets.version}"
    roles = _delegated(targets.delegations, what=what)
    _check_keys(targets.delegations.keys if targets.delegations else {}, roles, what=what)
    shared = set(roles[EDITOR].keyids) & set(roles[REVIEWER].keyids)
    if shared:
        raise TrustRefused(
            f"{what}: key {min(shared)[:16]} is both an editor's and a reviewer's",
            hint="two people must look at what enters a school; " + _HINT,
        )


def key_id(key: Key) -> str:
    """The id a key must have: SHA-256 of its canonical JSON (the TUF specification, 4.2)."""
    fields = {"keytype": key.keytype, "scheme": key.scheme, "keyval": key.keyval}
    return sha256(str(encode_canonical(fields)).encode())


def _delegated(delegations: Delegations | None, *, what: str) -> Mapping[str, Role]:
    found = (delegations.roles if delegations else None) or {}
    for name, path in PATHS.items():
        role = found.get(name)
        if role is None or role.paths != [path] or not role.terminating:
            raise TrustRefused(
                f"{what} does not delegate {path!r}, and that alone, to the role {name}", hint=_HINT
            )
    return {name: found[name] for name in PATHS}


def _check_keys(keys: Mapping[str, Key], roles: Mapping[str, Role], *, what: str) -> None:
    for name, role in roles.items():
        members = [keys[keyid] for keyid in role.keyids if keyid in keys]
        if len(members) != len(role.keyids):
            raise TrustRefused(f"{what}: role {name} names a key that is not there", hint=_HINT)
        _check_distinct(members, what=f"{what}: role {name}")
    for keyid, key in keys.items():
        _check_key(keyid, key, what=what)


def _check_distinct(members: list[Key], *, what: str) -> None:
    counts = Counter(str(key.keyval.get("public")).lower() for key in members)
    twice = [public for public, count in counts.items() if count > 1]
    if twice:
        raise TrustRefused(f"{what} lists the public key {twice[0][:16]}… twice", hint=_HINT)


def _check_key(keyid: str, key: Key, *, what: str) -> None:
    public = key.keyval.get("public")
    plain = set(key.keyval) == {"public"} and isinstance(public, str) and _PUBLIC.fullmatch(public)
    if (key.keytype, key.scheme) != ("ed25519", "ed25519") or not plain:
        raise TrustRefused(f"{what}: key {keyid[:16]} is no plain Ed25519 key", hint=_HINT)
    if keyid != key_id(key):
        raise TrustRefused(f"{what}: key id {keyid[:16]} is not its key's hash", hint=_HINT)
