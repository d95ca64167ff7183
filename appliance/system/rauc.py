"""The door to rauc for all that it changes: a bundle's installation, a slot's verdict.

Whether a bundle may be installed is decided before (``policy``). The doctor reads rauc's status.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from sync.errors import FormatError, KexiaError, TrustRefused
from sync.run import ProgramFailed, run

INFO_TIMEOUT = 120.0
INSTALL_TIMEOUT = 3600.0
"""Seconds: a slow card takes some minutes for a slot."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a bundle says it is."""

    compatible: str
    version: str
    built: str


class InstallFailed(KexiaError):
    """rauc did not install the bundle; the running system is as it was."""


def read_bundle(bundle: Path, *, ca: Path | None = None) -> Bundle:
    """What ``bundle`` says; with ``ca`` only if boxes with these certificates would take it.

    Raises TrustRefused if they would not, or if it is no bundle.
    """
    if ca is None:
        return _info(("info", "--no-verify"), bundle)
    with TemporaryDirectory() as folder:
        return judge_bundle(bundle, judging(Path(folder), ca))


def judging(folder: Path, ca: Path) -> Path:
    """A configuration by which rauc judges signatures as boxes do: this CA, code signing only."""
    path = folder / "judging.conf"
    path.write_text(
        "[system]\ncompatible=any\nbootloader=noop\nbundle-formats=-plain\n"
        f"[keyring]\npath={ca.resolve()}\n"
        "use-bundle-signing-time=true\ncheck-purpose=codesign\n",
        encoding="utf-8",
    )
    return path


def judge_bundle(bundle: Path, configuration: Path) -> Bundle:
    """What ``bundle`` says, if rauc with this configuration takes it; raises TrustRefused."""
    return _info((f"--conf={configuration}", "info"), bundle)


def install(bundle: Path) -> None:
    """Write ``bundle`` to the other slot and let the next start try it; raises InstallFailed."""
    try:
        run(("rauc", "install", bundle), timeout=INSTALL_TIMEOUT)
    except ProgramFailed as error:
        raise InstallFailed(
            f"the system update was not installed: {error.fact}",
            hint="this box goes on with the system it has; see `journalctl -u rauc`",
        ) from error


def _info(options: tuple[str, ...], bundle: Path) -> Bundle:
    arguments: tuple[str | Path, ...] = ("rauc", *options, "--output-format=json", bundle)
    try:
        said = run(arguments, timeout=INFO_TIMEOUT).stdout
    except ProgramFailed as error:
        raise TrustRefused(
            f"{bundle.name}: {error.fact}",
            hint="a bundle must be made by `kexia image bundle` with this province's authority",
        ) from error
    try:
        value = json.loads(said)
        return Bundle(str(value["compatible"]), str(value["version"]), str(value["build"] or ""))
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(f"{bundle.name}: rauc says nothing of it ({error})") from error


def mark_good() -> None:
    """Confirm the slot that runs; raises KexiaError."""
    run(("rauc", "status", "mark-good"), timeout=INFO_TIMEOUT)


def mark_bad() -> None:
    """Give the slot that runs up: the next start takes the other one; raises KexiaError."""
    run(("rauc", "status", "mark-bad"), timeout=INFO_TIMEOUT)
