"""``kexia``, whole: the appliance's commands, and ``kexia image`` on top of them."""

from appliance.cli.main import app, main
from image_build.cli.image import app as image_app

__all__ = ["app", "main"]

app.add_typer(image_app)
