"""``kexia box first-start``, without the library that reads command lines: a page waits for it."""

import json
import os
import pwd
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.cli.loading import loading
from appliance.cli.output import result
from appliance.config import BoxPaths
from sync.errors import KexiaError, UsageError

if TYPE_CHECKING:
    from appliance.firststart.card import Card
    from appliance.firststart.start import Done
    from sync.trust import DemoKeys

IMAGE = Path("/etc/kexia/image.json")
SSH_KEYS = Path("/data/system/ssh/authorized_keys")
OWNER = "kexia"
_OWNED = ("roots", "generations", "run", "identity")
"""Folders that a first start may make or fill."""


@dataclass(frozen=True, slots=True)
class FirstStart:
    """What was asked for; as the options of ``kexia box first-start`` say."""

    box: Path
    site: Path
    ssh_keys: Path = SSH_KEYS
    image: Path = IMAGE
    owner: str = OWNER
    as_json: bool = False


def perform(wish: FirstStart) -> int:
    """Have it done and say what came of it; the exit code."""
    with loading():
        from appliance.firststart.card import Card
        from appliance.firststart.start import Machine, tell
        from appliance.firststart.start import first_start as start
    os.umask(0o022)  # the box's programmes read what root makes here; secrets say their own mode
    machine = Machine(
        secrets.randbelow,
        wish.ssh_keys,
        keys_of(wish.image),
        lambda paths: _hand_over(paths, wish.owner),
    )
    paths, card = BoxPaths(wish.box), Card(wish.site)
    trouble = _begin_anew(paths, card, wish.ssh_keys, wish.owner)
    done = start(paths, card, machine)
    if trouble:
        done = tell(paths, done, trouble)
        _hand_over(paths, wish.owner)
    result(_value(done), as_json=wish.as_json, text=lambda: "\n".join(_lines(done)))
    if done.note.refused:
        return 3
    return 8 if done.note.problem else 0


def _begin_anew(paths: BoxPaths, card: "Card", ssh_keys: Path, owner: str) -> str:
    """Do the reset that was wished; why it was not done, or not to its end: empty if all is well.

    A box that cannot be reset still has to start.
    """
    from appliance.reset_wish import wished

    try:
        if wished(paths) is None:
            return ""
        from appliance.box.factory import fulfil
        from appliance.firststart.start import forget_site

        try:
            fulfil(paths, lambda: forget_site(paths, card, ssh_keys))
        finally:
            _hand_over(paths, owner)
    except KexiaError as error:
        return error.fact
    return ""


def _value(done: "Done") -> dict[str, object]:
    return {
        "step": done.step.value,
        "wiped": done.note.wiped,
        "problem": done.note.problem,
        "faults": list(done.note.faults),
    }


def _lines(done: "Done") -> list[str]:
    first = f"first start: {done.step.value}"
    if not done.note.problem:
        return [first]
    return [f"{first}: {done.note.problem}", *(f"  {fault}" for fault in done.note.faults)]


def keys_of(image: Path) -> "DemoKeys":
    """Demo keys count only where the image itself was built for trials."""
    from sync.trust import DemoKeys

    try:
        with image.open("rb") as file:
            value = json.loads(file.read(64 * 1024))
    except (OSError, ValueError):
        return DemoKeys.REFUSE
    wanted = isinstance(value, dict) and value.get("demo") is True
    return DemoKeys.ACCEPT if wanted else DemoKeys.REFUSE


def _hand_over(paths: BoxPaths, owner: str) -> None:
    """What root made belongs to the box's own user; links are never followed."""
    if not owner or os.geteuid() != 0:
        return
    try:
        user = pwd.getpwnam(owner)
    except KeyError as error:
        raise UsageError(f"there is no user {owner}", hint="--owner names another one") from error
    folders = [paths.root / name for name in _OWNED]
    for path in (paths.root, *paths.root.iterdir(), *_below(folders)):
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def _below(folders: list[Path]) -> list[Path]:
    return [
        path
        for folder in folders
        if folder.is_dir() and not folder.is_symlink()
        for path in folder.iterdir()
    ]
