"""From a built root to a signed system update: a RAUC bundle in verity format. By rauc.

The root lies in the bundle as it is, not compressed once more, so that what two bundles have in
common is found. What rauc draws by chance (the salt of the hash tree, ECDSA) and the time of
signing differ from bundle to bundle; root and manifest are the same for the same build.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from appliance.system.rauc import judging
from catalog.system import parse_version
from image_build.updates.authority import Ask, Authority, opened_key
from sync.errors import FormatError, InputRefused, UsageError
from sync.files import make_folder, rename_durably, sync_tree
from sync.run import run

ROOT_SUFFIX = ".root.squashfs"
BUNDLE_SUFFIX = ".raucb"
PLAIN = "-noI -noD -noF -noX -no-fragments -no-exports -no-sparse -no-duplicates"
"""For mksquashfs, which rauc calls: the root is compressed already."""
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_TIMEOUT = 1800.0


@dataclass(frozen=True, slots=True)
class Built:
    """What ``kexia image build`` left in its folder."""

    root: Path
    """``<name>-<board>-<version>.root.squashfs``."""
    compatible: str
    version: str
    built: str
    """As ``2026-11-26T00:00:00Z``."""

    @property
    def bundle(self) -> Path:
        """Where its bundle goes."""
        return self.root.with_name(self.root.name.removesuffix(ROOT_SUFFIX) + BUNDLE_SUFFIX)


def read_built(folder: Path) -> Built:
    """What was built in ``folder``; raises UsageError or InputRefused naming what is wrong."""
    roots = sorted(folder.glob(f"*{ROOT_SUFFIX}"))
    if len(roots) != 1:
        raise UsageError(
            f"{folder} holds {len(roots)} files *{ROOT_SUFFIX}, one is needed",
            hint="give the folder that `kexia image build … --to` made",
        )
    try:
        facts = json.loads((folder / "image.json").read_bytes())
        built = Built(
            roots[0], str(facts["compatible"]), str(facts["version"]), str(facts["built"])
        )
        parse_version(built.version)
        _epoch(built)
    except (OSError, ValueError, KeyError, TypeError, FormatError) as error:
        raise InputRefused(f"{folder / 'image.json'} cannot be read: {error}") from error
    return built


def manifest(built: Built) -> str:
    """The bundle's manifest."""
    return (
        f"[update]\ncompatible={built.compatible}\nversion={built.version}\nbuild={built.built}\n\n"
        "[bundle]\nformat=verity\n\n[image.rootfs]\nfilename=rootfs.img\n"
    )


def make_bundle(built: Built, authority: Authority, ask: Ask) -> Path:
    """Write the bundle beside the root; again replaces it. Raises UsageError, ProgramFailed."""
    key = opened_key(authority, ask)
    make_folder(built.bundle.parent)
    with TemporaryDirectory(dir=built.root.parent, prefix="bundle.") as scratch:
        content = Path(scratch) / "content"
        content.mkdir()
        (content / "rootfs.img").hardlink_to(built.root)
        (content / "manifest.raucm").write_text(manifest(built), encoding="utf-8")
        made = Path(scratch) / "made"
        made.mkdir()
        with TemporaryDirectory(dir=_private()) as private:
            opened = Path(private) / "signing.key"
            opened.touch(mode=0o600)
            opened.write_bytes(key)
            run(
                (
                    "rauc", f"--conf={judging(Path(scratch), authority.ca)}",
                    f"--cert={authority.signing}", f"--key={opened}", "bundle",
                    f"--mksquashfs-args={_mksquashfs(built)}",
                    content, made / built.bundle.name,
                ),
                timeout=_TIMEOUT,
            )  # fmt: skip
        sync_tree(made)
        rename_durably(made / built.bundle.name, built.bundle)
    return built.bundle


def _mksquashfs(built: Built) -> str:
    return f"{PLAIN} -mkfs-time {_epoch(built)} -all-time {_epoch(built)}"


def _epoch(built: Built) -> int:
    return int(datetime.strptime(built.built, _TIME).replace(tzinfo=UTC).timestamp())


def _private() -> str | None:
    """Where the opened key lies for a moment: in memory, where there is such a folder."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own, made in it
    return str(memory) if memory.is_dir() else None
