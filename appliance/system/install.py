"""The last step of a system update: what was decided is written to the other slot, and told.

Killed at any instant, the running system is untouched and the state says how far it was.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from appliance.system import history as histories
from appliance.system import rauc
from appliance.system.history import History, Outcome, Running
from catalog.system import System
from sync.errors import FormatError, KexiaError, MediumFailing, ProofFailed, TrustRefused
from sync.files import (
    disk_errors,
    make_folder,
    open_regular,
    partial_of,
    read_bounded,
    write_durably,
)
from sync.progress import Progress

FOLDER = Path("/data/system")
CONFIGURATION = Path("/etc/rauc/system.conf")
_BLOCK = 2**20


@dataclass(frozen=True, slots=True)
class Doors:
    """What touches the machine."""

    judge: Callable[[Path], rauc.Bundle] = lambda bundle: rauc.judge_bundle(bundle, CONFIGURATION)
    install: Callable[[Path], None] = rauc.install


@dataclass(frozen=True, slots=True)
class Desk:
    """Where the state lies, and what acts."""

    folder: Path = FOLDER
    doors: Doors = field(default_factory=Doors)

    @property
    def state(self) -> Path:
        """What this box did with updates."""
        return self.folder / "update.json"

    @property
    def copy(self) -> Path:
        """The bundle as rauc reads it: only root can change it."""
        return self.folder / "update.raucb"

    def left_over(self) -> int:
        """Bytes of what a power cut left of a copy; the next copy takes their place."""
        found = [path.lstat() for path in (self.copy, partial_of(self.copy)) if path.is_file()]
        return sum(status.st_blocks * 512 for status in found)

    def read(self) -> History:
        """What is known; a state that cannot be read counts as none: the rest is in the image."""
        try:
            return histories.decode(read_bounded(self.state, histories.MAX_SIZE + 1))
        except (FileNotFoundError, FormatError):
            return History()

    def write(self, history: History) -> None:
        """Keep it durably, if it is new."""
        data = histories.encode(history)
        if not self.state.is_file() or self.state.read_bytes() != data:
            write_durably(self.state, data)

    def settle(self, running: Running, at: str) -> History:
        """What is known after this start."""
        before = self.read()
        after = histories.settle(before, running, at)
        if after != before:
            self.write(after)
        if after.pending is None:
            self.copy.unlink(missing_ok=True)
        return after

    def install(
        self, system: System, bundle: Path, running: Running, at: str, progress: Progress
    ) -> History:
        """Copy, judge, install; raises TrustRefused, InstallFailed, NoRoom, MediumFailing.

        The copy is root's alone and proved on the way, so what rauc reads is what was signed. A
        bundle that rauc refuses is remembered, so that it is not copied again every night.
        """
        progress.step("copying the system update", total=system.size)
        make_folder(self.folder)
        self.copy.unlink(missing_ok=True)
        write_durably(self.copy, _proved(bundle, system, progress), mode=0o600)
        history = histories.begun(self.read(), system, running)
        self.write(history)
        try:
            self._judge(system)
            progress.step("writing the other slot")
            self.doors.install(self.copy)
        except TrustRefused:
            self.write(histories.ended(history, Outcome.REFUSED, running.version, at))
            raise
        except KexiaError as error:
            exhausted = history.pending and history.pending.tries >= histories.MOST_TRIES
            if exhausted and not isinstance(error, MediumFailing):
                self.write(histories.ended(history, Outcome.NOT_INSTALLED, running.version, at))
            raise
        finally:
            self.copy.unlink(missing_ok=True)
        history = histories.installed(history)
        self.write(history)
        return history

    def _judge(self, system: System) -> None:
        said = self.doors.judge(self.copy)
        if (said.compatible, said.version) != (system.compatible, system.version):
            raise TrustRefused(
                f"the bundle says {said.compatible} {said.version}, its collection "
                f"{system.compatible} {system.version}",
                hint="the publisher has to publish it again",
            )


def _proved(bundle: Path, system: System, progress: Progress) -> Iterator[bytes]:
    """The bundle's blocks; raises ProofFailed at the end if they were not those that were signed.

    Only then does the copy get its name.
    """
    proof, left = hashlib.sha256(), system.size
    with disk_errors(bundle), open_regular(bundle) as file:
        while left and (block := file.read(min(_BLOCK, left))):
            proof.update(block)
            left -= len(block)
            progress.advance(len(block))
            yield block
        left += len(file.read(1))
    if left or proof.hexdigest() != system.bundle:
        raise ProofFailed(
            f"{bundle.name}: not the bundle that is signed",
            hint="give the very file that was published; of the box's own, scrub mends it",
        )
