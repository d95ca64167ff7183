"""Templates → bytecode in the image, so that no box compiles them before its first page.

Written where the image is built, with the box's own Python (``render.compile_templates``). Where it
does not fit the template's source, or is not there, as on a desk, the template is compiled where
it is served; nothing is written there.
"""

from contextlib import suppress
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket

FOLDER = Path(__file__).with_name("__pycache__")


class Compiled(jinja2.BytecodeCache):
    """Reads what an image's build left in ``folder``."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder

    def load_bytecode(self, bucket: Bucket) -> None:
        """Jinja itself asks whether it fits this Python, its own version and the source."""
        with suppress(FileNotFoundError), self._path(bucket).open("rb") as file:
            bucket.load_bytecode(file)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Nothing: pages are served from a root that nobody writes."""

    def _path(self, bucket: Bucket) -> Path:
        return self._folder / f"template-{bucket.key}.pyc"


class Compiling(Compiled):
    """Keeps what was compiled."""

    def dump_bytecode(self, bucket: Bucket) -> None:
        """A file for each template, called as Jinja calls it."""
        self._path(bucket).parent.mkdir(exist_ok=True)
        with self._path(bucket).open("wb") as file:
            bucket.write_bytecode(file)
