"""``kexia demo``: the whole way on one machine, for whoever wants to see it first.

The demo is imported when it runs: every other command starts without it.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from appliance.cli.console import EXIT_CODES, say


def demo_command(
    once: Annotated[
        bool, typer.Option("--once", help="Check the served pages, print the figures, stop.")
    ] = False,
    port: Annotated[int, typer.Option(help="Port of the pages; 0 takes a free one.")] = 8080,
    folder: Annotated[
        Path | None, typer.Option(help="Where to work; a temporary folder when not given.")
    ] = None,
) -> None:
    """Publish the sample library, sync a box from it, serve it, publish an update, sync it."""
    from appliance.demo.demo import as_json, demo

    work = folder or Path(tempfile.mkdtemp(prefix="kexia-demo-"))
    began = float(os.environ.get("KEXIA_DEMO_BEGAN") or time.time())
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        if once:
            say(as_json(demo(work, port=0, began=began, say=_aside)))
        else:
            _serve(work, port=port, began=began)
    finally:
        if folder is None:
            shutil.rmtree(work, ignore_errors=True)


demo_command.__doc__ = f"{demo_command.__doc__}\n\n{EXIT_CODES}"


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt  # so that what the demo started ends with it


def _aside(text: str) -> None:
    sys.stderr.write(text + "\n")


def _serve(work: Path, *, port: int, began: float) -> None:
    from appliance.demo.demo import serving_demo

    with serving_demo(work, port=port, say=say) as box:
        say(f"\n课匣 is served at {box.url} ({time.time() - began:.0f} s after the start)")
        box.update()
        say(f"\nOpen {box.url} — Ctrl-C ends the demo.")
        box.wait()
