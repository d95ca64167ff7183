"""Images for real: what is in one, that a second build is the same byte for byte, and offline."""

import json
import os
import re
import subprocess
import tarfile
from importlib.util import source_hash
from pathlib import Path

import pytest

from image_build.builder.boards import boards, names_in
from image_build.builder.differ import differences_of_images, differences_of_squashes, told
from image_build.builder.layout import MIB, Identifiers, partitions
from image_build.builder.stamps import file_digest
from image_build.builder.surroundings import Surroundings
from tests.image_build import built
from tests.image_build.built import Image, kexia_image

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(bool(built.why_not()), reason=built.why_not()),
    pytest.mark.timeout(3600),
    pytest.mark.image,
]


@pytest.fixture(scope="module")
def image() -> Image:
    """An amd64 image of this checkout."""
    return built.amd64()


@pytest.fixture(scope="module")
def root(image: Image, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tarfile.TarInfo]:
    """Every path of its root."""
    path = tmp_path_factory.mktemp("root") / "root.tar"
    with path.open("wb") as file:
        subprocess.run(["sqfs2tar", image.squashfs], stdout=file, check=True)
    with tarfile.open(path) as tar:
        found = {member.name.removeprefix("./").rstrip("/"): member for member in tar}
    path.unlink()
    return found


def cat(squashfs: Path, path: str) -> bytes:
    """A file of the root."""
    return subprocess.run(
        ["rdsquashfs", "-c", path, squashfs], check=True, capture_output=True
    ).stdout


def test_the_partitions_lie_where_the_layout_says(image: Image) -> None:
    told_by = subprocess.run(["sfdisk", "-J", image.image], check=True, capture_output=True).stdout
    table = json.loads(told_by)["partitiontable"]
    board = boards()["amd64"]
    wanted = partitions(board, Identifiers("test", "amd64"))
    assert table["label"] == "gpt"
    assert [
        (part["name"], part["start"] * 512, part["size"] * 512, part["uuid"].lower())
        for part in table["partitions"]
    ] == [(part.name, part.offset * MIB, part.size * MIB, part.identifier) for part in wanted]


def test_slot_a_holds_the_root(image: Image) -> None:
    parts = {p.name: p for p in partitions(boards()["amd64"], Identifiers("test", "amd64"))}
    size = image.squashfs.stat().st_size
    with image.image.open("rb") as file:
        file.seek(parts["rootA"].offset * MIB)
        assert file.read(size) == image.squashfs.read_bytes()
        file.seek(parts["rootB"].offset * MIB)
        assert not any(file.read(MIB))


def test_the_esp_holds_what_starts_a_pc(image: Image) -> None:
    parts = {p.name: p for p in partitions(boards()["amd64"], Identifiers("test", "amd64"))}
    esp = f"{image.image}@@{parts['esp'].offset * MIB}"
    done = subprocess.run(
        ["mdir", "-/", "-b", "-i", esp], check=True, capture_output=True, text=True
    )
    names = {line.removeprefix("::/") for line in done.stdout.split()}
    assert {"EFI/BOOT/BOOTX64.EFI", "grub/grub.cfg", "grub/grubenv"} <= names
    config = subprocess.run(
        ["mcopy", "-i", esp, "::/grub/grub.cfg", "-"], check=True, capture_output=True
    ).stdout
    assert config.startswith(b"set PARTA=gpt3; set PARTB=gpt4; set CONSOLE=ttyS0,115200\n")
    subprocess.run(["grub-script-check"], input=config, check=True)


def test_the_root_says_what_it_is(image: Image) -> None:
    inside = json.loads(cat(image.squashfs, "etc/kexia/image.json"))
    assert inside == json.loads((image.folder / "image.json").read_bytes())
    assert inside["compatible"] == "kexia-amd64"
    assert cat(image.squashfs, "etc/machine-id") == b""


def test_packages_are_those_planned(image: Image) -> None:
    inside = cat(image.squashfs, "usr/share/kexia/packages.list").decode().splitlines()
    listed = (image.folder / "packages.list").read_text().splitlines()
    assert sorted(inside) == sorted(listed)
    assert len(listed) == image.said["packages"]


def test_our_code_is_there_compiled_and_the_builder_is_not(
    root: dict[str, tarfile.TarInfo],
) -> None:
    assert "usr/lib/kexia/appliance/cli/main.py" in root
    assert "usr/lib/kexia/aiohttp/__init__.py" in root
    assert root["usr/bin/kexia"].mode & 0o111
    compiled = "usr/lib/kexia/appliance/cli/__pycache__/main.cpython-311.pyc"
    assert compiled in root
    assert not any(path.startswith("usr/lib/kexia/image_build") for path in root)
    sources = [p for p in root if p.startswith("usr/lib/kexia/") and p.endswith(".py")]
    lacking = [
        path
        for path in sources
        if str(Path(path).parent / "__pycache__" / f"{Path(path).stem}.cpython-311.pyc") not in root
    ]
    assert len(lacking) < len(sources) / 100, lacking[:5]


def test_compiled_files_are_not_asked_for_their_source(image: Image) -> None:
    data = cat(image.squashfs, "usr/lib/kexia/appliance/cli/__pycache__/main.cpython-311.pyc")
    assert int.from_bytes(data[4:8], "little") == 0b01, "hash-based, unchecked (PEP 552)"


def test_nor_are_debians_and_they_fit_their_sources(image: Image) -> None:
    """Else Python would read, or even compile, its whole library at every start."""
    folder = "usr/lib/python3.11/json"
    data = cat(image.squashfs, f"{folder}/__pycache__/decoder.cpython-311.pyc")
    assert int.from_bytes(data[4:8], "little") == 0b01, "hash-based, unchecked (PEP 552)"
    assert data[8:16] == source_hash(cat(image.squashfs, f"{folder}/decoder.py"))


def test_nothing_of_the_builder_is_in_the_root(root: dict[str, tarfile.TarInfo]) -> None:
    gone = ("etc/apt/sources.list", "etc/apt/apt.conf.d/99mmdebstrap", "var/cache/apt/archives/x")
    assert not [path for path in gone if path in root]
    assert not [path for path in root if path.endswith((".deb", "ssh_host_ed25519_key"))]


def test_what_no_box_needs_is_not_started(root: dict[str, tarfile.TarInfo]) -> None:
    for unit in names_in("packages", "masked.list"):
        assert root[f"etc/systemd/system/{unit}"].linkname == "/dev/null"
        kind = re.sub("@.*[.]", "@.", unit)
        assert f"usr/lib/systemd/system/{kind}" in root, "no such unit: a slip of the pen"


def test_what_is_made_is_made_once(image: Image) -> None:
    before = image.squashfs.stat()
    again = built.amd64()
    assert again.squashfs.stat().st_mtime_ns == before.st_mtime_ns
    assert "debian" not in again.said["seconds"]  # type: ignore[operator]
    assert again.said["sha256"] == image.said["sha256"]


@pytest.mark.slow
def test_a_second_build_elsewhere_is_the_same(image: Image, tmp_path: Path) -> None:
    """Another folder, another time, no network: from the same packages the same bytes."""
    packages = built.packages_only(tmp_path / "another cache")
    again = built.build(
        tmp_path / "another" / "folder", options=("--offline", "--cache", str(packages))
    )
    around = Surroundings(dict(os.environ), tmp_path)
    if file_digest(again.squashfs) != file_digest(image.squashfs):
        pytest.fail(told(differences_of_squashes(image.squashfs, again.squashfs, around)))
    if again.said["sha256"] != image.said["sha256"]:
        pytest.fail(told(differences_of_images(image.image, again.image, "amd64", around)))


@pytest.mark.slow
def test_a_carried_cache_is_enough_without_network(image: Image, tmp_path: Path) -> None:
    kexia_image("cache", "export", tmp_path / "cache.tar", "--cache", built.KEPT / "cache")
    spec = image.folder / "image.toml"
    said = kexia_image(
        "build", spec, "--to", tmp_path / "out", "--cache", tmp_path / "empty",
        "--offline", "--bundle", tmp_path / "cache.tar", within=("unshare", "--net"),
    )  # fmt: skip
    assert said["sha256"] == image.said["sha256"]


def test_offline_without_packages_names_what_is_missing(tmp_path: Path) -> None:
    spec = tmp_path / "image.toml"
    spec.write_text(built.SPEC.format(board="amd64", suite="bookworm", ca=""))
    options = ("--to", tmp_path / "out", "--cache", tmp_path / "none", "--offline")
    said = kexia_image("build", spec, *options, code=4)
    assert "holds no list of packages" in str(said["error"])
    assert "cache import" in str(said["hint"])


@pytest.mark.slow
def test_a_pi(tmp_path: Path) -> None:
    image = built.build(tmp_path, board="pi")
    parts = {p.name: p for p in partitions(boards()["pi"], Identifiers("test", "pi"))}
    esp = f"{image.image}@@{parts['esp'].offset * MIB}"
    done = subprocess.run(["mdir", "-b", "-i", esp], check=True, capture_output=True, text=True)
    names = {line.removeprefix("::/").rstrip("/") for line in done.stdout.split()}
    assert {"bootcode.bin", "start4.elf", "u-boot.bin", "config.txt", "EFI"} <= names


@pytest.mark.slow
def test_trixie(tmp_path: Path) -> None:
    image = built.build(tmp_path, suite="trixie")
    assert json.loads(cat(image.squashfs, "etc/kexia/image.json"))["suite"] == "trixie"
