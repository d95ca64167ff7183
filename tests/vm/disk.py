"""An image as a card in a file: its partitions, and what GRUB keeps on the EFI partition.

disk = Disk.of(image, folder)               # a sparse copy on a larger card
disk.set_grub(EXTRA="…")                    # before it starts
"""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Disk:
    """A copy of an image that may be written to."""

    path: Path
    arch: str = "amd64"

    @classmethod
    def of(cls, image: Path, folder: Path, *, arch: str = "amd64", mib: int = 2048) -> "Disk":
        """A sparse copy, on a card of ``mib``."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "disk.img"
        subprocess.run(["cp", "--sparse=always", image, path], check=True)
        os.truncate(path, max(mib << 20, image.stat().st_size))
        return cls(path, arch)

    def copy(self, folder: Path) -> "Disk":
        """The same once more, in another folder; what was never written takes no room."""
        path = folder / self.path.name
        subprocess.run(["cp", "--sparse=always", self.path, path], check=True)
        return Disk(path, self.arch)

    def partition(self, name: str) -> tuple[int, int]:
        """Where a partition begins and how long it is, in bytes, as the GPT says."""
        return self.partitions()[name]

    def partitions(self) -> dict[str, tuple[int, int]]:
        """The same of all that have a name."""
        told = subprocess.run(["sfdisk", "-J", self.path], check=True, capture_output=True)
        parts = json.loads(told.stdout)["partitiontable"]["partitions"]
        named = (part for part in parts if "name" in part)
        return {part["name"]: (part["start"] * 512, part["size"] * 512) for part in named}

    def overwrite(self, name: str, data: bytes, at: int = 0) -> None:
        """Write ``data`` into a partition, ``at`` bytes from its beginning."""
        start, size = self.partition(name)
        assert at + len(data) <= size
        with self.path.open("r+b") as file:
            file.seek(start + at)
            file.write(data)

    def read(self, name: str) -> bytes:
        """All bytes of a partition."""
        start, size = self.partition(name)
        with self.path.open("rb") as file:
            file.seek(start)
            return file.read(size)

    def read_esp(self, name: str) -> bytes:
        """A file of the EFI partition."""
        return self._mtools("mtype", self._drive(), f"::/{name}")

    def write_esp(self, name: str, data: bytes) -> None:
        """Make or replace a file of the EFI partition."""
        scratch = self.path.with_suffix(".file")
        scratch.write_bytes(data)
        self._mtools("mcopy", "-o", "-i", self._drive(), str(scratch), f"::/{name}")

    def remove_esp(self, name: str) -> None:
        """Remove a file of the EFI partition."""
        self._mtools("mdel", "-i", self._drive(), f"::/{name}")

    def set_grub(self, **values: str) -> None:
        """Set variables of GRUB's environment, as RAUC does it."""
        scratch = self.path.with_suffix(".grubenv")
        scratch.write_bytes(self.read_esp("grub/grubenv"))
        words = [f"{name}={value}" for name, value in values.items()]
        subprocess.run(["grub-editenv", scratch, "set", *words], check=True)
        self.write_esp("grub/grubenv", scratch.read_bytes())

    def grub(self, file: str = "grubenv") -> dict[str, str]:
        """Variables of GRUB's environment."""
        lines = self.read_esp(f"grub/{file}").decode("ascii", "replace").splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")

    def _drive(self) -> str:
        return f"{self.path}@@{self.partition('esp')[0]}"

    def _mtools(self, program: str, *arguments: str) -> bytes:
        if program == "mtype":
            arguments = ("-i", *arguments)
        environment = {**os.environ, "MTOOLS_SKIP_CHECK": "1"}
        done = subprocess.run(
            [program, *arguments], capture_output=True, env=environment, check=False
        )
        assert done.returncode == 0, f"{program}: {done.stderr.decode(errors='replace')}"
        return done.stdout
