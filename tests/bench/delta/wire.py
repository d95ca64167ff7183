"""Peers with a wire of their own, through the counting proxy: rsync, casync, zsync.

Each result is compared with the new version. Peers are favoured where there is a choice: rsync
finds equal files by their time alone, zsync gets new files for their best compressed size.
"""

import filecmp
import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sync.run import ProgramFailed, run, start
from tests.bench.delta.patches import PeerFailed, compressed_all
from tests.bench.delta.proxy import CountingProxy
from tests.bench.delta.step import Step, tree
from tests.bench.delta.web import LeanServer

PLAIN = ("--without=all", "--with=sec-time", "--log-level=err")


def verify(step: Step, made: Path) -> None:
    """Raise PeerFailed unless ``made`` holds the new version, nothing more."""
    if tree(made) != tree(step.new):
        raise PeerFailed(f"{step.series} {step.name}: {made.name} is not the new version")


def rsync(step: Step, work: Path) -> tuple[int, int]:
    """Bytes at the socket, both ways, of ``rsync -z`` from a daemon; and its one request."""
    copy = work / "rsync"
    shutil.copytree(step.old, copy)
    _same_times(step, copy)
    with _daemon(step.new, work) as port, CountingProxy(port) as proxy:
        words = ["rsync", "-z", "-rlt", "--delete", "--no-whole-file"]
        run([*words, f"rsync://127.0.0.1:{proxy.port}/new/", f"{copy}/"], timeout=1200)
        count = proxy.take()
    verify(step, copy)
    shutil.rmtree(copy)
    return count.total, count.connections


def _same_times(step: Step, copy: Path) -> None:
    """Files that stay get the time they have in the new version, all others an old one."""
    before, after = tree(step.old), tree(step.new)
    for path, digest in before.items():
        when = (step.new / path).stat().st_mtime if after.get(path) == digest else 0.0
        os.utime(copy / path, (when, when))


@contextmanager
def _daemon(folder: Path, work: Path) -> Iterator[int]:
    port = _free_port()
    settings = work / "rsyncd.conf"
    settings.write_text(
        f"use chroot = no\nuid = {os.getuid()}\ngid = {os.getgid()}\nlog file = /dev/null\n"
        f"[new]\npath = {folder.resolve()}\nread only = yes\n",
        encoding="utf-8",
    )
    words = ["rsync", "--daemon", "--no-detach", "--address=127.0.0.1", f"--port={port}"]
    process = start([*words, f"--config={settings}"])
    try:
        _wait(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def _wait(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise PeerFailed("the rsync daemon does not listen")


def casync16(step: Step, work: Path) -> tuple[int, int]:
    """casync with chunks of 16 KiB: bytes at the socket, requests."""
    return _casync(step, work, 16)


def casync64(step: Step, work: Path) -> tuple[int, int]:
    """The same with 64 KiB, its default."""
    return _casync(step, work, 64)


def _casync(step: Step, work: Path, kib: int) -> tuple[int, int]:
    shop, made = work / "casync-store", work / "casync"
    shop.mkdir()
    size = f"--chunk-size={kib * 1024}"
    store = f"--store={shop}/s.castr"
    run(["casync", "make", *PLAIN, size, store, shop / "i.caidx", step.new], timeout=1200)
    with LeanServer(shop) as server, CountingProxy(server.port) as proxy:
        words = ["casync", "extract", *PLAIN, f"--store={proxy.url}/s.castr"]
        words += [f"--seed={step.old}", f"{proxy.url}/i.caidx", str(made)]
        run(words, timeout=1200)
        count = proxy.take()
    verify(step, made)
    for folder in (shop, made):
        shutil.rmtree(folder)
    return count.total, count.requests


def zsync(step: Step, work: Path) -> tuple[int, int]:
    """zsync of each changed file, new files compressed whole: bytes, requests."""
    shop, here = work / "zsync-store", work / "zsync"
    for folder in (shop, here):
        folder.mkdir()
    with LeanServer(shop) as server, CountingProxy(server.port) as proxy:
        failed = [path for path in step.changed if not _zsync(step, path, shop, proxy.url)]
        count = proxy.take()
    for folder in (shop, here):
        shutil.rmtree(folder)
    new = [*failed, *step.added]
    return count.total + compressed_all(step, new, work), count.requests + len(new)


def _zsync(step: Step, path: str, shop: Path, url: str) -> bool:
    """Whether zsync brought this file over; it gives up on some, an empty one for instance."""
    new, made = step.new / path, shop.parent / "zsync" / "made"
    shutil.copyfile(new, shop / "f")
    try:
        run(["zsyncmake", "-u", "f", "-o", shop / "z", shop / "f"], timeout=300)
        words = ["zsync", "-q", "-i", str(step.old / path), "-o", str(made), f"{url}/z"]
        run(words, timeout=600)
        return filecmp.cmp(made, new, shallow=False)
    except (ProgramFailed, FileNotFoundError):
        return False
    finally:
        for left in (*made.parent.iterdir(), shop / "z"):
            left.unlink(missing_ok=True)
