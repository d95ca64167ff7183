"""Proof of apt's lists: Debian's signature on each release file, and its digest of every list.

Apt proves lists when it fetches them, not when it finds them: what came on a stick is proved here.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from image_build.builder.sources import KEYRING
from sync.errors import FormatError, ProofFailed
from sync.run import ProgramFailed, run

_LINE = re.compile(r" ([0-9a-f]{64}) +(\d+) (\S+)")
_RELEASE = "_InRelease"
_SKIPPED = ("lock", "partial", "auxfiles")
MAX_RELEASE = 4 << 20
"""Bytes; Debian's are some 150 kB."""


def prove_lists(folder: Path, keyring: Path = Path(KEYRING)) -> None:
    """Prove every list in ``folder``.

    Raises ProofFailed for a signature or digest that does not hold, FormatError for a file that
    belongs to no release.
    """
    names = sorted(path.name for path in folder.iterdir() if path.name not in _SKIPPED)
    releases = [name for name in names if name.endswith(_RELEASE)]
    promised: dict[str, str] = {}
    for name in releases:
        text = _signed_text(folder / name, keyring)
        prefix = name.removesuffix(_RELEASE)
        promised |= {f"{prefix}_{each.replace('/', '_')}": sha for each, sha in digests(text)}
    for name in names:
        if name in releases:
            continue
        if name not in promised:
            raise FormatError(f"{folder / name} stands in no signed release")
        with (folder / name).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != promised[name]:
            raise ProofFailed(f"{folder / name} is not what its signed release says")


def digests(text: str) -> Iterator[tuple[str, str]]:
    """The files a release lists, with their SHA-256 (its field ``SHA256``)."""
    inside = False
    for line in text.splitlines():
        if not line.startswith(" "):
            inside = line.rstrip() == "SHA256:"
        elif inside and (match := _LINE.fullmatch(line.rstrip())):
            yield match[3], match[1]


def _signed_text(path: Path, keyring: Path) -> str:
    """The text under a valid signature of a key in ``keyring``, and nothing but it."""
    with path.open("rb") as file:
        size = len(file.read(MAX_RELEASE + 1))
    if size > MAX_RELEASE:
        raise FormatError(f"{path} is longer than any release file")
    try:
        done = run(["gpgv", "--quiet", "--keyring", keyring, "--output", "-", path], timeout=60)
    except ProgramFailed as error:
        raise ProofFailed(f"{path} is not signed by Debian: {error.fact}") from error
    return done.stdout.decode(errors="replace")
