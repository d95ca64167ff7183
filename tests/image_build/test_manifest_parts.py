"""The manifest's formats: golden files, and readers of what others wrote."""

from pathlib import Path

import pytest

from image_build.manifest import card, checksums
from image_build.manifest.licences import licences, listed
from image_build.manifest.packages import Package, debian, wheel
from image_build.manifest.sbom import About, sbom
from sync.digest import sha256
from sync.errors import FormatError
from tests.kit.roots import DEP5, STATUS

GOLDEN = Path(__file__).parents[1] / "golden" / "manifest-1"
PACKAGES = (
    Package("deb", "libzstd1", "1.5.4+dfsg2-5", "amd64", "libzstd", ("BSD-3-clause", "GPL-2")),
    Package("deb", "tzdata", "2025b-0+deb12u2", "all"),
    Package("pypi", "aiohttp", "3.14.0", licences=("Apache-2.0",)),
)
ABOUT = About("kexia-amd64", "2026.11.25.1", "2026-11-25T00:00:00Z", "bookworm", sha256(b"a root"))
CARD = card.Card(
    version="2026.11.25.1",
    places=(card.Place("esp", 2**20, 2**25), card.Place("rootA", 2**26, 2**29)),
    root=sha256(b"a root"),
    root_size=6,
    boot_code=sha256(bytes(440)),
    bios_boot="",
    esp={"EFI/BOOT/BOOTX64.EFI": sha256(b"MZ"), "grub/grub.cfg": sha256(b"set")},
)
SUMS = {"card.json": sha256(b"card"), "a.img.xz": sha256(b"image")}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("sbom.cdx.json", sbom(ABOUT, PACKAGES)),
        ("licences.txt", listed(PACKAGES)),
        ("card.json", card.encode(CARD)),
        ("SHA256SUMS", checksums.encode(SUMS)),
    ],
)
def test_golden_files(name: str, data: bytes) -> None:
    assert data == (GOLDEN / name).read_bytes()


def test_golden_files_are_read() -> None:
    assert card.decode((GOLDEN / "card.json").read_bytes()) == CARD
    assert checksums.decode((GOLDEN / "SHA256SUMS").read_bytes()) == SUMS


def test_dpkg_status() -> None:
    names = [one.line for one in debian(STATUS.encode())]
    assert names == [
        "base-files 12.4+deb12u12 amd64",
        "libc6 2.36-9+deb12u13 amd64",
        "libzstd1 1.5.4+dfsg2-5 amd64",
        "python3-minimal 3.11.2-1+b1 amd64",
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"Package: a\n",
        b"Status: install ok installed\nPackage: ../a\nVersion: 1\nArchitecture: all\n",
        b"Status: install ok installed\nPackage: a\nVersion:\nArchitecture: all\n",
    ],
)
def test_no_dpkg_status(wrong: bytes) -> None:
    with pytest.raises(FormatError):
        debian(wrong)


def test_licences_of_papers() -> None:
    assert licences(DEP5.encode()) == ("BSD-3-clause or GPL-2", "Expat")
    assert licences(DEP5.replace("\n", "\r\n").encode()) == ("BSD-3-clause or GPL-2", "Expat")
    assert licences(b"see /usr/share/common-licenses/LGPL-2.1. And GPL.") == ("LGPL-2.1",)
    assert licences(b"") == licences(b"License: not DEP-5\n") == ()


def test_wheels() -> None:
    told = wheel(b"Name: Foo_Bar.baz\nVersion: 1!2.0+x\nLicense: MIT\n\nLicense: GPL\n")
    assert (told.name, told.version, told.licences) == ("foo-bar-baz", "1!2.0+x", ("MIT",))
    assert wheel(b"Name: a\nVersion: 1\nLicense: " + b"x" * 99 + b"\n").licences == ()
    with pytest.raises(FormatError):
        wheel(b"Name: a b\nVersion: 1\n")
