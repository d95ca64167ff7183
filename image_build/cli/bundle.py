"""``kexia image bundle``: a built root becomes a signed system update."""

from pathlib import Path
from typing import Annotated

import typer

from appliance.cli.console import Json, result, size
from appliance.cli.passphrase import PassphraseFile, keys


def bundle(
    built: Annotated[Path, typer.Argument(help="The folder that `kexia image build` made.")],
    authority: Annotated[Path, typer.Option(help="The folder of the province's authority.")],
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Make the system update of a built image: a signed RAUC bundle, beside its root."""
    from image_build.updates.authority import open_authority
    from image_build.updates.raucbundle import make_bundle, read_built
    from sync.digest import sha256

    signer = open_authority(authority)
    facts = read_built(built)
    made = make_bundle(facts, signer, keys(passphrase_file).ask)
    length = made.stat().st_size
    value: dict[str, object] = {
        "bundle": str(made),
        "size": length,
        "sha256": sha256(made.read_bytes()),
        "version": facts.version,
        "compatible": facts.compatible,
    }
    result(
        value,
        as_json=as_json,
        text=lambda: (
            f"{made} ({size(length)}): {facts.compatible} {facts.version}.\n"
            f"Next: kexia publish add WORKSPACE {made} --system --collection CODE/system-…"
        ),
    )
