"""``kexia image build``: from a spec to an image. Words in, lines or one object out."""

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.cli.command import command
from appliance.cli.console import Json, result, showing, size

if TYPE_CHECKING:
    from image_build.builder.build import Built

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
    as_json: Json = False,
) -> None:
    """Build an image; again goes on where it was, and makes only what has changed."""
    from image_build.builder.build import Build, Extra
    from image_build.builder.cachefile import import_cache
    from image_build.builder.spec import read_spec
    from image_build.builder.surroundings import Network, Surroundings

    wanted = read_spec(spec)
    network = Network.OFF if offline else Network.ON
    extra = (Extra.XZ if xz else Extra.NONE) | (Extra.WORK if keep_work else Extra.NONE)
    with showing(as_json=as_json) as shown:
        around = Surroundings(dict(os.environ), cache_folder(cache), network, shown)
        if bundle is not None:
            import_cache(bundle, around.cache, shown)
        built = Build(wanted, spec.resolve().parent, to.resolve(), around, extra).run()
    result(asdict(built), as_json=as_json, text=lambda: _words(built))


def _words(built: "Built") -> str:
    lines = [
        f"{built.image}  {size(built.bytes)}, {size(built.on_disk)} on disk",
        f"{built.squashfs}  {size(built.squashfs_bytes)}, {built.packages} packages",
    ]
    if built.xz:
        lines.append(f"{built.xz}  {size(built.xz_bytes)}")
    return "\n".join([*lines, f"SHA-256 of the image: {built.sha256}"])
