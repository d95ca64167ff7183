"""Where ``kexia`` begins: a plain sync and a unit's programme at once, all else by typer."""

import os
import sys
from collections.abc import Callable

from appliance.cli import services, syncing
from appliance.cli.output import fail
from sync.errors import KexiaError

_COMPLETION = "_KEXIA_COMPLETE"
"""Set by a shell that asks how a line could go on."""


def run(whole: Callable[[], None]) -> None:
    """Do what the process's words ask; ``whole`` reads those that are neither.

    Every error of ours becomes one clear line and its exit code.
    """
    words = [] if _COMPLETION in os.environ else sys.argv[1:]
    wish, service = syncing.read_words(words), services.read_words(words)
    with_json = "--json" in sys.argv
    try:
        if wish is not None:
            raise SystemExit(syncing.perform(wish))
        (service or whole)()
    except KexiaError as error:
        fail(error, as_json=with_json)
    except KeyboardInterrupt:
        sys.stderr.write("kexia: interrupted; what was done is kept, run the same command again\n")
        raise SystemExit(130) from None
