"""The box's Python packages: wheels for its processor and Python, proved by the lock's hashes."""

import hashlib
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from image_build.builder.boards import Board, Suite
from image_build.builder.lock import Requirement
from image_build.builder.surroundings import Network, Surroundings
from sync.errors import NoSource
from sync.files import make_folder
from sync.run import ProgramFailed, Watching, follow

_DEADLINE = 1800.0
_OLDEST = 5
"""The first manylinux tag by C library: 2.5."""


@dataclass(frozen=True)
class Wheels:
    """Wheels for one Python on one kind of processor, in ``folder``."""

    folder: Path
    suite: Suite
    board: Board
    around: Surroundings

    def fetch(self, wanted: Sequence[Requirement]) -> tuple[Path, ...]:
        """One proved wheel for each, from the cache or by pip.

        Raises NoSource naming what is missing without network, or when pip cannot bring it.
        """
        missing = self._missing(wanted)
        if missing and self.around.network is Network.OFF:
            names = ", ".join(f"{one.name} {one.version}" for one in missing[:5])
            raise NoSource(
                f"--offline, and {self.folder} lacks wheels: {names}",
                hint="build once with network, or: kexia image cache import FILE",
            )
        if missing:
            self._download(missing)
            if lacking := self._missing(missing):
                raise NoSource(f"pip brought no wheel for {lacking[0].name} {lacking[0].version}")
        held = self._held()
        return tuple(held[next(h for h in one.sorted if h in held)] for one in wanted)

    def install(self, wanted: Sequence[Requirement], folder: Path) -> None:
        """Put them into ``folder``, from the cache alone, each proved once more by pip."""
        environment = self.around.for_programs(PIP_CONFIG_FILE="/dev/null", PIP_NO_INPUT="1")
        with self._requirements(wanted) as listed:
            arguments = ("install", "--no-index", "--find-links", str(self.folder))
            options = ("--no-compile", "--target", str(folder), *self._options(listed.name))
            self._pip(environment, *arguments, *options)

    def _download(self, missing: Sequence[Requirement]) -> None:
        make_folder(self.folder)
        self.around.progress.step("wheels", total=len(missing), unit="packages")
        before = len(list(self.folder.glob("*.whl")))

        def tick() -> None:
            nonlocal before
            now = len(list(self.folder.glob("*.whl")))
            self.around.progress.advance(now - before)
            before = now

        environment = self.around.for_programs(
            **{key: each for key, each in self.around.environment.items() if key.startswith("PIP_")}
        )
        try:
            with self._requirements(missing) as listed:
                options = ("--dest", str(self.folder), *self._options(listed.name))
                self._pip(environment, "download", *options, watching=Watching(tick=tick))
        except ProgramFailed as error:
            raise NoSource(
                f"pip did not bring all wheels for {self.board.machine}: {error.fact}",
                hint="check the network, then run the same command again",
            ) from error

    def _missing(self, wanted: Sequence[Requirement]) -> list[Requirement]:
        held = self._held()
        return [one for one in wanted if not one.hashes & held.keys()]

    def _held(self) -> dict[str, Path]:
        """The wheels in the cache by SHA-256."""
        found = {}
        for path in sorted(self.folder.glob("*.whl")):
            with path.open("rb") as file:
                found[hashlib.file_digest(file, "sha256").hexdigest()] = path
        return found

    def _requirements(
        self, wanted: Sequence[Requirement]
    ) -> "tempfile._TemporaryFileWrapper[bytes]":
        file = tempfile.NamedTemporaryFile(suffix=".txt")  # noqa: SIM115 - the caller closes it
        file.write("".join(f"{one.line}\n" for one in wanted).encode())
        file.flush()
        return file

    def _options(self, listed: str) -> list[str]:
        tag = f"cp{self.suite.python.replace('.', '')}"
        glibc = range(self.suite.glibc, _OLDEST - 1, -1)
        platforms = [f"manylinux_2_{minor}_{self.board.machine}" for minor in glibc]
        platforms += [f"manylinux2014_{self.board.machine}", f"linux_{self.board.machine}"]
        if self.board.machine == "x86_64":
            platforms += ["manylinux2010_x86_64", "manylinux1_x86_64"]
        return [
            *(
                "--no-deps",
                "--only-binary=:all:",
                "--require-hashes",
                "--disable-pip-version-check",
            ),
            *("--implementation", "cp", "--python-version", self.suite.python),
            *("--abi", tag, "--abi", "abi3", "--abi", "none"),
            *(word for each in platforms for word in ("--platform", each)),
            *("--requirement", listed),
        ]

    def _pip(
        self, environment: dict[str, str], *arguments: str, watching: Watching | None = None
    ) -> None:
        follow(
            [sys.executable, "-m", "pip", "--quiet", *arguments],
            timeout=_DEADLINE,
            environment=environment,
            watching=watching or Watching(),
        )
