"""``kexia``, whole: the appliance's commands, and ``kexia image`` on top of them."""

from appliance.cli.start import run

__all__ = ["main"]


def main() -> None:
    """``kexia`` where images are made."""
    run(_whole)


def _whole() -> None:
    from image_build.cli.whole import run_typer

    run_typer()
