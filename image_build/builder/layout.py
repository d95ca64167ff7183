"""The layout of an image: partitions, fixed identifiers, genimage's configuration. Pure."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from image_build.builder.boards import Board

MIB = 1 << 20
FIRST = 1
"""MiB before the first partition: the table, and GRUB's first sector on a PC."""
BIOS_BOOT = "21686148-6449-6e6f-744e-656564454649"
ESP = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
LINUX = "0fc63daf-8483-4772-8e79-3d69d8477de4"
_NAMESPACE = uuid.UUID("6b657869-6120-4a6d-8167-6520312e3000")
ESP_LABEL = "KEXIA"
DATA_LABEL = "data"
BLOCK = 4096
"""Bytes of a block of data: what mke2fs takes for one so small (1024) would stay for ever."""


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition, in MiB from the beginning of the image."""

    name: str
    number: int
    """As GPT, GRUB (``gpt3``) and the kernel count, from 1."""
    kind: str
    """UUID of its type."""
    identifier: str
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Identifiers:
    """What would be drawn by chance elsewhere: the same for every build of the same image name."""

    name: str
    board: str

    def identifier(self, what: str) -> str:
        """A UUID that stands for ``what`` (version 5, by name: RFC 9562)."""
        return str(uuid.uuid5(_NAMESPACE, f"{self.name}/{self.board}/{what}"))

    @property
    def fat(self) -> str:
        """The ESP's volume id: 8 hexadecimal digits."""
        return self.identifier("fat")[:8].upper()


def partitions(board: Board, identifiers: Identifiers) -> tuple[Partition, ...]:
    """The partitions of ``board`` in their order on the disk."""
    sizes = board.partitions
    wanted = [
        *([("biosboot", BIOS_BOOT, 1)] if board.grub.bios else []),
        ("esp", ESP, sizes.esp),
        ("rootA", board.slot_type, sizes.slot),
        ("rootB", board.slot_type, sizes.slot),
        ("data", LINUX, sizes.data),
    ]
    found, offset = [], FIRST
    for number, (name, kind, size) in enumerate(wanted, start=1):
        one = Partition(name, number, kind, identifiers.identifier(name), offset, size)
        found.append(one)
        offset += size
    return tuple(found)


def grub_settings(board: Board, parts: tuple[Partition, ...]) -> str:
    """What ``grub.cfg`` must know of the board: its slots' numbers, its console."""
    numbers = {part.name: part.number for part in parts}
    return (
        f"set PARTA=gpt{numbers['rootA']}; set PARTB=gpt{numbers['rootB']}; "
        f"set CONSOLE={board.console}\n"
    )


_CONTENT = {
    "biosboot": "core.img",
    "esp": "esp.vfat",
    "rootA": "root.squashfs",
    "data": "data.ext4",
}


def genimage_config(
    board: Board, identifiers: Identifiers, esp_names: tuple[str, ...], epoch: int
) -> str:
    """Genimage's configuration for ``disk.img``; ``esp_names`` are what lies on top of the ESP."""
    parts = partitions(board, identifiers)
    table = "".join(_partition(part) for part in parts)
    return f"""{_file_systems(board, identifiers, esp_names, epoch)}image disk.img {{
	hdimage {{
		partition-table-type = "gpt"
		disk-uuid = "{identifiers.identifier("disk")}"
		align = 1M
	}}
{_first_sector(board)}{table}}}
"""


def _file_systems(
    board: Board, identifiers: Identifiers, esp_names: tuple[str, ...], epoch: int
) -> str:
    names = ", ".join(f'"{name}"' for name in sorted(esp_names))
    stamp = datetime.fromtimestamp(epoch, UTC).strftime("%Y%m%d%H%M%S")
    seed = identifiers.identifier("directories")
    return f"""image esp.vfat {{
	size = {board.partitions.esp}M
	vfat {{
		extraargs = "--invariant -i {identifiers.fat} -F 32 -s 1"
		label = "{ESP_LABEL}"
		files = {{{names}}}
	}}
}}
image data.ext4 {{
	size = {board.partitions.data}M
	empty = true
	ext4 {{
		use-mke2fs = true
		label = "{DATA_LABEL}"
		fs-timestamp = "{stamp}"
		extraargs = "-b {BLOCK} -m 0 -U {identifiers.identifier("ext4")} -E hash_seed={seed},lazy_itable_init=0,lazy_journal_init=0"
	}}
}}
"""  # noqa: E501 - genimage wants it in one line


def _first_sector(board: Board) -> str:
    if not board.grub.bios:
        return ""
    return """	partition mbr {
		in-partition-table = false
		image = "boot.img"
		offset = 0
		holes = {"(440; 512)"}
	}
"""


def _partition(part: Partition) -> str:
    content = _CONTENT.get(part.name)
    image = f'		image = "{content}"\n' if content else ""
    return f"""	partition {part.name} {{
		partition-type-uuid = "{part.kind}"
		partition-uuid = "{part.identifier}"
{image}		offset = {part.offset}M
		size = {part.size}M
	}}
"""
