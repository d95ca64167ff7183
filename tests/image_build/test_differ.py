"""Two builds that are not alike: the very path and field is named."""

import io
import os
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from image_build.builder.boards import boards
from image_build.builder.differ import (
    differences_of_images,
    differences_of_squashes,
    differences_of_tars,
    told,
)
from image_build.builder.layout import MIB, Identifiers, partitions
from image_build.builder.squash import make_squash
from image_build.builder.surroundings import Surroundings
from sync.run import run

Change = Callable[[tarfile.TarInfo], None]


def tar(path: Path, *, order: int = 1, data: bytes = b"same", change: Change | None = None) -> Path:
    """A small root; ``change`` touches the member ./etc/fstab."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as file:
        for name in ("./etc/fstab", "./usr/bin/kexia")[::order]:
            member = tarfile.TarInfo(name)
            member.mtime, member.mode = 1_700_000_000, 0o644
            text = data if name == "./etc/fstab" else b"same"
            member.size = len(text)
            if change is not None and name == "./etc/fstab":
                change(member)
            file.addfile(member, io.BytesIO(text))
    return path


def later(member: tarfile.TarInfo) -> None:
    """Another time."""
    member.mtime += 1


def looser(member: tarfile.TarInfo) -> None:
    """Another mode."""
    member.mode = 0o755


@pytest.mark.parametrize(
    ("other", "word"),
    [
        ({"change": later}, "mtime"),
        ({"change": looser}, "mode"),
        ({"data": b"diff"}, "digest"),
        ({"data": b"longer"}, "size"),
    ],
)
def test_the_path_and_what_of_it(tmp_path: Path, other: dict[str, object], word: str) -> None:
    one = tar(tmp_path / "1.tar")
    found = list(differences_of_tars(one, tar(tmp_path / "2.tar", **other)))  # type: ignore[arg-type]
    assert len(found) == 1
    assert found[0].startswith("./etc/fstab: ")
    assert word in found[0]


def test_alike(tmp_path: Path) -> None:
    assert told(differences_of_tars(tar(tmp_path / "1.tar"), tar(tmp_path / "2.tar"))) == ""


def test_another_order(tmp_path: Path) -> None:
    found = differences_of_tars(tar(tmp_path / "1.tar"), tar(tmp_path / "2.tar", order=-1))
    assert told(found) == "the same paths in another order"


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    """This machine."""
    return Surroundings(dict(os.environ), tmp_path)


def test_two_roots_as_the_slots_hold_them(tmp_path: Path, around: Surroundings) -> None:
    for number, data in ((1, b"same"), (2, b"diff")):
        source = tar(tmp_path / f"{number}.tar", data=data)
        make_squash(source, tmp_path / f"{number}.squashfs", 1_700_000_000, around)
    one, other = tmp_path / "1.squashfs", tmp_path / "2.squashfs"
    (found,) = differences_of_squashes(one, other, around)
    assert "etc/fstab" in found
    assert not list(differences_of_squashes(one, one, around))


def test_two_images(tmp_path: Path, around: Surroundings) -> None:
    board = boards()["amd64"]
    parts = {part.name: part for part in partitions(board, Identifiers("", "amd64"))}
    one, other = tmp_path / "1.img", tmp_path / "2.img"
    with one.open("wb") as file:
        file.truncate((parts["data"].offset + parts["data"].size) * MIB)
    esp = f"{one}@@{parts['esp'].offset * MIB}"
    blocks = parts["esp"].size * 1024
    offset = parts["esp"].offset * 2048
    environment = around.for_programs()
    options = ["--invariant", "-F", "32", "-s", "1", "--offset", str(offset)]
    run(["mkfs.vfat", *options, one, str(blocks)], timeout=60, environment=environment)
    (tmp_path / "grubenv").write_bytes(b"same")
    run(["mcopy", "-i", esp, tmp_path / "grubenv", "::"], timeout=60, environment=environment)
    shutil.copyfile(one, other)
    (tmp_path / "grub.cfg").write_bytes(b"other")
    assert not list(differences_of_images(one, other, "amd64", around))
    run(["mcopy", "-i", esp, tmp_path / "grub.cfg", "::"], timeout=60, environment=environment)
    with other.open("r+b") as file:
        file.seek(parts["rootA"].offset * MIB + 5)
        file.write(b"x")
    found = list(differences_of_images(one, other, "amd64", around))
    assert [line.split(":")[0] for line in found] == ["esp", "esp/grub.cfg", "rootA"]
    assert f"byte {parts['rootA'].offset * MIB + 5} " in found[-1]


def test_boards_differ_in_places_only_data_says() -> None:
    one = boards()["amd64"]
    smaller = replace(one, partitions=replace(one.partitions, slot=256))
    here = partitions(one, Identifiers("x", "amd64"))[-1].offset
    assert partitions(smaller, Identifiers("x", "amd64"))[-1].offset == here - 512
