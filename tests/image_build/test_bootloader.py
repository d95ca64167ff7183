"""The only bytes set by hand: a PC's first sector told where GRUB lies; and times on the ESP."""

import io
import os
import shutil
import struct
import tarfile
from pathlib import Path

import pytest

from image_build.builder.boards import boards
from image_build.builder.bootloader import (
    Boot,
    chain,
    firmware_in_root,
    make_boot,
    settle_times,
)
from image_build.builder.layout import Identifiers
from image_build.builder.surroundings import Surroundings
from sync.errors import KexiaError
from sync.run import ProgramFailed

FIRST = bytes(512)


def test_the_first_sector_knows_where_grub_lies() -> None:
    first, core = chain(FIRST, b"\1" * 30_000)
    assert struct.unpack_from("<Q", first, 0x5C) == (2048,)
    assert first[0x66:0x68] == b"\x90\x90"
    at, length, segment = struct.unpack_from("<QHH", core, 0x1F4)
    assert (at, length, segment) == (2049, 58, 0x820)
    assert len(core) == 30_000


@pytest.mark.parametrize("sizes", [(511, 1000), (512, 512), (512, (1 << 20) + 1)])
def test_a_grub_of_another_shape_is_refused(sizes: tuple[int, int]) -> None:
    with pytest.raises(KexiaError):
        chain(bytes(sizes[0]), bytes(sizes[1]))


def tar_with(path: Path, *names: str) -> Path:
    """A root with these files."""
    with tarfile.open(path, "w") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(name)
            tar.addfile(member, io.BytesIO(name.encode()))
    return path


def test_what_the_firmware_reads_comes_from_the_root(tmp_path: Path) -> None:
    name = "./usr/lib/linux-image-6.1.0-56-arm64/broadcom/bcm2711-rpi-4-b.dtb"
    tar = tar_with(tmp_path / "root.tar", "./etc/fstab", name)
    firmware_in_root(boards()["pi"], tar, tmp_path / "out")
    assert (tmp_path / "out" / "bcm2711-rpi-4-b.dtb").read_bytes() == name.encode()


def test_a_kernel_that_does_not_know_the_board(tmp_path: Path) -> None:
    tar = tar_with(tmp_path / "root.tar", "./etc/fstab")
    with pytest.raises(KexiaError, match="bcm2711"):
        firmware_in_root(boards()["pi"], tar, tmp_path / "out")


def test_every_file_of_the_esp_has_the_images_time(tmp_path: Path) -> None:
    (tmp_path / "EFI" / "BOOT").mkdir(parents=True)
    (tmp_path / "EFI" / "BOOT" / "BOOTX64.EFI").write_bytes(b"x")
    settle_times(tmp_path, 1_700_000_000)
    found = [tmp_path, *tmp_path.rglob("*")]
    assert {path.stat().st_mtime for path in found} == {1_700_000_000}


def test_the_pi_names_a_file_for_each_step_of_its_start() -> None:
    firmware = boards()["pi"].firmware
    assert "kernel=u-boot.bin" in firmware["config.txt"]
    assert {"bootcode.bin", "start4.elf", "fixup4.dat", "u-boot.bin"} <= firmware.keys()
    assert all(
        source.partition(":")[0] in ("package", "root", "text") for source in firmware.values()
    )
    assert os.sep not in "".join(firmware)


def boot_of(unpacked: Path, folder: Path) -> None:
    """A PC's boot loader from packages taken apart in ``unpacked``."""
    unpacked.mkdir(exist_ok=True)
    folder.mkdir()
    boot = Boot(boards()["amd64"], Identifiers("x", "amd64"), unpacked, unpacked)
    make_boot(boot, folder, Surroundings(dict(os.environ), folder))


def test_grub_is_that_of_the_unpacked_packages_not_this_machines(tmp_path: Path) -> None:
    """Else an image made on Debian 13 would start with another GRUB than one made on 12."""
    with pytest.raises(ProgramFailed):
        boot_of(tmp_path / "none", tmp_path / "a")
    unpacked = tmp_path / "unpacked"
    shutil.copytree("/usr/lib/grub", unpacked / "usr/lib/grub", symlinks=True)
    first = unpacked / "usr/lib/grub/i386-pc/boot.img"
    data = bytearray(first.read_bytes())
    data[0x180] ^= 0xFF
    first.write_bytes(data)
    boot_of(unpacked, tmp_path / "b")
    assert (tmp_path / "b" / "boot.img").read_bytes()[0x180] == data[0x180]
    assert (tmp_path / "b" / "EFI/BOOT/BOOTX64.EFI").read_bytes()[:2] == b"MZ"


def test_every_board_brings_its_grub() -> None:
    for board in boards().values():
        assert any(name.startswith("grub-efi-") for name in board.grub.unpack), board.name
        assert bool(board.grub.bios) == ("grub-pc-bin" in board.grub.unpack)
