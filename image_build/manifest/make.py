"""Writes the manifest of a build into its folder: packages, SBOM, licences, card, sums, signature.

The signature is the last file written: whoever sees it finds everything it speaks of.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from image_build.manifest import card, checksums, licences, sbom, sign
from image_build.manifest.inspect import card_of
from image_build.manifest.packages import Package
from image_build.manifest.root import packages_in
from sync.digest import Digest
from sync.errors import InputRefused, UsageError
from sync.files import write_durably
from sync.progress import Progress

SBOM, LICENCES, PACKAGES = "sbom.cdx.json", "licences.txt", "packages.list"
BOOT_PACKAGES = "boot-packages.list"
"""What the builder unpacked for the boot partition and did not install: ``name version arch``."""
ROOT_SUFFIX = ".root.squashfs"
IMAGE_SUFFIX = ".img"
_MAX_LIST = 2**20


@dataclass(frozen=True, slots=True)
class Signer:
    """With what to sign."""

    certificate: Path
    key: Callable[[], bytes]
    """Gives the private key, decrypted; asks for its passphrase when it is needed."""


@dataclass(frozen=True, slots=True)
class Made:
    """What was written."""

    packages: int
    without_licence: int
    """Packages whose licence we cannot read."""
    files: tuple[str, ...]
    """Named in SHA256SUMS."""
    is_signed: bool

    def value(self) -> dict[str, object]:
        """For JSON."""
        return {
            "packages": self.packages,
            "without_licence": self.without_licence,
            "files": list(self.files),
            "signed": self.is_signed,
        }


def make_manifest(
    folder: Path,
    signer: Signer | None,
    progress: Progress,
    known: Mapping[str, Digest] = MappingProxyType({}),
) -> Made:
    """Write or renew the manifest of the build in ``folder``; raises UsageError, InputRefused.

    Without a signer an old signature is removed, unless it is of the very same sums. ``known``:
    files, by name, that this very run has written and summed.
    """
    root, image = _one(folder, ROOT_SUFFIX), _one(folder, IMAGE_SUFFIX)
    facts = _facts(folder / "image.json")
    progress.step("packages", unit="packages")
    packages = sorted({*packages_in(root), *_boot_packages(folder / BOOT_PACKAGES)})
    progress.step("card", total=root.stat().st_size)
    described = card_of(image, root, facts["version"], progress)
    about = sbom.About(
        facts["compatible"], facts["version"], facts["built"], facts["suite"], described.root
    )
    signed = _signed(folder)
    (folder / (checksums.FILE + sign.SUFFIX)).unlink(missing_ok=True)
    write_durably(folder / SBOM, sbom.sbom(about, packages))
    write_durably(folder / LICENCES, licences.listed(packages))
    write_durably(folder / card.FILE, card.encode(described))
    if not (folder / PACKAGES).exists():
        write_durably(folder / PACKAGES, "".join(f"{one.line}\n" for one in packages).encode())
    digests = _sums(folder, known, progress)
    if signer is not None:
        _sign(folder, signer)
    elif kept := signed.get(checksums.encode(digests)):
        write_durably(folder / (checksums.FILE + sign.SUFFIX), kept)
    unread = sum(not one.licences for one in packages)
    is_signed = (folder / (checksums.FILE + sign.SUFFIX)).exists()
    return Made(len(packages), unread, tuple(sorted(digests)), is_signed)


def _sums(folder: Path, known: Mapping[str, Digest], progress: Progress) -> dict[str, Digest]:
    paths = [path for path in checksums.artifacts(folder) if path.name not in known]
    progress.step("checksums", total=sum(path.stat().st_size for path in paths))
    digests = dict(known) | {path.name: checksums.digest_of(path, progress) for path in paths}
    write_durably(folder / checksums.FILE, checksums.encode(digests))
    return digests


def _signed(folder: Path) -> dict[bytes, bytes]:
    """The signature that lies there, by what it is of."""
    sums, signature = folder / checksums.FILE, folder / (checksums.FILE + sign.SUFFIX)
    if not (sums.is_file() and signature.is_file()):
        return {}
    with sums.open("rb") as file, signature.open("rb") as other:
        return {file.read(checksums.MAX_SUMS): other.read(sign.MAX_SIGNATURE)}


def _sign(folder: Path, signer: Signer) -> None:
    data = (folder / checksums.FILE).read_bytes()
    signature = sign.sign(data, signer.certificate, signer.key())
    write_durably(folder / (checksums.FILE + sign.SUFFIX), signature)


def _boot_packages(path: Path) -> tuple[Package, ...]:
    if not path.exists():
        return ()
    found = []
    for line in path.read_bytes()[:_MAX_LIST].decode("utf-8", "replace").splitlines():
        name, version, architecture = (*line.split(), "", "", "")[:3]
        if name and version:
            found.append(Package("deb", name, version, architecture))
    return tuple(found)


def _facts(path: Path) -> dict[str, str]:
    try:
        value = json.loads(path.read_bytes()[:_MAX_LIST])
        return {name: str(value[name]) for name in ("version", "compatible", "built", "suite")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputRefused(
            f"{path} cannot be read", hint="give the folder that `kexia image build` made"
        ) from error


def _one(folder: Path, suffix: str) -> Path:
    found = sorted(folder.glob(f"*{suffix}")) if folder.is_dir() else []
    if len(found) != 1:
        raise UsageError(
            f"{folder} holds {len(found)} files *{suffix}, one is needed",
            hint="give the folder that `kexia image build … --to` made",
        )
    return found[0]
