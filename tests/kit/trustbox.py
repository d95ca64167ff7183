"""A box as far as trust goes: refreshes in a scratch copy and keeps it only if that went well."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sync.transport.base import Transport
from sync.transport.volume import VolumeTransport
from sync.trust import DemoKeys, Root, TrustClock, Trusted, load, parse_root, refresh
from tests.kit.tufrepo import NOW

BUILT = NOW - timedelta(days=30)
"""Build time of the box's software."""


def at(wall: datetime = NOW, *, floor: datetime = BUILT) -> TrustClock:
    """A clock somebody set."""
    return TrustClock(wall, wall_is_set=True, floor=floor)


def unset(year: int) -> TrustClock:
    """A clock nobody set."""
    return TrustClock(datetime(year, 1, 1, tzinfo=UTC), wall_is_set=False, floor=BUILT)


class TrustBox:
    """Follows one publisher from its first root."""

    def __init__(
        self, folder: Path, first_root: bytes, *, demo: DemoKeys = DemoKeys.REFUSE
    ) -> None:
        self.folder = folder
        self.root: Root = parse_root(first_root)
        self.demo = demo

    def refresh(self, source: Transport | Path, clock: TrustClock | None = None) -> Trusted:
        scratch = self.folder.with_name(f"{self.folder.name}.scratch")
        shutil.rmtree(scratch, ignore_errors=True)
        if self.folder.exists():
            shutil.copytree(self.folder, scratch)
        transport = VolumeTransport(source) if isinstance(source, Path) else source
        trusted = refresh(transport, scratch, root=self.root, clock=clock or at(), demo=self.demo)
        shutil.rmtree(self.folder, ignore_errors=True)
        scratch.rename(self.folder)
        return trusted

    def load(self, clock: TrustClock | None = None) -> Trusted:
        return load(self.folder, root=self.root, clock=clock or at(), demo=self.demo)

    def files(self) -> dict[str, bytes]:
        """Every file of the trust state."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in sorted(self.folder.rglob("*"))
            if path.is_file()
        }
