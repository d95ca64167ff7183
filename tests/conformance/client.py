#!/usr/bin/env python3
"""Entry point for the public TUF conformance suite: its command line, the box's own trust code.

Speaks the protocol of CLIENT-CLI.md in theupdateframework/tuf-conformance. Everything from the
bytes on the wire to the files on disk is ``sync.trust.client`` over ``sync.transport.http``, at
the wall clock as a box takes it; only Kexia's own rules about roles stay out.
"""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sync.directory import MAX_SIZE
from sync.errors import KexiaError
from sync.files import write_durably
from sync.transport.http import HttpTransport
from sync.trust.client import Client, Layout, matches
from sync.trust.clock import TrustClock, reference_time

INITIAL = "initial_root"
"""Kept beside the metadata; without ``.json``, by which the suite tells metadata."""


def init(metadata: Path, root: Path) -> None:
    data = root.read_bytes()
    write_durably(metadata / INITIAL, data)
    write_durably(metadata / "root.json", data)


def client(arguments: argparse.Namespace) -> Client:
    """A client as ``sync.trust.refresh`` makes it, for the repository at the URLs given."""
    metadata, targets = urlsplit(arguments.metadata_url), urlsplit(arguments.target_base_url or "")
    now = datetime.now(UTC)
    return Client(
        HttpTransport(f"{metadata.scheme}://{metadata.netloc}"),
        arguments.metadata_dir,
        bootstrap=(arguments.metadata_dir / INITIAL).read_bytes(),
        at=reference_time(TrustClock(wall=now, wall_is_set=True, floor=now)),
        layout=Layout(_prefix(metadata.path), _prefix(targets.path)),
    )


def refresh(arguments: argparse.Namespace) -> None:
    client(arguments).refresh()


def download(arguments: argparse.Namespace) -> None:
    ours = client(arguments)
    ours.refresh()
    for name in arguments.target_name:
        target = ours.find(name)
        if target is None:
            raise KexiaError(f"no role signs {name}")
        path = arguments.target_dir / quote(name, safe="")
        if not (path.exists() and matches(target, path.read_bytes())):
            write_durably(path, ours.fetch(target, limit=MAX_SIZE))


def _prefix(path: str) -> str:
    return path.strip("/") + "/"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metadata-dir", type=Path, required=True)
    parser.add_argument("--metadata-url")
    parser.add_argument("--target-name", action="append", default=[])
    parser.add_argument("--target-base-url")
    parser.add_argument("--target-dir", type=Path)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("init").add_argument("trusted_root", type=Path)
    commands.add_parser("refresh")
    commands.add_parser("download")
    arguments = parser.parse_args()
    try:
        if arguments.command == "init":
            init(arguments.metadata_dir, arguments.trusted_root)
        else:
            {"refresh": refresh, "download": download}[arguments.command](arguments)
    except KexiaError as error:
        sys.stderr.write(f"{type(error).__name__}: {error.fact}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
