"""Was the stick ejected? The flag that a computer leaves on a file system it has open. Pure.

Sources: Microsoft's FAT32 specification (ClnShutBitMask) and exFAT specification (VolumeFlags), the
kernel's ``fs/fat`` (the boot sector's state byte) and ``Documentation/filesystems/ext4``.
"""

HEAD = 4096
"""Bytes from the beginning of the device that ``is_clean`` wants."""
_FAT_ENTRY = 8


def second_entry(fs_type: str, head: bytes) -> int | None:
    """Where a FAT keeps the flag that Windows sets, in bytes from the beginning; None: nowhere."""
    if fs_type != "vfat" or len(head) < HEAD:
        return None
    sector, reserved = int.from_bytes(head[11:13], "little"), int.from_bytes(head[14:16], "little")
    if sector not in (512, 1024, 2048, 4096) or not reserved:
        return None
    return sector * reserved


def is_clean(fs_type: str, head: bytes, entries: bytes = b"") -> bool:
    """True if nobody had it open when it was pulled; what is not understood is not clean.

    ``entries``: the 8 bytes at ``second_entry``, the FAT's first two entries.
    """
    if len(head) < HEAD:
        return False
    if fs_type == "vfat":
        return _is_clean_fat(head, entries)
    if fs_type == "exfat":
        return not int.from_bytes(head[106:108], "little") & 0b110
    if fs_type == "ext4":
        state = int.from_bytes(head[1024 + 58 : 1024 + 60], "little")
        incompatible = int.from_bytes(head[1024 + 96 : 1024 + 100], "little")
        return bool(state & 1) and not state & 2 and not incompatible & 4
    return False


def _is_clean_fat(head: bytes, entries: bytes) -> bool:
    is_fat32 = not int.from_bytes(head[22:24], "little")
    if head[0x41 if is_fat32 else 0x25] & 0b11:
        return False
    if len(entries) < _FAT_ENTRY:
        return False
    if is_fat32:
        return int.from_bytes(entries[4:8], "little") & 0x0C000000 == 0x0C000000
    if head[54:62].rstrip() == b"FAT12":
        return True  # FAT12 has no such flag
    return int.from_bytes(entries[2:4], "little") & 0xC000 == 0xC000
