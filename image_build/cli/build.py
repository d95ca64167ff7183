"""``kexia image build``: from a spec to an image. Words in, lines or one object out."""

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.cli.command import command
from appliance.cli.console import Json, result, showing, size
from appliance.cli.passphrase import PassphraseFile
from image_build.cli.verify import made_words, signer_of
from sync.digest import Digest
from sync.errors import UsageError

if TYPE_CHECKING:
    from image_build.builder.build import Built
    from image_build.manifest.make import Made, Signer
    from sync.progress import Progress

Cache = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        metavar="FOLDER",
        help="Where packages are kept between builds; else ~/.cache/kexia/image.",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    command(app)(build)


def cache_folder(given: Path | None) -> Path:
    """Where packages are kept."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return (given or Path(home, "kexia", "image")).resolve()


def build(
    spec: Annotated[Path, typer.Argument(metavar="SPEC", help="The image's TOML.")],
    to: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the image goes.")],
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask nobody: only what the cache holds.")
    ] = False,
    bundle: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="First take in this file of `image cache export`."),
    ] = None,
    cache: Cache = None,
    xz: Annotated[
        bool, typer.Option("--xz", help="Also .img.xz, for any program that burns cards.")
    ] = False,
    keep_work: Annotated[
        bool, typer.Option("--keep-work", help="Keep the root's tar in FOLDER/.work.")
    ] = False,
    authority: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="The authority to sign its manifest with.")
    ] = None,
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Build an image and its manifest; again goes on where it was, makes only what has changed.

    The manifest is what `kexia image manifest` writes; --authority signs it.
    """
    from image_build.builder.build import Build, Extra
    from image_build.builder.cachefile import import_cache
    from image_build.builder.spec import read_spec
    from image_build.builder.surroundings import Network, Surroundings

    wanted, signer = read_spec(spec), signer_of(authority, passphrase_file)
    network = Network.OFF if offline else Network.ON
    extra = (Extra.XZ if xz else Extra.NONE) | (Extra.WORK if keep_work else Extra.NONE)
    with showing(as_json=as_json) as shown:
        around = Surroundings(dict(os.environ), cache_folder(cache), network, shown)
        if bundle is not None:
            import_cache(bundle, around.cache, shown)
        built = Build(wanted, spec.resolve().parent, to.resolve(), around, extra).run()
        summed = {Path(built.image).name: Digest(built.sha256)}
        made = manifest_of(to, wanted.stem, signer, shown, summed)
    value = {**asdict(built), "manifest": None if made is None else made.value()}
    result(value, as_json=as_json, text=lambda: _words(built, made))


def manifest_of(
    to: Path,
    stem: str,
    signer: "Signer | None",
    shown: "Progress",
    summed: Mapping[str, Digest] = MappingProxyType({}),
) -> "Made | None":
    """The manifest of the image that begins with ``stem``, if the folder has no other image.

    ``summed``: files by name whose digest this run has told already. Raises UsageError if it has
    one and a signature was asked for.
    """
    from image_build.manifest.make import IMAGE_SUFFIX, ROOT_SUFFIX, make_manifest

    ours = {f"{stem}{suffix}" for suffix in (IMAGE_SUFFIX, ROOT_SUFFIX)}
    found = {path.name for suffix in (IMAGE_SUFFIX, ROOT_SUFFIX) for path in to.glob(f"*{suffix}")}
    if found == ours:
        return make_manifest(to, signer, shown, summed)
    if signer is not None:
        raise UsageError(
            f"{to} holds other images too ({min(found - ours)}): nothing was signed",
            hint=f"the image {stem} is built; move the others away, then run this again",
        )
    return None


def _words(built: "Built", made: "Made | None") -> str:
    lines = [
        f"{built.image}  {size(built.bytes)}, {size(built.on_disk)} on disk",
        f"{built.squashfs}  {size(built.squashfs_bytes)}, {built.packages} packages",
    ]
    if built.xz:
        lines.append(f"{built.xz}  {size(built.xz_bytes)}")
    folder = Path(built.image).parent
    lines.append(f"SHA-256 of the image: {built.sha256}")
    if made is None:
        lines.append(f"note: no manifest, {folder} holds other images, too: kexia image manifest")
    else:
        lines.append(made_words(folder, made))
    return "\n".join(lines)
