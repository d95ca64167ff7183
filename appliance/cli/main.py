"""``kexia``: hands each group of commands to its module; the last line of defence for errors."""

import sys
from typing import Annotated

import typer
from typer.core import TyperGroup

from appliance.cli import box, stick
from appliance.cli.console import EXIT_CODES, fail
from appliance.cli.demo import demo_command
from appliance.cli.publish import app as publish_app
from appliance.cli.quick import take_words_as_they_are
from appliance.version import VERSION
from sync.errors import KexiaError


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


def main() -> None:
    """Run the command line; every error of ours becomes one clear line and its exit code."""
    take_words_as_they_are()
    try:
        app()
    except KexiaError as error:
        fail(error, as_json="--json" in sys.argv)
    except (KeyboardInterrupt, _Interrupted):
        sys.stderr.write("kexia: interrupted; what was done is kept, run the same command again\n")
        raise SystemExit(130) from None
