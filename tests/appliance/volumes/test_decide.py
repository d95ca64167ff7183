"""What is done with a device: a table of everything people plug in."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config import Volumes
from appliance.sticks import Word
from appliance.volumes.decide import MAX_PARTITIONS, Decision, Ignore, Open, Refuse, decide
from appliance.volumes.device import Device, readable

TYPES = Volumes().types
DISK = Device("sdb", "/dev/sdb", "sdb", "usb", is_removable=True, size=2**34)
PART = replace(DISK, name="sdb1", node="/dev/sdb1", partitions=1)


def decided(device: Device, *types: str) -> Decision:
    return decide(device, types or TYPES, frozenset({"sda"}))


@pytest.mark.parametrize("device", [DISK, PART])
@pytest.mark.parametrize(("fs_type", "special"), [("vfat", "utf8"), ("exfat", "iocharset=utf8")])
def test_what_every_computer_writes_is_opened(device: Device, fs_type: str, special: str) -> None:
    """On a partition, or on the whole stick without a table."""
    decision = decided(replace(device, fs_type=fs_type))
    assert isinstance(decision, Open)
    assert decision.fs_type == fs_type
    assert {"ro", "nosuid", "nodev", "noexec", special} <= set(decision.options)


@pytest.mark.parametrize(
    ("fs_type", "word"),
    [
        ("BitLocker", Word.BITLOCKER),
        ("crypto_LUKS", Word.ENCRYPTED),
        ("ntfs", Word.NTFS),
        ("ext4", Word.EXT4),
        ("ext2", Word.EXT4),
        ("iso9660", Word.UNKNOWN_TYPE),
        ("btrfs", Word.UNKNOWN_TYPE),
        ("LVM2_member", Word.UNKNOWN_TYPE),
        ("", Word.NO_FILE_SYSTEM),
    ],
)
def test_each_refusal_has_its_own_word(fs_type: str, word: Word) -> None:
    decision = decided(replace(PART, fs_type=fs_type))
    assert isinstance(decision, Refuse)
    assert decision.word is word
    assert decision.detail


def test_a_disk_without_anything_and_a_table_without_parts() -> None:
    nothing, table = decided(DISK), decided(replace(DISK, table="dos"))
    assert isinstance(nothing, Refuse)
    assert nothing.word is Word.NO_TABLE
    assert isinstance(table, Refuse)
    assert table.word is Word.NO_FILE_SYSTEM


def test_by_configuration_ext4_without_its_journal_and_ntfs() -> None:
    ext4 = decided(replace(PART, fs_type="ext3"), "ext4", "ntfs3")
    assert isinstance(ext4, Open)
    assert ext4.fs_type == "ext4"
    assert {"ro", "noload"} <= set(ext4.options)
    assert {"rw", "nosuid", "nodev", "noexec"} <= set(ext4.for_writing.options)
    assert not {"ro", "noload"} & set(ext4.for_writing.options)
    ntfs = decided(replace(PART, fs_type="ntfs"), "ntfs3")
    assert isinstance(ntfs, Open)
    assert ntfs.fs_type == "ntfs3"
    assert isinstance(decided(replace(PART, fs_type="vfat"), "ext4"), Refuse)


@pytest.mark.parametrize(
    "device",
    [
        replace(PART, disk="sda", name="sda1", fs_type="vfat"),
        replace(PART, bus="ata", is_removable=False, fs_type="vfat"),
        replace(PART, bus="emmc", is_removable=False, fs_type="vfat"),
        replace(PART, bus="", is_removable=False, fs_type="vfat"),
        replace(DISK, size=0),
        replace(DISK, name="sr0", disk="sr0", fs_type="iso9660"),
        replace(DISK, table="gpt", partitions=2),
        replace(PART, partitions=MAX_PARTITIONS + 1, fs_type="vfat"),
    ],
)
def test_what_is_none_of_our_business_is_left_alone(device: Device) -> None:
    assert isinstance(decided(device), Ignore)


def test_a_card_and_a_usb_disk_count_as_sticks() -> None:
    for bus in ("usb", "mmc"):
        device = replace(PART, bus=bus, is_removable=False, fs_type="exfat")
        assert isinstance(decided(device), Open)


def test_too_many_partitions_are_said_once() -> None:
    decision = decided(replace(DISK, table="gpt", partitions=200))
    assert isinstance(decision, Refuse)
    assert decision.word is Word.TOO_MANY_PARTITIONS


def test_several_sticks_are_decided_alike_whatever_they_hold() -> None:
    assert isinstance(decided(replace(DISK, fs_type="vfat", table="dos")), Open)


@given(st.text(max_size=80))
def test_any_label_is_fit_to_be_shown(encoded: str) -> None:
    text = readable(encoded)
    assert len(text) <= 40
    assert text.isprintable()
    text.encode()


@given(st.binary(max_size=40))
def test_any_bytes_are_a_label(raw: bytes) -> None:
    text = readable("".join(f"\\x{byte:02x}" for byte in raw))
    assert text.isprintable()
    text.encode()


def test_a_label_ends_where_the_bytes_do() -> None:
    assert readable(r"\xbd\xcc\xd1\xa7U\xc5\xcc\x20\x20") == "教学U盘"
    assert readable(r"NO\x20NAME\x00\x00junk") == "NO NAME"
    assert readable("\u202eevil") == "evil"
