"""``kexia image manifest`` and ``kexia image verify``: what an image holds, written and checked."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.cli.console import Json, result, showing
from appliance.cli.passphrase import PassphraseFile, keys

if TYPE_CHECKING:
    from image_build.manifest.make import Made, Signer
    from image_build.manifest.verify import Verified


def manifest(
    folder: Annotated[Path, typer.Argument(help="What `kexia image build --to` made.")],
    authority: Annotated[
        Path | None, typer.Option(help="The province's authority, to sign with.")
    ] = None,
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Write an image's SBOM, licence list and checksums, and sign them; again renews them."""
    from image_build.manifest.make import make_manifest

    with showing(as_json=as_json) as shown:
        done = make_manifest(folder, signer_of(authority, passphrase_file), shown)
    result(done.value(), as_json=as_json, text=lambda: made_words(folder, done))


def verify(
    what: Annotated[Path, typer.Argument(metavar="FILE|DEVICE", help="A file, or a burnt card.")],
    ca: Annotated[Path, typer.Option(help="The province's ca.pem: who may sign.")],
    manifests: Annotated[
        list[Path] | None,
        typer.Option(
            "--manifest",
            help="The folder it was published in (else that of FILE); again for newer systems.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Check a file, a personalised image or a burnt card against what was signed."""
    from image_build.manifest.verify import read_sums
    from image_build.manifest.verify import verify as check

    sums = [read_sums(folder, ca) for folder in manifests or [what.parent]]
    with showing(as_json=as_json) as shown:
        done = check(what, sums, shown)
    result(done.value(), as_json=as_json, text=lambda: _verified(done))


def signer_of(folder: Path | None, passphrase_file: Path | None) -> "Signer | None":
    """With what to sign; its key is opened when it is needed. Raises UsageError."""
    from image_build.manifest.make import Signer
    from image_build.updates.authority import open_authority, opened_key

    if folder is None:
        return None
    authority = open_authority(folder)
    return Signer(authority.signing, lambda: opened_key(authority, keys(passphrase_file).ask))


def made_words(folder: Path, done: "Made") -> str:
    """A line about a manifest."""
    signed = "signed" if done.is_signed else "NOT signed (give --authority)"
    unread = f"{done.without_licence} of them with licences only people can read"
    return f"{folder}: {done.packages} packages, {unread}; {len(done.files)} files, {signed}"


def _verified(done: "Verified") -> str:
    lines = [f"{done.what}: good, signed by {done.signer}"]
    lines += [f"  slot {name}: {what}" for name, what in sorted(done.slots.items())]
    lines += [f"  note: {note}" for note in done.notes]
    return "\n".join(lines)
