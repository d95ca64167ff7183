"""What every command of typer's shares: how it shows things, and the option for scripts."""

from typing import Annotated

import typer

from appliance.cli.output import EXIT_CODES as EXIT_CODES
from appliance.cli.output import JsonProgress as JsonProgress
from appliance.cli.output import TerminalProgress as TerminalProgress
from appliance.cli.output import fail as fail
from appliance.cli.output import progress as progress
from appliance.cli.output import result as result
from appliance.cli.output import say as say
from appliance.cli.output import showing as showing
from appliance.cli.output import size as size

Json = Annotated[
    bool,
    typer.Option("--json", help="One JSON object at the end; progress as JSON lines on stderr"),
]
