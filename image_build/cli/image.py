"""``kexia image …``: what a technician does to make boxes. Words in, lines or one object out.

Every command imports what it needs when it runs. On a box there is no ``image_build``.
"""

import typer

from appliance.cli.command import command
from appliance.cli.console import EXIT_CODES
from image_build.cli import build
from image_build.cli.authority import app as authority_app
from image_build.cli.bundle import bundle
from image_build.cli.cache import app as cache_app

app = typer.Typer(
    name="image",
    help="Images for boxes: described, built, personalised for each site, burned, verified.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
)


@app.callback()
def _image() -> None:
    """Images for boxes."""


build.add_to(app)
app.add_typer(cache_app)
app.add_typer(authority_app)
command(app)(bundle)
