"""The command line: one door to typer; every command ends in one object or one clear line."""

from appliance.cli.start import run

__all__ = ["main"]


def main() -> None:
    """``kexia`` as it is on a box."""
    run(_whole)


def _whole() -> None:
    from appliance.cli.main import run_typer

    run_typer()
