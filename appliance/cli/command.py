"""Registers a command whose help ends with the exit codes."""

import inspect
from collections.abc import Callable
from typing import TypeVar

import typer

from appliance.cli.console import EXIT_CODES

Function = TypeVar("Function", bound=Callable[..., None])


def command(app: typer.Typer, name: str | None = None) -> Callable[[Function], Function]:
    """As ``app.command(name)``; the docstring is what the command does."""

    def register(function: Function) -> Function:
        return app.command(name, help=f"{inspect.getdoc(function)}\n\n{EXIT_CODES}")(function)

    return register
