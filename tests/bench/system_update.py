"""``make bench-system``: a Debian point update as a system update, byte for byte, beside the peers.

The older system is of the release as Debian's archive holds it, the newer one with -updates and
-security: at least a kernel, openssl and Python differ. Both are built whole, from packages that
are fetched. As root; about ten minutes.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

from image_build.builder import apt, sources
from image_build.builder.build import Build
from image_build.builder.spec import Mirror, read_spec
from image_build.builder.surroundings import Surroundings
from image_build.updates.authority import Authority, found
from sync.progress import Silent
from tests.bench.delta.__main__ import TOOLS
from tests.bench.delta.ours import Desk, cpu, kexia
from tests.bench.delta.rows import Journal, Row
from tests.bench.delta.step import make_step

STORE = Path(__file__).parents[2] / ".bench" / "system"
PASSPHRASE = STORE / "passphrase"
COLLECTION = "43/system-amd64"
VERSIONS = ("2026.06.01.1", "2026.07.01.1")
SPEC = """format = 1
name = "bench"
board = "amd64"
suite = "bookworm"
version = "{version}"
floor = "{floor}"
ca = "{ca}"
"""


def main() -> None:
    """Build both systems, if they are not kept; measure; print."""
    STORE.mkdir(parents=True, exist_ok=True)
    PASSPHRASE.write_text("for the bench only\n")
    if not (STORE / "authority").exists():
        found(STORE / "authority", "省", b"for the bench only")
    authority = Authority(STORE / "authority")
    with debian_alone():
        old = system(authority, VERSIONS[0])
    new = system(authority, VERSIONS[1])
    say(changed_packages(old.parent / "packages.list", new.parent / "packages.list"))
    journal = Journal(STORE / "results.jsonl")
    with TemporaryDirectory(dir=STORE) as work:
        v1, v2 = alone(old, Path(work, "v1")), alone(new, Path(work, "v2"))
        journal.note(ours(authority, (old, new), (v1, v2), Path(work)))
        step = make_step("system", v1, v2)
        for name, tool in TOOLS.items():
            before = cpu()
            size, requests = tool(step, Path(work))
            used = round(cpu() - before, 2)
            journal.note(Row("system", step.name, name, size, requests, box_cpu=used))


@contextmanager
def debian_alone() -> Iterator[None]:
    """Builds take the release without its updates."""

    def first_line(mirror: Mirror, suite: str) -> str:
        return sources.sources_list(mirror, suite).splitlines(keepends=True)[0]

    with mock.patch.object(apt, "sources_list", first_line):
        yield


def system(authority: Authority, version: str) -> Path:
    """The bundle of a system of that version."""
    folder = STORE / version
    bundle = folder / f"bench-amd64-{version}.raucb"
    if not bundle.exists():
        folder.mkdir(exist_ok=True)
        spec = folder / "image.toml"
        spec.write_text(SPEC.format(version=version, floor=VERSIONS[0], ca=authority.ca))
        around = Surroundings(dict(os.environ), folder / "cache", progress=Silent())
        built = Build(read_spec(spec), folder, folder, around).run()
        say(f"{built.squashfs}: {built.squashfs_bytes} B")
        words = ("--authority", authority.folder, "--passphrase-file", PASSPHRASE)
        kexia("image", "bundle", folder, *words)
    return bundle


def alone(bundle: Path, folder: Path) -> Path:
    """A folder that holds the bundle under a name that stays, as peers want it."""
    folder.mkdir()
    os.link(bundle, folder / "system.raucb")
    return folder


def ours(
    authority: Authority, bundles: tuple[Path, Path], folders: tuple[Path, Path], work: Path
) -> Row:
    """A box that has the older system fetches the newer one."""
    with Desk.open(work / "desk") as desk:
        publish(desk, bundles[0], authority)
        root = desk.folder / "repository" / "metadata" / "1.root.json"
        box = work / "box"
        kexia("box", "init", box, "--root", root, "--url", desk.proxy.url, "--demo")
        kexia("box", "subscribe", box, COLLECTION)
        first = desk.row("system", "first v1", box, folders[0])
        say(f"first: {first.bytes} B")
        published = round(publish(desk, bundles[1], authority), 2)
        return replace(desk.row("system", "v1→v2", box, folders[1]), publisher_cpu=published)


def publish(desk: Desk, bundle: Path, authority: Authority) -> float:
    """Publish the system; CPU seconds of the publisher."""
    before = cpu()
    words = ("--system", "--collection", COLLECTION, "--ca", authority.ca)
    kexia("publish", "add", desk.folder, bundle, *words)
    kexia("publish", "release", desk.folder, "--sign-all")
    kexia("publish", "nightly", desk.folder)
    return cpu() - before


def changed_packages(old: Path, new: Path) -> str:
    """Which packages are of another version, in one line."""
    before = dict(line.split()[:2] for line in old.read_text(encoding="utf-8").splitlines())
    after = dict(line.split()[:2] for line in new.read_text(encoding="utf-8").splitlines())
    moved = [f"{name} {after[name]}" for name in sorted(after) if after[name] != before.get(name)]
    return f"{len(moved)} of {len(after)} packages differ: {', '.join(moved)}"


def say(text: str) -> None:
    """For people."""
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    main()
