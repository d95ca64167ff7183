"""The command line: one door to typer; every command ends in one object or one clear line."""

from appliance.cli.main import main

__all__ = ["main"]
