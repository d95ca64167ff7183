"""The flag of a file system that was not ejected, on real file systems made by their own tools."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.volumes.soundness import HEAD, is_clean, second_entry
from tests.kit.media import Image, make


def clean(image: Image) -> bool:
    with image.path.open("rb") as file:
        head = file.read(HEAD)
        place = second_entry(image.fs_type, head)
        if place is None:
            return is_clean(image.fs_type, head)
        file.seek(place)
        return is_clean(image.fs_type, head, file.read(8))


def flip(path: Path, offset: int, mask: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        [byte] = file.read(1)
        file.seek(offset)
        file.write(bytes([byte ^ mask]))


@pytest.mark.parametrize("kind", ["fat12", "fat16", "fat32", "exfat", "ext4"])
def test_a_new_file_system_is_clean(tmp_path: Path, kind: str) -> None:
    assert clean(make(tmp_path / "stick.img", kind))


def test_the_flag_the_kernel_leaves_in_a_fat(tmp_path: Path) -> None:
    for kind, offset in (("fat32", 0x41), ("fat16", 0x25)):
        image = make(tmp_path / f"{kind}.img", kind)
        flip(image.path, offset, 1)
        assert not clean(image)


def test_the_flag_windows_leaves_in_a_fat(tmp_path: Path) -> None:
    for kind, byte, mask in (("fat32", 7, 0x08), ("fat16", 3, 0x80)):
        image = make(tmp_path / f"{kind}.img", kind)
        place = second_entry("vfat", image.path.read_bytes()[:HEAD])
        assert place is not None
        flip(image.path, place + byte, mask)
        assert not clean(image)
        if kind == "fat32":  # its own tool says the same
            done = subprocess.run(["fsck.fat", "-n", image.path], capture_output=True, check=False)
            assert b"Dirty bit" in done.stdout


def test_the_flags_of_exfat_and_ext4(tmp_path: Path) -> None:
    exfat = make(tmp_path / "exfat.img", "exfat")
    flip(exfat.path, 106, 2)
    assert not clean(exfat)
    for offset, mask in ((1024 + 58, 1), (1024 + 58, 2), (1024 + 96, 4)):
        ext4 = make(tmp_path / "ext4.img", "ext4")
        flip(ext4.path, offset, mask)
        assert not clean(ext4)


def test_what_is_not_known_is_not_clean() -> None:
    for fs_type in ("ntfs3", "btrfs", ""):
        assert not is_clean(fs_type, bytes(HEAD))
    assert not is_clean("vfat", bytes(HEAD))
    assert not is_clean("exfat", b"short")


@given(st.sampled_from(["vfat", "exfat", "ext4"]), st.binary(max_size=HEAD), st.binary(max_size=9))
def test_anything_is_looked_at_without_a_fault(fs_type: str, head: bytes, entries: bytes) -> None:
    padded = head + bytes(HEAD - len(head))
    place = second_entry(fs_type, padded)
    assert place is None or 0 < place < 2**29
    is_clean(fs_type, padded, entries)
