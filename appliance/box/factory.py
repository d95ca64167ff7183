"""A box begins anew: who it was, what teachers made and who may change it go; lessons if wished.

What is to go is removed in an order in which every half-way point is a box that can be reset again:
the wish lies on the disk until the last piece is gone, and every start looks for it first.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

from appliance import config
from appliance.config import BoxConfig, BoxPaths
from appliance.reset_wish import NAME, Keep, forget, wish, wished
from sync.errors import UsageError
from sync.files import disk_errors, sync_folder
from sync.lease import hold

_ALWAYS = frozenset({"run", NAME, "lost+found"})
"""Our lease, the wish, and what belongs to the file system."""
_LESSONS = frozenset(
    {
        "kexia.toml",
        "roots",
        "format.json",
        "library",
        "feeds",
        "tables",
        "staging",
        "generations",
        "current",
        "published",
    }
)
"""What stays with the lessons; all else is of this box, its school and its people, also what a
later system wrote there under a name nobody here knows."""


def reset(paths: BoxPaths, keep: Keep) -> tuple[str, ...]:
    """Begin anew now; names of what was removed. Raises LeaseHeld while the box runs."""
    with hold(paths.lease, holder="kexia box factory-reset"):
        wish(paths, keep)
        return _fulfil(paths, keep)


def fulfil(paths: BoxPaths, outside: Callable[[], None] = lambda: None) -> tuple[str, ...]:
    """At a start, before anything else: do what was wished before; nothing if nothing was.

    ``outside``: removes what the box has elsewhere (on its card's FAT partition), first: it may
    need what lies in the box's folder to know it. Raises KexiaError; the wish then stays.
    """
    keep = wished(paths)
    if keep is None:
        return ()
    with hold(paths.lease, holder="kexia box factory-reset"):
        outside()
        return _fulfil(paths, keep)


def _fulfil(paths: BoxPaths, keep: Keep) -> tuple[str, ...]:
    stay = _ALWAYS | _LESSONS if keep is Keep.LESSONS else _ALWAYS
    with disk_errors(paths.root):
        going = sorted(one.name for one in paths.root.iterdir() if one.name not in stay)
        gone = tuple(name for name in going if _remove(paths.root / name))
        _remove(paths.network_state)  # names the Wi-Fi; the rest of run is no older than the start
        if keep is Keep.LESSONS:
            _keep_publishers(paths)
        sync_folder(paths.root)
        forget(paths)
        sync_folder(paths.root)
    return gone


def _keep_publishers(paths: BoxPaths) -> None:
    """kexia.toml with whom the box follows and what it subscribes to, and nothing else."""
    try:
        known = config.load(paths)
    except UsageError:
        _remove(paths.config_file)  # unreadable: the first start makes a new one
        return
    kept = BoxConfig(
        demo=known.demo,
        publishers=known.publishers,
        subscriptions=known.subscriptions,
        system=known.system,
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
