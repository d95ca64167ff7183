"""``kexia``, whole: the appliance's commands, and ``kexia image`` on top of them."""

from appliance.cli.start import run

__all__ = ["app", "main"]


def main() -> None:
    """``kexia`` where images are made."""
    run(_whole)


def _whole() -> None:
    from appliance.cli.main import app, run_typer
    from image_build.cli.image import app as image_app

    app.add_typer(image_app)
    run_typer()
