"""Real systems in small: an authority, a root by tar2sqfs, a bundle by rauc, a box's view of both.

signer = found(tmp_path / "authority", "湖南省", None)
bundle = make(tmp_path / "built", signer, "2026.11.26.1")
judged(bundle, signer.ca)                       # as a box with that CA does; raises TrustRefused
judged(bundle, signer.ca, clock="2000-01-01")   # whatever its clock says
"""

import io
import json
import tarfile
from pathlib import Path
from random import Random

from appliance.system.rauc import Bundle, judge_bundle, judging
from image_build.updates.authority import Authority
from image_build.updates.raucbundle import ROOT_SUFFIX, make_bundle, read_built
from sync.errors import TrustRefused
from sync.run import ProgramFailed, run

COMPATIBLE = "kexia-amd64"


def built(folder: Path, version: str, *, compatible: str = COMPATIBLE, size: int = 200_000) -> Path:
    """What ``kexia image build`` leaves: a root and what it says of itself."""
    folder.mkdir(parents=True, exist_ok=True)
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as out:
        for name, data in files(version, size).items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            out.addfile(info, io.BytesIO(data))
    root = folder / f"box-amd64-{version}{ROOT_SUFFIX}"
    arguments = ("tar2sqfs", "-q", "-f", "-c", "gzip", "-X", "level=6", "-b", "262144", root)
    run(arguments, timeout=60, stdin=tar.getvalue())
    facts = {
        "version": version,
        "built": f"{version[:10].replace('.', '-')}T00:00:00Z",
        "board": "amd64",
        "suite": "bookworm",
        "compatible": compatible,
        "floor": "2026.01.01.1",
    }
    (folder / "image.json").write_text(json.dumps(facts), encoding="utf-8")
    return folder


def files(version: str, size: int) -> dict[str, bytes]:
    """A root whose versions differ in little."""
    rng = Random(1)
    words = [rng.randbytes(9).hex().encode() for _ in range(500)]
    found = {
        f"usr/lib/{number}": b" ".join(rng.choice(words) for _ in range(size // 400))
        for number in range(20)
    }
    return {"etc/version": version.encode() * 3, **found}


def make(folder: Path, signer: Authority, version: str, *, compatible: str = COMPATIBLE) -> Path:
    """The bundle of a root of that version."""
    made = built(folder, version, compatible=compatible)
    return make_bundle(read_built(made), signer, lambda _: b"")


def configuration(folder: Path, ca: Path) -> Path:
    """How a box with that CA judges."""
    folder.mkdir(parents=True, exist_ok=True)
    return judging(folder, ca)


def judged(bundle: Path, ca: Path, *, clock: str = "") -> Bundle:
    """What the bundle says, if a box with that CA and that clock takes it; raises TrustRefused."""
    path = configuration(bundle.parent / "judging", ca)
    if not clock:
        return judge_bundle(bundle, path)
    said = ("rauc", f"--conf={path}", "info", "--output-format=json", bundle)
    try:
        value = json.loads(run(("faketime", clock, *said), timeout=60).stdout)
    except ProgramFailed as error:
        raise TrustRefused(error.fact) from error
    return Bundle(value["compatible"], value["version"], value["build"])
