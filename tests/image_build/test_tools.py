"""What is missing on a machine is said in one line, with one command that installs it."""

import platform
from pathlib import Path

import pytest

from image_build.builder import tools
from image_build.builder.boards import boards
from image_build.builder.surroundings import Surroundings
from image_build.builder.tools import Here
from sync.errors import UsageError


def test_a_machine_without_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "_KEYRING", tmp_path / "keyring.gpg")
    with pytest.raises(UsageError) as refusal:
        tools.require(boards()["amd64"], Here(str(tmp_path), "x86_64", root=True))
    assert refusal.value.exit_code == 2
    words = refusal.value.hint.split()
    assert words[:4] == ["as", "root:", "apt", "install"]
    assert {"mmdebstrap", "genimage", "squashfs-tools-ng", "grub-common",
            "debian-archive-keyring", "mtools", "e2fsprogs"} <= set(words)  # fmt: skip
    assert not {"grub-pc-bin", "grub-efi-amd64-bin"} & set(words), "the cache's are unpacked"
    assert "qemu-user-static" not in words


def test_another_processor_needs_its_emulation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "_BINFMT", tmp_path)
    here = Here(Surroundings({}, tmp_path).for_programs()["PATH"], "x86_64", root=True)
    lacking = tools.missing(boards()["pi"], here)
    assert {"qemu-user-static", "binfmt-support"} <= set(lacking)
    assert "grub-efi-arm64-bin" not in lacking, "it exists for arm64 only, and is unpacked"
    (tmp_path / "qemu-aarch64").touch()
    assert "qemu-user-static" not in tools.missing(boards()["pi"], here)


def test_here_an_image_can_be_built(tmp_path: Path) -> None:
    """What .ci/setup installs is enough."""
    path = Surroundings({}, tmp_path).for_programs()["PATH"]
    assert tools.missing(boards()["amd64"], Here(path, platform.machine(), root=True)) == ()


def test_who_is_not_root_needs_a_user_name_space(tmp_path: Path) -> None:
    for root in (True, False):
        lacking = tools.missing(boards()["amd64"], Here(str(tmp_path), "x86_64", root=root))
        assert ("uidmap" in lacking) is not root
