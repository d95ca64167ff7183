"""Systems for a box that runs from an image: the built root in small, with what a test wants of it.

workshop = Workshop.of(slot, signer, folder)              # unpacks the root once
root = workshop.root("2026.12.01.1", {"etc/x": b"y"}, to)   # a squashfs
offered(province, [Offer(…, root, signer), …], folder, facts)
data_with(province, collections, folder)                   # a box that has them all
"""

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.config import BoxConfig, Listen, load, save
from appliance.publisher import programmes
from image_build.updates.authority import Authority
from image_build.updates.raucbundle import ROOT_SUFFIX, make_bundle, read_built
from sync.progress import Silent
from sync.publish.workspace import Registration, SourceKind
from tests.kit.boxes import BoxUnderTest
from tests.kit.province import Province
from tests.vm.disk import Disk
from tests.vm.images import KEXIA_USER, run

PATIENCE = 1800.0
"""Seconds that a start may take: the processor is translated, and others work here too."""
NEEDED = ("unsquashfs", "mksquashfs", "sgdisk", "rauc")
UNNEEDED = ("usr/share/fonts", "usr/lib/firmware", "usr/share/locale", "usr/share/poppler")
"""Of the root; what is tested here does without, and less is written."""
FAILING = "[Service]\nEnvironment=KEXIA_PATIENCE=45\n"
"""For kexia-health: what will never come is not waited for long."""
_UNITS = "etc/systemd/system"
PATIENT_ROOT: Mapping[str, bytes | str] = {
    f"{_UNITS}/kexia-health.service.d/patient.conf": (
        b"[Service]\nEnvironment=KEXIA_PATIENCE=3600\n"
    ),
    "etc/systemd/system.conf.d/patient.conf": b"[Manager]\nDefaultTimeoutStartSec=900\n",
    f"{_UNITS}/sysinit.target.wants/debug-shell.service": (
        "/usr/lib/systemd/system/debug-shell.service"
    ),
    f"{_UNITS}/debug-shell.service.d/tty.conf": b"[Service]\nTTYPath=/dev/ttyS1\n",
}
"""Files of a root that has PATIENT's patience and SHELL's shell even where grubenv is torn."""


def why_not() -> str:
    """Why no system can be made here; empty if one can."""
    lacking = [tool for tool in NEEDED if shutil.which(tool) is None]
    return (
        f"not installed: {', '.join(lacking)} (.ci/setup .venv full brings them)" if lacking else ""
    )


@dataclass(frozen=True)
class Workshop:
    """The built root, unpacked; ``signer`` is whom the box's system obeys."""

    tree: Path
    signer: Authority

    @classmethod
    def of(cls, slot: Path, signer: Authority, folder: Path) -> "Workshop":
        run("unsquashfs", "-q", "-n", "-d", folder / "tree", slot)
        for path in UNNEEDED:
            shutil.rmtree(folder / "tree" / path, ignore_errors=True)
        return cls(folder / "tree", signer)

    def root(self, version: str, files: Mapping[str, bytes | str], to: Path) -> Path:
        """A root of that version; a file's text instead of bytes: a link to it."""
        facts = self.tree / "etc" / "kexia" / "image.json"
        value = json.loads(facts.read_bytes())
        wanted: dict[str, bytes | str] = {
            "etc/kexia/image.json": json.dumps(value | {"version": version}).encode(),
            "etc/rauc/ca.pem": self.signer.ca.read_bytes(),
            **files,
        }
        before = {path: self._kept(path) for path in wanted}
        try:
            for path, content in wanted.items():
                self._put(path, content)
            return self._squash(self.tree, to)
        finally:
            for path, kept in before.items():
                self._put(path, kept)

    def _squash(self, tree: Path, to: Path) -> Path:
        packed = ("-comp", "gzip", "-Xcompression-level", "1", "-b", "256K")
        run("mksquashfs", tree, to, "-quiet", "-no-progress", "-noappend", *packed)
        return to

    def _kept(self, path: str) -> bytes | str | None:
        there = self.tree / path
        if there.is_symlink():
            return str(there.readlink())
        return there.read_bytes() if there.exists() else None

    def _put(self, path: str, content: bytes | str | None) -> None:
        there = self.tree / path
        there.unlink(missing_ok=True)
        if isinstance(content, str):
            there.parent.mkdir(parents=True, exist_ok=True)
            there.symlink_to(content)
        elif content is not None:
            there.parent.mkdir(parents=True, exist_ok=True)
            there.write_bytes(content)


@dataclass(frozen=True)
class Offer:
    """A system as a province publishes it: its root, who signed its bundle."""

    collection: str
    version: str
    root: Path
    signer: Authority


def offered(province: Province, offers: list[Offer], folder: Path, facts: bytes) -> None:
    """Bundles made and published, each a collection of its own."""
    for offer in offers:
        place = folder / offer.collection.replace("/", "-")
        place.mkdir()
        (place / f"box-amd64-{offer.version}{ROOT_SUFFIX}").hardlink_to(offer.root)
        value = json.loads(facts) | {"version": offer.version}
        (place / "image.json").write_text(json.dumps(value))
        bundle = make_bundle(read_built(place), offer.signer, lambda _: b"")
        registration = Registration(offer.collection, bundle, "", SourceKind.SYSTEM)
        programmes.add(province.workspace.root, registration, ca=offer.signer.ca)
    assert programmes.release(province.workspace.root, (), province.now, Silent()).candidate
    province.publish_all()


def data_with(
    province: Province,
    collections: list[str],
    folder: Path,
    more: Callable[[BoxUnderTest], None] = lambda _box: None,
    *,
    mib: int = 0,
) -> Path:
    """A file system for the data partition: a box that has these collections whole.

    Its system is the first of them; ``more`` is done to the box at last. Without ``mib`` it has
    room for a copy of the largest.
    """
    tree = folder / "data"
    box = BoxUnderTest.create(tree / "kexia", province.root)
    for stray in tree.glob("*.root.json"):
        stray.unlink()
    box.subscribe(*collections)
    report = box.sync(province.repository)
    assert not report.problems
    config: BoxConfig = load(box.paths)
    save(
        box.paths,
        replace(
            config, name="青山教学点", system=collections[0], listen=Listen("0.0.0.0", 80, 8081)
        ),
    )
    more(box)
    run("chown", "-R", f"{KEXIA_USER}:{KEXIA_USER}", tree / "kexia")
    made = folder / "data.ext4"
    size = sum(path.stat().st_size for path in tree.rglob("*") if path.is_file())
    wanted = f"{mib or (size >> 20) + 256}m"
    run("mke2fs", "-q", "-t", "ext4", "-L", "data", "-d", tree, made, wanted)
    shutil.rmtree(tree)
    return made


def grow_data(disk: Disk) -> None:
    """The data partition takes the rest of the card, as the first start would do it."""
    run("sgdisk", "-e", disk.path)
    told = subprocess.run(["sfdisk", "-J", disk.path], check=True, capture_output=True).stdout
    number = len(json.loads(told)["partitiontable"]["partitions"])
    subprocess.run(["sfdisk", "-q", "-N", str(number), disk.path], input=b", +\n", check=True)
