"""Where the command line gets a key's passphrase: a file, the environment, or the person."""

import getpass
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sync.errors import UsageError

if TYPE_CHECKING:
    from appliance.publisher.desk import Keys

VARIABLE = "KEXIA_PASSPHRASE"

PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        help=f"File whose first line is the passphrase of the keys; else {VARIABLE}, else asked."
    ),
]
KeyFiles = Annotated[
    list[Path] | None,
    typer.Option("--key", help="A private key file that is not in the workspace; may be repeated."),
]


def keys(passphrase_file: Path | None, brought: list[Path] | None = None) -> "Keys":
    """How this command opens private keys."""
    from appliance.publisher.desk import Keys

    given = _given(passphrase_file)

    def ask(path: Path) -> bytes:
        return given if given is not None else _prompt(f"Passphrase of {path.name}: ")

    return Keys(ask, tuple(brought or ()))


def new_passphrase(passphrase_file: Path | None) -> Callable[[], bytes]:
    """A passphrase for keys that are made now; a person types it twice."""

    def choose() -> bytes:
        given = _given(passphrase_file)
        if given is not None:
            return given
        first = _prompt("New passphrase: ")
        if first != _prompt("The same again: "):
            raise UsageError("the two passphrases differ", hint="nothing was made; try again")
        return first

    return choose


def new_pin(pin_file: Path | None) -> str:
    """A PIN from the first line of a file, or from a person who types it twice."""
    if pin_file is not None:
        return (_given(pin_file) or b"").decode("utf-8", "replace").strip()
    if not sys.stdin.isatty():
        raise UsageError(
            "a PIN is needed and nobody is here to type it", hint="use --pin-file FILE"
        )
    first = getpass.getpass("New PIN: ")
    if first != getpass.getpass("The same again: "):
        raise UsageError("the two PINs differ", hint="nothing was changed; try again")
    return first


def _given(passphrase_file: Path | None) -> bytes | None:
    if passphrase_file is not None:
        try:
            line = passphrase_file.read_bytes().splitlines()[:1]
        except OSError as error:
            raise UsageError(f"{passphrase_file}: {error.strerror}") from error
        return _not_empty(line[0] if line else b"", str(passphrase_file))
    from_environment = os.environ.get(VARIABLE)
    return None if from_environment is None else _not_empty(from_environment.encode(), VARIABLE)


def _not_empty(passphrase: bytes, where: str) -> bytes:
    if not passphrase:
        raise UsageError(f"{where} holds no passphrase")
    return passphrase


def _prompt(text: str) -> bytes:
    if not sys.stdin.isatty():
        raise UsageError(
            "a passphrase is needed and nobody is here to type it",
            hint=f"use --passphrase-file or the environment variable {VARIABLE}",
        )
    return _not_empty(getpass.getpass(text).encode(), "your answer")
