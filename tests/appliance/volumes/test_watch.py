"""The volumes process itself: begins, says what it sees, ends; one for each folder of mounts."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance import sticks
from appliance.config import BoxPaths, Volumes, load, save
from appliance.volumes.watch import LEASE, watch_volumes
from sync.errors import LeaseHeld
from sync.lease import hold
from tests.kit.boxes import BoxUnderTest
from tests.kit.mockdevices import in_a_testbed, is_installed

KEXIA = [str(Path(sys.executable).with_name("kexia")), "box"]


@pytest.fixture
def paths(tmp_path: Path) -> BoxPaths:
    paths = BoxUnderTest.create(tmp_path / "box").paths
    paths.run.mkdir(parents=True)
    paths.config_file.write_text("publishers = []\nsubscriptions = []\n")
    return paths


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_it_begins_and_ends_with_a_signal(paths: BoxPaths) -> None:
    process = subprocess.Popen([*KEXIA, "volumes", str(paths.root)])
    try:
        until(lambda: sticks.read(paths.volumes).process == process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert not paths.volumes.exists()


def test_a_second_one_is_told_who_is_at_work(paths: BoxPaths, tmp_path: Path) -> None:
    stop = threading.Event()
    with (
        hold(tmp_path / "mounts" / LEASE, holder="kexia box volumes"),
        pytest.raises(LeaseHeld, match="kexia box volumes"),
    ):
        watch_volumes(paths, Volumes(), tmp_path / "mounts", stop)


def test_a_box_that_wants_no_sticks(paths: BoxPaths) -> None:
    from dataclasses import replace

    save(paths, replace(load(paths), volumes=Volumes(on=False)))
    done = subprocess.run([*KEXIA, "volumes", str(paths.root)], timeout=60, check=False)
    assert done.returncode == 0
    assert not paths.volumes.exists()


@pytest.mark.skipif(not is_installed(), reason="libumockdev is not installed")
def test_from_udev_to_the_board(paths: BoxPaths, tmp_path: Path) -> None:
    """All of it but the mount: what udev tells stands in the file a moment later."""
    script = """
import sys, threading, time
from pathlib import Path
from appliance import sticks
from appliance.config import BoxPaths, Volumes
from appliance.volumes.watch import watch_volumes
from tests.kit.mockdevices import Testbed, disk, part

bed, stop, paths = Testbed(), threading.Event(), BoxPaths(Path(sys.argv[1]))
bed.plug(disk("sdb", {"ID_FS_TYPE": "BitLocker"}))
arguments = (paths, Volumes(), Path(sys.argv[2]), stop)
thread = threading.Thread(target=watch_volumes, args=arguments, daemon=True)
thread.start()

def until(*words):
    for _ in range(600):
        found = sorted(stick.word for stick in sticks.read(paths.volumes).sticks)
        if found == sorted(words):
            return
        time.sleep(0.1)
    raise SystemExit(f"waited in vain for {words}, but {found}")

until("bitlocker")
gone = disk("sdc", {"ID_PART_TABLE_TYPE": "dos"})
first = part(gone, 1, {"ID_FS_TYPE": "ntfs"})
bed.plug(gone, first)
until("bitlocker", "ntfs")
bed.plug(disk("sdd", {"ID_FS_TYPE": "vfat", "ID_FS_UUID": "1"}))
until("bitlocker", "ntfs", sys.argv[3])
bed.pull(first, gone)
until("bitlocker", sys.argv[3])
stop.set()
thread.join(30)
assert not paths.volumes.exists()
"""
    word = "cannot-mount" if os.geteuid() == 0 else "no-right"
    in_a_testbed(script, str(paths.root), str(tmp_path / "mounts"), word, seconds=115)
