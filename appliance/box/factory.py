"""A box begins anew: who it was, what teachers made and who may change it go; lessons if wished.

What is to go is removed in an order in which every half-way point is a box that can be reset again:
the wish lies on the disk until the last piece is gone, and every start looks for it first.
"""

import shutil
from pathlib import Path

from appliance import config
from appliance.config import BoxConfig, BoxPaths
from appliance.reset_wish import Keep, forget, wish, wished
from sync.errors import KexiaError
from sync.files import sync_folder
from sync.lease import hold

_OWN = (
    "identity",
    "state.db",
    "state.db-wal",
    "state.db-shm",
    "network.toml",
    "peer-id",
    "refused-peers.json",
    "returning.json",
    "last-sync.json",
    "ledger.json",
    "ledger-metered.json",
    "syncs.json",
    "uploads",
    "cache",
)
"""Of this box, its school and its people; not of the lessons."""


def reset(paths: BoxPaths, keep: Keep) -> tuple[str, ...]:
    """Begin anew now; names of what was removed. Raises LeaseHeld while the box runs."""
    with hold(paths.lease, holder="kexia box factory-reset"):
        wish(paths, keep)
        return _fulfil(paths, keep)


def fulfil(paths: BoxPaths) -> tuple[str, ...]:
    """At a start, before anything else: do what was wished before; nothing if nothing was."""
    keep = wished(paths)
    if keep is None:
        return ()
    with hold(paths.lease, holder="kexia box factory-reset"):
        return _fulfil(paths, keep)


def _fulfil(paths: BoxPaths, keep: Keep) -> tuple[str, ...]:
    going = _OWN if keep is Keep.LESSONS else _everything(paths)
    gone = tuple(name for name in going if _remove(paths.root / name))
    if keep is Keep.LESSONS:
        _keep_publishers(paths)
    sync_folder(paths.root)
    forget(paths)
    sync_folder(paths.root)
    return gone


def _everything(paths: BoxPaths) -> tuple[str, ...]:
    """All but the wish and the folder that holds our lease."""
    stay = {paths.run.name, "reset.json", "lost+found"}
    return tuple(sorted(one.name for one in paths.root.iterdir() if one.name not in stay))


def _keep_publishers(paths: BoxPaths) -> None:
    """kexia.toml with whom the box follows and what it subscribes to, and nothing else."""
    try:
        known = config.load(paths)
    except KexiaError:
        return  # unreadable before; whoever sets the box up anew writes it
    kept = BoxConfig(
        demo=known.demo,
        publishers=known.publishers,
        subscriptions=known.subscriptions,
        listen=known.listen,
        volumes=known.volumes,
    )
    config.save(paths, kept)


def _remove(path: Path) -> bool:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
        return True
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True
