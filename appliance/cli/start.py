"""Where ``kexia`` begins: a plain sync at once, everything else by the whole command line."""

import os
import sys
from collections.abc import Callable

from appliance.cli import syncing
from appliance.cli.output import fail
from sync.errors import KexiaError

_COMPLETION = "_KEXIA_COMPLETE"
"""Set by a shell that asks how a line could go on."""


def run(whole: Callable[[], None]) -> None:
    """Do what the process's words ask; ``whole`` reads those that are no plain sync.

    Every error of ours becomes one clear line and its exit code.
    """
    wish = None if _COMPLETION in os.environ else syncing.read_words(sys.argv[1:])
    with_json = "--json" in sys.argv
    try:
        if wish is None:
            whole()
        else:
            raise SystemExit(syncing.perform(wish))
    except KexiaError as error:
        fail(error, as_json=with_json)
    except KeyboardInterrupt:
        sys.stderr.write("kexia: interrupted; what was done is kept, run the same command again\n")
        raise SystemExit(130) from None
