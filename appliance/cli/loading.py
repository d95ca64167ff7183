"""Between a programme's words and its work: its modules are loaded, without looking for garbage."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Modules are loaded in the block: nothing of theirs is garbage, now or later.

    It would be looked for again and again, each time among more objects.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
