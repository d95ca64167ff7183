"""Boards and suites, read from the data beside this module: what an image can be made for."""

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from sync.errors import UsageError

DATA = Path(str(resources.files("image_build")))
"""Where boards, package lists, the overlay and ``grub.cfg`` lie, installed or in a checkout."""


@dataclass(frozen=True, slots=True)
class Partitions:
    """Sizes of a board's partitions in MiB."""

    esp: int
    slot: int
    data: int


@dataclass(frozen=True, slots=True)
class Grub:
    """How GRUB comes onto a board."""

    bios: str
    """GRUB's platform for BIOS; empty where there is none."""
    efi: str
    loader: str
    """File below ``EFI/BOOT``."""
    modules: tuple[str, ...]
    unpack: tuple[str, ...]
    """Debian packages of the board's architecture whose files are needed here: GRUB's own, too, so
    that the image does not hang on what the building machine has."""


@dataclass(frozen=True, slots=True)
class Board:
    """One kind of machine an image is made for."""

    name: str
    title: str
    arch: str
    """Debian's name of the architecture."""
    machine: str
    """The name wheels, the kernel and QEMU have for it."""
    slot_type: str
    """UUID of the type of its slots (Discoverable Partitions Specification): another than that of
    data, or systemd-repart grows the wrong one."""
    console: str
    partitions: Partitions
    grub: Grub
    firmware: dict[str, str] = field(default_factory=dict)
    """Name on the ESP → ``package:`` path, ``root:`` pattern of a path, or ``text:``."""


@dataclass(frozen=True, slots=True)
class Suite:
    """One release of Debian."""

    name: str
    python: str
    """Its Python: ``3.11``."""
    glibc: int
    """The second part of its C library's version."""


@cache
def boards() -> dict[str, Board]:
    """All boards by name."""
    folder = DATA / "boards"
    names = sorted(each.name for each in folder.iterdir() if each.name.endswith(".toml"))
    return {
        (name := each.removesuffix(".toml")): _board(name, tomllib.loads(_text("boards", each)))
        for each in names
    }


@cache
def suites() -> dict[str, Suite]:
    """All releases by name."""
    table = tomllib.loads(_text("suites.toml"))
    return {name: Suite(name=name, **value) for name, value in table.items()}


def names_in(*path: str) -> tuple[str, ...]:
    """The lines of a list that comes with this package; ``#`` begins a remark."""
    lines = (line.partition("#")[0].strip() for line in _text(*path).splitlines())
    return tuple(line for line in lines if line)


def _text(*path: str) -> str:
    return DATA.joinpath(*path).read_text(encoding="utf-8")


def _board(name: str, table: dict[str, Any]) -> Board:
    """A board's table; our own data, so that a slip in it is a fault of ours."""
    try:
        grub = table.pop("grub")
        partitions = Partitions(**table.pop("partitions"))
        modules, unpack = tuple(grub.pop("modules")), tuple(grub.pop("unpack"))
        return Board(
            name=name,
            partitions=partitions,
            grub=Grub(modules=modules, unpack=unpack, **grub),
            **table,
        )
    except (KeyError, TypeError) as error:
        raise UsageError(f"boards/{name}.toml: {error}") from error
