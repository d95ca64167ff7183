"""All of the command line where images are made: the appliance's, and ``kexia image`` on top."""

from appliance.cli.main import app, run_typer
from image_build.cli.image import app as image_app

__all__ = ["app", "run_typer"]

app.add_typer(image_app)
