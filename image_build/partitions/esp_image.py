"""An image's ESP as a file: taken out, given a site's file and roots, made a part of a card."""

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from image_build.partitions.content import Part
from image_build.partitions.source import BLOCK, Image
from sync.errors import FormatError
from sync.files import disk_errors
from sync.run import run

ESP = "esp"
MAX_ESP = 2**29
_SECONDS = 120.0
_DAY = 1735689600
"""1 January 2025, the day of everything that is put there."""
_ALWAYS = {"SOURCE_DATE_EPOCH": str(_DAY), "TZ": "UTC", "LC_ALL": "C.UTF-8"}


def take_esp(image: Image, path: Path) -> Part:
    """The ESP of an unpacked image, copied to ``path``; raises FormatError."""
    place = image.table.find(ESP)
    if place.size > MAX_ESP:
        raise FormatError("the boot partition is larger than any of ours")
    with disk_errors(path), image.path.open("rb") as source, path.open("wb") as copy:
        source.seek(place.offset)
        left = place.size
        while left and (block := source.read(min(BLOCK, left))):
            copy.write(block)
            left -= len(block)
    if left:
        raise FormatError(f"{image.path.name} is cut off", hint="copy it again")
    return Part(ESP, path, place.size)


def put_files(volume: Path, files: Mapping[str, bytes], *, offset: int = 0) -> None:
    """Write ``files`` (by path on the volume) over what it has; raises ProgramFailed.

    ``offset``: where the volume begins in its file, in bytes. The day leaves no trace, nor does the
    file that mcopy reads: a site's has a pass phrase and a PIN.
    """
    place = f"{volume}@@{offset}"
    environment = {**_ALWAYS, "PATH": os.defpath}
    folders = sorted({name.rpartition("/")[0] for name in files} - {""})
    for folder in folders:
        run(
            ["mmd", "-D", "s", "-i", place, f"::/{folder}"],
            timeout=_SECONDS,
            environment=environment,
            accept=(0, 1),
        )
    with TemporaryDirectory(prefix="kexia-put-", dir=volume.parent) as scratch:
        source = Path(scratch, "file")
        source.touch(mode=0o600)
        for name, data in sorted(files.items()):
            source.write_bytes(data)
            os.utime(source, (_DAY, _DAY))
            run(
                ["mcopy", "-o", "-m", "-i", place, source, f"::/{name}"],
                timeout=_SECONDS,
                environment=environment,
            )
