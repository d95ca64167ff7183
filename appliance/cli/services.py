"""The programmes of a box's units, without the library that reads command lines.

A box starts eight of them at once, and each would load all that library needs. The words of our
units are read here, all others are typer's.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from appliance.cli.loading import loading
from appliance.cli.output import say
from appliance.config import BoxPaths
from appliance.notify import say_ready
from sync.errors import UsageError


def read_words(words: Sequence[str]) -> Callable[[], None] | None:
    """What ``kexia`` was asked to run with ``words``; None for all that a unit does not say."""
    if any(word.startswith("-") for word in words[2:3]):
        return None
    match list(words):
        case ["box", name, box] if name in _PLAIN:
            return lambda: _PLAIN[name](BoxPaths(Path(box)))
        case ["box", "volumes", box, "--mounts", mounts] if not mounts.startswith("-"):
            return lambda: _volumes(BoxPaths(Path(box)), Path(mounts))
        case ["box", "network", box, "apply", "--keep"]:
            return lambda: _network(BoxPaths(Path(box)))
        case ["box", "health", box]:
            return lambda: _health(Path(box))
        case ["box", "first-start", box, "--site", site] if not site.startswith("-"):
            return lambda: _first_start(Path(box), Path(site))
        case _:
            return None


def _serve(paths: BoxPaths) -> None:
    with loading():
        from appliance.box.serving import run_serve
        from appliance.config import load
    run_serve(paths, load(paths).listen, on_ready=ready)


def ready(url: str) -> None:
    """Tell a person where the pages are, and systemd that they are there."""
    say(url)
    say_ready(os.environ.get("NOTIFY_SOCKET", ""))


def _update(paths: BoxPaths) -> None:
    with loading():
        from appliance.box.programmes import run_update
    run_update(paths)


def _volumes(paths: BoxPaths, mounts: Path | None = None) -> None:
    with loading():
        from appliance.box.beside import run_volumes
    run_volumes(paths, mounts)


def _screen(paths: BoxPaths) -> None:
    with loading():
        from appliance.box.beside import run_screen
    run_screen(paths)


def _button(paths: BoxPaths) -> None:
    with loading():
        from appliance.box.beside import run_button
    run_button(paths)


def _network(paths: BoxPaths) -> None:
    with loading():
        from appliance.lan.programme import keep_for_ever, make_keeper
    keep_for_ever(make_keeper(paths), say)


def _health(box: Path) -> None:
    from appliance.cli import judging

    given = os.environ.get("KEXIA_PATIENCE", "")
    try:
        patience = float(given or judging.PATIENCE)
    except ValueError as error:
        raise UsageError(f"KEXIA_PATIENCE {given[:40]!r} is no number of seconds") from error
    raise SystemExit(judging.perform(box, patience, as_json=False))


def _first_start(box: Path, site: Path) -> None:
    from appliance.cli import starting

    raise SystemExit(starting.perform(starting.FirstStart(box, site)))


_PLAIN: dict[str, Callable[[BoxPaths], None]] = {
    "serve": _serve,
    "update": _update,
    "volumes": _volumes,
    "screen": _screen,
    "button": _button,
}
