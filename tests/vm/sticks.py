"""Sticks for a guest: image files with a real province's lessons on each file system.

exFAT has no tool that fills an image, so the guest itself copies the lessons onto a new one.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from random import Random

from sync.stick import back
from tests.kit.laid import lay_stick
from tests.kit.media import make, run
from tests.kit.province import Province
from tests.vm.guest import Guest

COLLECTION = "43/a"
MIB = 2**20


@dataclass(frozen=True)
class Lessons:
    """What a province publishes for these tests: some text, a few films."""

    province: Province
    content: dict[str, bytes]

    @classmethod
    def publish(cls, folder: Path, *, films: int, mib: int) -> "Lessons":
        return cls.of(Province.create(folder), COLLECTION, films=films, mib=mib)

    @classmethod
    def of(
        cls, province: Province, collection: str, *, films: int, mib: int, seed: int = 7
    ) -> "Lessons":
        """A collection of a province that is there."""
        rng = Random(seed)
        content = {f"l{number}.mp4": rng.randbytes(mib * MIB) for number in range(films)}
        content |= {f"t{number}.html": rng.randbytes(20_000) for number in range(8)}
        province.publish({collection: content})
        return cls(province, content)

    def lay(self, folder: Path, *, expecting: str = "") -> Path:
        """As a stick's folder; with a file for the way back of the box ``expecting``."""
        lay_stick(folder, self.province.repository, self.content.values())
        if expecting:
            own = folder / "KEXIA" / "back" / expecting
            own.mkdir(parents=True)
            (own / "back.kxb").write_bytes(bytes(256 * 1024))
        return folder


def exfat(guest: Guest, lessons: Path, path: Path, *, mib: int = 64) -> Path:
    """An exFAT image with a copy of ``lessons``, made by the guest from a FAT stick."""
    source = make(path.with_suffix(".fat"), "fat32", files=lessons, mib=mib)
    target = make(path, "exfat", mib=mib)
    guest.machine.plug("source", source.path)
    guest.machine.plug("target", target.path)
    script = """
        set -e
        for disk in /sys/block/sd?; do name=${disk##*/}
          for _ in $(seq 200); do [ -e /dev/$name ] && break; sleep 0.1; done; done
        fat=$(blkid -t TYPE=vfat -o device); exfat=$(blkid -t TYPE=exfat -o device)
        mkdir -p /tmp/a /tmp/b; mount -o ro $fat /tmp/a; mount $exfat /tmp/b
        cp -r /tmp/a/KEXIA /tmp/b/; sync; umount /tmp/a /tmp/b
    """
    guest.until(lambda: guest.run("sh", "-c", "ls /sys/block").count("sd") == 2, "two disks")
    guest.run("udevadm", "settle")
    guest.run("sh", "-c", script)
    for name in ("source", "target"):
        guest.machine.unplug(name)
    source.path.unlink()
    return target.path


def papers(image: Path, box: str) -> int:
    """How many papers the file for ``box`` holds, read from the FAT image as the county would."""
    folder = image.parent / "read"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    run("mcopy", "-n", "-i", str(image), f"::/KEXIA/back/{box}/back.kxb", str(folder))
    data = (folder / "back.kxb").read_bytes()
    halves = back.whole_halves(lambda start, size: data[start : start + size], len(data))
    return len(back.unpack(halves[0].papers)) if halves else 0
