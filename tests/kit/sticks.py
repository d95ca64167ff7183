"""Sticks and ``.kexia`` files for tests, good ones and hostile ones."""

import tarfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path


def write_archive(path: Path, files: Mapping[str, bytes]) -> Path:
    """A ``.kexia`` file as another program makes it: Python's own tarfile, ustar."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, BytesIO(data))
    return path
