"""``kexia``, whole: hands each group of commands to its module."""

import sys
from typing import Annotated

import typer
from typer.core import TyperGroup

from appliance.cli import box, stick
from appliance.cli.console import EXIT_CODES
from appliance.cli.demo import demo_command
from appliance.cli.publish import app as publish_app
from appliance.cli.start import run
from appliance.version import VERSION


class _Interrupted(BaseException):
    """Ctrl-C, past typer: that one would end with 130 and not a word."""


class _Commands(TyperGroup):
    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise _Interrupted from error


app = typer.Typer(
    name="kexia",
    cls=_Commands,
    help="Kexia 课匣: an offline-first lesson cache for rural teaching points.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command(name="demo")(demo_command)
app.add_typer(publish_app)
app.add_typer(box.app)
app.add_typer(stick.app)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"kexia {VERSION}\n")
        raise typer.Exit


@app.callback()
def _kexia(
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Kexia 课匣: an offline-first lesson cache for rural teaching points."""


def run_typer() -> None:
    """Let typer read the words; KexiaError and KeyboardInterrupt come out as they are."""
    try:
        app()
    except _Interrupted:
        raise KeyboardInterrupt from None


def main() -> None:
    """Run the command line; every error of ours becomes one clear line and its exit code."""
    run(run_typer)
