"""``kexia stick …``: what a county technician does with sticks."""

import typer

from appliance.cli import stick_back
from appliance.cli.console import EXIT_CODES

app = typer.Typer(
    name="stick",
    help="Sticks: what boxes sent back.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
)
stick_back.add_to(app)
