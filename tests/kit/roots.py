"""A small root of a box as squashfs: dpkg's status, copyright files, wheels' metadata."""

import io
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

STATUS = """\
Package: base-files
Status: install ok installed
Maintainer: Santiago Vila <sanvila@debian.org>
Architecture: amd64
Version: 12.4+deb12u12
Description: Debian base system miscellaneous files
 License: nobody's (a line of the description)

Package: libzstd1
Status: install ok installed
Architecture: amd64
Multi-Arch: same
Source: libzstd
Version: 1.5.4+dfsg2-5

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1.0

Package: libc6
Status: install ok installed
Architecture: amd64
Source: glibc (2.36-9)
Version: 2.36-9+deb12u13

Package: python3-minimal
Status: install ok installed
Architecture: amd64
Version: 3.11.2-1+b1
"""
DEP5 = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2016 Facebook
License: BSD-3-clause or GPL-2

Files: debian/*
License: Expat

License: Expat
 Permission is hereby granted
"""
PLAIN = b"On Debian systems the text is in /usr/share/common-licenses/GPL-2.\n"
AIOHTTP = """\
Metadata-Version: 2.4
Name: aiohttp
Version: 3.14.0
License-Expression: Apache-2.0 AND MIT

# Hello
License: not this one
"""
WHOOSH = """\
Metadata-Version: 2.1
Name: Whoosh
Version: 2.7.4
License: Two-clause BSD license
Classifier: License :: OSI Approved :: BSD License
"""
FILES: dict[str, bytes] = {
    "var/lib/dpkg/status": STATUS.encode(),
    "usr/share/doc/base-files/copyright": PLAIN,
    "usr/share/doc/libzstd1/copyright": DEP5.encode(),
    "usr/share/doc/libc6/copyright": b"GNU libc, all rights as in many files\n",
    "usr/lib/kexia/aiohttp-3.14.0.dist-info/METADATA": AIOHTTP.encode(),
    "usr/lib/kexia/Whoosh-2.7.4.dist-info/METADATA": WHOOSH.encode(),
    "usr/lib/kexia/aiohttp/__init__.py": b"",
}
LINKS = {"usr/share/doc/python3-minimal": "base-files"}


def make_root(path: Path, more: Mapping[str, bytes] | None = None) -> Path:
    """The squashfs ``path``; with ``more`` files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in {**FILES, **(more or {})}.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for name, target in LINKS.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    command = ["tar2sqfs", "-q", "-c", "gzip", str(path)]
    subprocess.run(command, input=packed.getvalue(), check=True, capture_output=True)
    return path
