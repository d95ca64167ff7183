"""Real mounts of real file systems on loop devices: nothing on them can do anything."""

import fcntl
import hashlib
import os
import shutil
import stat
import struct
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from appliance.sticks import Word
from appliance.volumes.decide import Open, decide
from appliance.volumes.device import Device
from appliance.volumes.disks import mounted, own_disks
from appliance.volumes.look import asks_for_papers, back_file, carried
from appliance.volumes.mount import Mounts, NotMounted
from sync import run
from sync.errors import NoSource
from sync.transport.volume import VolumeTransport
from tests.kit.media import TOOLS, Image, attached, kernel_knows, make, why_not

ALL = ("vfat", "exfat", "ext4", "ntfs3")


@pytest.fixture
def mounts(tmp_path: Path) -> Iterator[Mounts]:
    if reason := why_not():
        pytest.skip(reason)
    made = Mounts(tmp_path / "mounts")
    yield made
    made.clean_up()


@pytest.fixture
def lessons(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    (folder / "KEXIA" / "0123456789abcdef").mkdir(parents=True)
    (folder / "KEXIA" / "0123456789abcdef" / "lesson.txt").write_bytes(b"lesson")
    (folder / "KEXIA" / "back" / "b1").mkdir(parents=True)
    (folder / "KEXIA" / "back" / "b1" / "back.kxb").write_bytes(bytes(8192))
    return folder


class Stick:
    """A loop device as the monitor would tell of it."""

    def __init__(self, node: str, image: Image) -> None:
        fs_type = "ntfs" if image.fs_type == "ntfs3" else image.fs_type
        name = Path(node).name
        self.device = Device(name, node, name, "usb", size=2**24, fs_type=fs_type, uuid="u")
        decision = decide(self.device, ALL, frozenset())
        assert isinstance(decision, Open)
        self.how = decision


@pytest.fixture
def plug() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def plugged(stack: ExitStack, image: Image) -> Stick:
    return Stick(stack.enter_context(attached(image)), image)


def options(place: Path) -> set[str]:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        if fields.split(" ")[4] == str(place):
            return set(fields.split(" ")[5].split(",")) | set(rest.split(" ")[2].split(","))
    raise AssertionError(f"{place} is not mounted")


def is_read_only(node: str) -> bool:
    with Path(node).open("rb", buffering=0) as file:
        answer = fcntl.ioctl(file, 0x125E, struct.pack("i", 0))
    return bool(struct.unpack("i", answer)[0])


@pytest.mark.parametrize("kind", ["fat12", "fat16", "fat32", "exfat", "ext4", "ntfs"])
def test_every_type_is_mounted_safely_or_the_kernel_is_named(
    mounts: Mounts, plug: ExitStack, tmp_path: Path, kind: str
) -> None:
    image = make(tmp_path / "stick.img", kind)
    before = hashlib.sha256(image.path.read_bytes()).digest()
    stick = plugged(plug, image)
    if not kernel_knows(image.fs_type):
        with pytest.raises(NotMounted) as caught:
            mounts.mount(stick.device, stick.how)
        assert caught.value.word is Word.NOT_IN_KERNEL
        return
    place = mounts.mount(stick.device, stick.how)
    assert {"ro", "nosuid", "nodev", "noexec"} <= options(place)
    assert is_read_only(stick.device.node)
    assert carried(place) == ()
    with pytest.raises(OSError, match="Read-only"):
        (place / "x").write_bytes(b"")
    mounts.unmount(place)
    assert not place.exists()
    assert hashlib.sha256(image.path.read_bytes()).digest() == before


def hostile(folder: Path) -> Path:
    """Everything a stranger can put into a file system that knows more than files."""
    ours = folder / "KEXIA" / "0123456789abcdef"
    ours.mkdir(parents=True, exist_ok=True)
    (folder / "link.kexia").symlink_to("/etc/passwd")
    (ours / "outside").symlink_to("/etc")
    (ours / "passwd").symlink_to("/etc/passwd")
    os.mknod(ours / "zero", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    os.mkfifo(ours / "pipe")
    (ours / "tool").write_bytes(Path("/bin/true").read_bytes())
    (ours / "tool").chmod(0o6755)
    return folder


def test_what_a_hostile_stick_holds_does_nothing(
    mounts: Mounts, plug: ExitStack, tmp_path: Path, lessons: Path
) -> None:
    image = make(tmp_path / "stick.img", "ext4", files=hostile(lessons))
    stick = plugged(plug, image)
    place = mounts.mount(stick.device, stick.how)
    ours = place / "KEXIA" / "0123456789abcdef"
    with pytest.raises(PermissionError):
        (ours / "zero").open("rb")
    with pytest.raises(PermissionError):
        subprocess.run([str(ours / "tool")], check=False)
    assert carried(place) == (str(place),)
    transport = VolumeTransport(ours)
    for name in ("outside/passwd", "passwd", "pipe", "zero"):
        with pytest.raises(NoSource):
            transport.read(name, limit=100)
    assert transport.read("lesson.txt", limit=100) == b"lesson"
    mounts.unmount(place)


def test_a_link_in_place_of_our_folder_is_not_ours(
    mounts: Mounts, plug: ExitStack, tmp_path: Path
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "KEXIA").symlink_to("/")
    stick = plugged(plug, make(tmp_path / "stick.img", "ext4", files=folder))
    place = mounts.mount(stick.device, stick.how)
    assert carried(place) == ()
    assert not asks_for_papers(place)
    with pytest.raises(OSError, match="KEXIA"), back_file(place, "b1", os.O_RDWR):
        pass
    mounts.unmount(place)


def test_a_journal_of_a_stranger_is_not_replayed(
    mounts: Mounts, plug: ExitStack, tmp_path: Path, lessons: Path
) -> None:
    """Pulled while it was written: the image is the same to the bit after the box had it."""
    pulled = Image(tmp_path / "pulled.img", "ext4")
    with attached(make(tmp_path / "stick.img", "ext4", files=lessons)) as node:
        (tmp_path / "computer").mkdir()
        run_tool("mount", "-t", "ext4", node, str(tmp_path / "computer"))
        try:
            (tmp_path / "computer" / "new").write_bytes(b"x" * 5000)
            run_tool("sync", "-f", str(tmp_path / "computer"))
            shutil.copyfile(node, pulled.path)
        finally:
            run_tool("umount", str(tmp_path / "computer"))
    before = hashlib.sha256(pulled.path.read_bytes()).digest()
    stick = plugged(plug, pulled)
    assert not mounts.is_clean(stick.device, stick.how)
    place = mounts.mount(stick.device, stick.how)
    assert carried(place) == (str(place),)
    mounts.unmount(place)
    assert hashlib.sha256(pulled.path.read_bytes()).digest() == before


def test_the_way_back_overwrites_one_file_in_place(
    mounts: Mounts, plug: ExitStack, tmp_path: Path, lessons: Path
) -> None:
    image = make(tmp_path / "stick.img", "ext4", files=lessons)
    stick = plugged(plug, image)
    assert mounts.is_clean(stick.device, stick.how)
    assert not mounts.is_protected(stick.device)
    place = mounts.mount(stick.device, stick.how)
    assert asks_for_papers(place)
    mounts.unmount(place)
    place = mounts.mount_for_writing(stick.device, stick.how)
    assert {"rw", "nosuid", "nodev", "noexec"} <= options(place)
    with back_file(place, "b1", os.O_RDWR) as descriptor:
        os.pwrite(descriptor, b"report" * 100, 0)
    mounts.unmount(place)
    place = mounts.mount(stick.device, stick.how)
    written = (place / "KEXIA" / "back" / "b1" / "back.kxb").read_bytes()
    assert written == b"report" * 100 + bytes(8192 - 600)
    mounts.unmount(place)
    assert is_read_only(stick.device.node)


def test_a_protected_medium_is_known(mounts: Mounts, tmp_path: Path) -> None:
    image = make(tmp_path / "stick.img", "ext4")
    node = run_tool("losetup", "-r", "-f", "--show", str(image.path)).strip()
    try:
        assert mounts.is_protected(Stick(node, image).device)
    finally:
        run_tool("losetup", "-d", node)


def run_tool(*command: str) -> str:
    return subprocess.run(
        command, env={"PATH": TOOLS}, capture_output=True, text=True, check=True
    ).stdout


def test_what_is_no_file_system_cannot_be_mounted(
    mounts: Mounts, plug: ExitStack, tmp_path: Path
) -> None:
    path = tmp_path / "stick.img"
    path.write_bytes(bytes(2**20))
    stick = plugged(plug, Image(path, "ext4"))
    with pytest.raises(NotMounted) as caught:
        mounts.mount(stick.device, stick.how)
    assert caught.value.word is Word.CANNOT_MOUNT
    assert caught.value.exit_code == 8


def test_a_device_that_is_gone(mounts: Mounts) -> None:
    device = Device("gone1", "/dev/no-such-device", "gone", "usb", size=1, fs_type="ext4")
    with pytest.raises(NotMounted):
        mounts.is_protected(device)
    with pytest.raises(NotMounted):
        mounts.mount(device, Open("ext4", ("ro",)))


def test_a_pulled_stick_is_let_go_though_it_is_in_use(
    mounts: Mounts, plug: ExitStack, tmp_path: Path, lessons: Path
) -> None:
    stick = plugged(plug, make(tmp_path / "stick.img", "ext4", files=lessons))
    place = mounts.mount(stick.device, stick.how)
    with (place / "KEXIA" / "0123456789abcdef" / "lesson.txt").open("rb"):
        with pytest.raises(NotMounted):
            mounts.unmount(place)
        mounts.let_go(place)
        assert not any(one.place == place for one in mounted())
        mounts.let_go(place)


def test_what_a_killed_process_left_is_let_go(
    mounts: Mounts, plug: ExitStack, tmp_path: Path, lessons: Path
) -> None:
    stick = plugged(plug, make(tmp_path / "stick.img", "ext4", files=lessons))
    place = mounts.mount(stick.device, stick.how)
    assert Mounts(tmp_path / "mounts").clean_up() == 1
    assert not any(one.place == place for one in mounted())
    assert Mounts(tmp_path / "mounts").clean_up() == 0


def test_a_link_where_the_medium_goes_is_refused(
    mounts: Mounts, plug: ExitStack, tmp_path: Path
) -> None:
    stick = plugged(plug, make(tmp_path / "stick.img", "ext4"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "mounts").symlink_to(elsewhere)
    with pytest.raises(NotMounted, match="link"):
        mounts.mount(stick.device, stick.how)
    (tmp_path / "mounts").unlink()


def test_a_program_the_kernel_holds_up_is_left_behind() -> None:
    with pytest.raises(run.TookTooLong):
        run.attempt(["sleep", "30"], timeout=0.1, environment={"PATH": TOOLS})
    done = run.attempt(["ls", "/no such"], timeout=20, environment={"PATH": TOOLS, "LC_ALL": "C"})
    assert done.code == 2
    assert b"No such file" in done.stderr


def test_the_disk_the_machine_lives_on_is_never_a_stick(tmp_path: Path) -> None:
    disks = own_disks(tmp_path)
    root = Path("/").stat().st_dev
    device = Path(f"/sys/dev/block/{os.major(root)}:{os.minor(root)}")
    if device.exists():
        real = device.resolve()
        disk = real.parent if (real / "partition").exists() else real
        assert disk.name in disks


def test_mounts_for_guests_do_not_make_a_disk_ours(tmp_path: Path) -> None:
    root = Path("/").stat().st_dev
    numbers = f"{os.major(root)}:{os.minor(root)}"
    table = tmp_path / "mountinfo"
    line = "1 2 {} / {} rw - ext4 none rw\n"
    table.write_text(line.format(numbers, "/media/my\\040stick") + "short\n")
    assert own_disks(tmp_path / "ours", table, tmp_path / "none") == frozenset()
    [one] = mounted(table)
    assert one.place == Path("/media/my stick")
