"""GRUB and what starts it: the ESP's files and a PC's first sectors, as a folder for genimage."""

import fnmatch
import os
import struct
import tarfile
from dataclasses import dataclass
from pathlib import Path

from image_build.builder.boards import DATA, Board
from image_build.builder.layout import MIB, Identifiers, grub_settings, partitions
from image_build.builder.surroundings import Surroundings
from sync.errors import KexiaError
from sync.run import run

_MODULES = (
    "part_gpt", "fat", "squash4", "xzio", "gzio", "normal", "linux", "loadenv", "test", "echo",
    "regexp", "configfile", "reboot", "search", "sleep",
)  # fmt: skip
_FRESH = ("ORDER=A B", "A_OK=1", "A_TRY=0", "B_OK=0", "B_TRY=0")
"""A new card: only slot A holds a system."""
_GRUB = "usr/lib/grub"
_SECTOR = 512
_CORE_AT = MIB // _SECTOR
"""Where GRUB's core lies on a PC: the first sector of the biosboot partition."""


@dataclass(frozen=True, slots=True)
class Boot:
    """What the boot loader's files are made of."""

    board: Board
    identifiers: Identifiers
    unpacked: Path
    """Packages of the board taken apart (``grub.unpack``): GRUB's own among them."""
    from_root: Path
    """Files of the root that the firmware reads (``firmware_in_root``)."""


def make_boot(boot: Boot, folder: Path, around: Surroundings) -> tuple[str, ...]:
    """Fill ``folder`` with what genimage takes; returns the names that belong into the ESP."""
    around.progress.step("boot loader")
    grub, loaders = folder / "grub", folder / "EFI" / "BOOT"
    grub.mkdir(parents=True)
    loaders.mkdir(parents=True)
    _efi(boot, loaders / boot.board.grub.loader, around)
    settings = grub_settings(boot.board, partitions(boot.board, boot.identifiers))
    text = settings + DATA.joinpath("grub.cfg").read_text(encoding="utf-8")
    (grub / "grub.cfg").write_text(text, encoding="utf-8")
    environment = around.for_programs()
    run(["grub-editenv", grub / "grubenv", "create"], timeout=60, environment=environment)
    run(["grub-editenv", grub / "grubenv", "set", *_FRESH], timeout=60, environment=environment)
    # What GRUB goes by where grubenv is torn; the box's health keeps it (appliance.system.slots).
    (grub / "spare").write_bytes((grub / "grubenv").read_bytes())
    for name, source in boot.board.firmware.items():
        (folder / name).write_bytes(_firmware(name, source, boot))
    names = tuple(sorted(path.name for path in folder.iterdir()))
    if boot.board.grub.bios:
        _bios(boot, folder, around)
    return names


def settle_times(folder: Path, epoch: int) -> None:
    """Give every file and folder the image's moment: FAT would keep theirs."""
    for directory, names, files in os.walk(folder, topdown=False):
        for name in (*names, *files):
            os.utime(Path(directory, name), (epoch, epoch))
    os.utime(folder, (epoch, epoch))


def _efi(boot: Boot, loader: Path, around: Surroundings) -> None:
    grub = boot.board.grub
    options: list[str | Path] = [
        "-d",
        boot.unpacked / _GRUB / grub.efi,
        "-O",
        grub.efi,
        "-p",
        "/grub",
        "-o",
        loader,
    ]
    modules = ("efi_gop", *grub.modules, *_MODULES)
    run(["grub-mkimage", *options, *modules], timeout=120, environment=around.for_programs())


def _bios(boot: Boot, folder: Path, around: Surroundings) -> None:
    """GRUB for a PC without UEFI, told where it lies (grub-bios-setup would need a loop device)."""
    grub = boot.board.grub
    home = boot.unpacked / _GRUB / grub.bios
    numbers = {part.name: part.number for part in partitions(boot.board, boot.identifiers)}
    options: list[str | Path] = ["-d", home, "-O", grub.bios, "-p", f"(,gpt{numbers['esp']})/grub"]
    core_file = folder / "core.img"
    modules = ("biosdisk", "vbe", *grub.modules, *_MODULES)
    run(
        ["grub-mkimage", *options, "-o", core_file, *modules],
        timeout=120,
        environment=around.for_programs(),
    )
    first, core = chain(home.joinpath("boot.img").read_bytes(), core_file.read_bytes())
    core_file.write_bytes(core)
    (folder / "boot.img").write_bytes(first)


def chain(first: bytes, core: bytes) -> tuple[bytes, bytes]:
    """GRUB's ``boot.img`` and ``core.img``, the one told where the other lies, by sector.

    Offsets as in GRUB's include/grub/i386/pc/boot.h: kernel sector at 0x5C, drive check at 0x66
    (two NOPs: take the drive the BIOS names); the first block list ends the core's first sector.
    """
    if len(first) != _SECTOR or len(core) <= _SECTOR or len(core) > MIB:
        raise KexiaError("GRUB's boot.img or core.img has a size we do not know")
    told, whole = bytearray(first), bytearray(core)
    struct.pack_into("<Q", told, 0x5C, _CORE_AT)
    told[0x66:0x68] = b"\x90\x90"
    rest = -(-len(core) // _SECTOR) - 1
    struct.pack_into("<QHH", whole, _SECTOR - 12, _CORE_AT + 1, rest, 0x820)
    return bytes(told), bytes(whole)


def firmware_in_root(board: Board, tar: Path, folder: Path) -> None:
    """Copy out of the root's tar what the board's firmware reads from the ESP."""
    folder.mkdir()
    wanted = {
        name: source.removeprefix("root:")
        for name, source in board.firmware.items()
        if source.startswith("root:")
    }
    if not wanted:
        return
    with tarfile.open(tar, "r|") as members:
        for member in members:
            for name, pattern in wanted.items():
                if fnmatch.fnmatch(member.name.removeprefix("./"), pattern):
                    file = members.extractfile(member)
                    if file is not None:
                        (folder / name).write_bytes(file.read())
    if lacking := [pattern for name, pattern in wanted.items() if not (folder / name).exists()]:
        raise KexiaError(f"the root holds no {lacking[0]}, which {board.name} starts with")


def _firmware(name: str, source: str, boot: Boot) -> bytes:
    kind, _, rest = source.partition(":")
    if kind == "text":
        return rest.encode()
    return (boot.unpacked / rest if kind == "package" else boot.from_root / name).read_bytes()
