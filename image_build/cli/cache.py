"""``kexia image cache …``: what builds keep, carried to where there is no network."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from appliance.cli.command import command
from appliance.cli.console import EXIT_CODES, Json, result, showing, size
from image_build.cli.build import Cache, cache_folder

app = typer.Typer(
    name="cache",
    help="Packages kept between builds: carried to a machine without network.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
)


@command(app, "export")
def export_to(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.")],
    cache: Cache = None,
    as_json: Json = False,
) -> None:
    """Write everything that builds have fetched so far into one file."""
    from image_build.builder.cachefile import export_cache

    with showing(as_json=as_json) as shown:
        done = export_cache(cache_folder(cache), file, shown)
    text = f"{file}  {done.files} files, {size(done.bytes)}"
    result(asdict(done), as_json=as_json, text=lambda: text)


@command(app, "import")
def import_from(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of `cache export`.")],
    cache: Cache = None,
    as_json: Json = False,
) -> None:
    """Take such a file in: afterwards `kexia image build --offline` needs no network."""
    from image_build.builder.cachefile import import_cache

    with showing(as_json=as_json) as shown:
        done = import_cache(file, cache_folder(cache), shown)
    text = f"{done.files} files, {size(done.bytes)}, {done.new} of them new"
    result(asdict(done), as_json=as_json, text=lambda: text)
