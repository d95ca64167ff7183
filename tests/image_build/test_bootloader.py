"""The only bytes set by hand: a PC's first sector told where GRUB lies; and times on the ESP."""

import io
import os
import struct
import tarfile
from pathlib import Path

import pytest

from image_build.builder.boards import boards
from image_build.builder.bootloader import chain, firmware_in_root, settle_times
from sync.errors import KexiaError

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
