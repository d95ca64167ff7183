"""The pure parts of burning: partition tables, markers, which medium may be written, words."""

from dataclasses import replace
from pathlib import Path
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_build.burner import choose, markers, media
from image_build.burner.media import Disk, Part, offered, why_not
from image_build.cli import burn_words
from image_build.cli.burn_words import Tongue
from image_build.partitions import gpt
from image_build.partitions.content import Content, fit, pieces
from image_build.partitions.source import BLOCK, Image
from sync.errors import FormatError, KexiaError, NoRoom, UsageError
from tests.kit.images import MIB, make_image

KINDS = Random(5).randbytes(16)


def table(size: int, *places: tuple[str, int, int]) -> gpt.Table:
    """A table with (name, first, last) partitions."""
    entries = bytearray(128 * 128)
    for number, (name, first, last) in enumerate(places):
        entry = KINDS + Random(number).randbytes(16)
        entry += first.to_bytes(8, "little") + last.to_bytes(8, "little") + bytes(8)
        entry += name.encode("utf-16-le").ljust(72, b"\0")
        entries[number * 128 : number * 128 + 128] = entry
    mbr = bytes(446) + b"\0\0\2\0\xee\xff\xff\xff\1\0\0\0" + bytes(4) + bytes(48) + b"\x55\xaa"
    blank = gpt.Table(mbr, UUID(int=7), size, bytes(entries), ())
    return gpt.parse(gpt.head_of(blank), what="made")


@given(st.integers(1, 2000), st.integers(0, 2**30))
def test_a_table_moves_to_any_size(mib: int, more: int) -> None:
    old = table(mib * MIB + 2 * gpt.HEAD, ("data", 40, 40 + mib))
    size = old.size + more * 512
    new = gpt.fitted(old, size)
    assert gpt.parse(gpt.head_of(new), what="new") == replace(new, mbr=gpt.head_of(new)[:512])
    tail = gpt.tail_of(new)
    assert len(tail) == gpt.TAIL
    assert tail[: -gpt.SECTOR] == gpt.head_of(new)[2 * gpt.SECTOR :]
    sectors = int.from_bytes(gpt.head_of(new)[458:462], "little")
    assert sectors == min(size // 512 - 1, 0xFFFFFFFF)


def test_only_the_last_partition_grows() -> None:
    old = table(10 * MIB, ("esp", 2048, 4095), ("data", 4096, 8191))
    new = gpt.grown(old, "data", 5 * MIB + 1)
    assert new.find("data").size == 6 * MIB
    assert new.size == old.size == 10 * MIB
    assert gpt.grown(old, "data", 9 * MIB).size == 2 * MIB + 9 * MIB + gpt.TAIL
    assert gpt.grown(old, "data", 100).find("data").size == 2 * MIB
    with pytest.raises(FormatError, match="cannot grow"):
        gpt.grown(old, "esp", 5 * MIB)


@pytest.mark.parametrize("at", [0, 12, 20, 30, 50, 100])
def test_a_damaged_table_is_seen(at: int) -> None:
    head = bytearray(gpt.head_of(table(10 * MIB, ("data", 4096, 8191))))
    head[512 + at if at < 92 else 1024 + at] ^= 1
    with pytest.raises(FormatError):
        gpt.parse(bytes(head), what="x")


def test_partitions_that_overlap_or_lie_outside() -> None:
    for places in ([("a", 40, 60), ("b", 60, 70)], [("a", 40, 2**40)], [("a", 60, 50)]):
        with pytest.raises(FormatError):
            table(10 * MIB, *places)


class Wrapping:
    """A medium whose addresses begin again, in memory; only what is written is kept."""

    def __init__(self, real: int) -> None:
        self.real = real
        self.pages: dict[int, bytes] = {}

    def write(self, offset: int, data: bytes) -> None:
        for at in range(0, len(data), markers.SIZE):
            self.pages[(offset + at) % self.real] = data[at : at + markers.SIZE]

    def read(self, offset: int) -> bytes:
        return self.pages.get(offset % self.real, b"")


@given(st.integers(2, 300), st.integers(2, 3000), st.data())
def test_wherever_addresses_begin_again_a_net_catches_it(
    image: int, behind: int, data: st.DataObject
) -> None:
    """In pages of 4 KiB: the image is written, then the markers; one of both is not as it was."""
    size = (image + behind) * markers.SIZE
    real = data.draw(st.integers(1, image + behind - 1)) * markers.SIZE
    medium = Wrapping(real)
    written = [bytes([1 + at % 250]) * 16 + at.to_bytes(8, "big") for at in range(image)]
    for at, page in enumerate(written):
        medium.write(at * markers.SIZE, page.ljust(markers.SIZE, b"."))
    nets = markers.behind(image * markers.SIZE, size, b"n")
    for one in nets:
        medium.write(one.offset, one.data)
    image_whole = all(
        medium.read(at * markers.SIZE).startswith(page) for at, page in enumerate(written)
    )
    nets_whole = not markers.lost(nets, {one.offset: medium.read(one.offset) for one in nets})
    assert not (image_whole and nets_whole)


def test_a_marker_of_an_earlier_burn_is_not_ours() -> None:
    [old, *_], [new, *_] = markers.doublings(10 * MIB, b"a"), markers.doublings(10 * MIB, b"b")
    assert markers.lost([new], {new.offset: old.data}) == (new,)
    assert markers.strayed(b"..." + old.data, 100) == old.offset - 103
    assert markers.strayed(old.data, old.offset) is None


SD = Disk(Path("/dev/mmcblk1"), 32 * 10**9, bus="sd", model="SC32G", serial="0xab", sequence="9")
STICK = Disk(Path("/dev/sdb"), 16 * 10**9, bus="usb", is_removable=True)


def test_what_may_be_written() -> None:
    assert offered([SD, STICK], frozenset()) == (SD, STICK)
    assert SD.word == "0xab"
    assert STICK.word == "sdb-16000000000"


@pytest.mark.parametrize(
    ("disk", "words"),
    [
        (replace(STICK, node=Path("/dev/sda")), "this computer runs from it"),
        (replace(STICK, bus="sata", is_removable=False), "built in"),
        (replace(STICK, bus="nvme", is_removable=False), "built in"),
        (replace(SD, bus="mmc"), "no card and no stick"),
        (replace(STICK, size=0), "no card in it"),
        (replace(STICK, is_read_only=True), "write-protected"),
        (replace(STICK, mounts=("/media/x",)), "in use at /media/x"),
        (replace(STICK, parts=(Part("sdb1", "part", 1, mounts=("[SWAP]",)),)), "[SWAP]"),
        (replace(STICK, parts=(Part("sdb1", "part", 1, "LVM2_member"),)), "part of LVM"),
        (replace(STICK, parts=(Part("sdb1", "part", 1, "linux_raid_member"),)), "part of RAID"),
        (replace(STICK, fs_type="zfs_member"), "part of ZFS"),
        (replace(STICK, parts=(Part("vg-root", "lvm", 1),)), "is built upon it"),
        (replace(STICK, parts=(Part("luks", "crypt", 1),)), "is built upon it"),
    ],
)
def test_what_is_never_written(disk: Disk, words: str) -> None:
    assert words in why_not(disk, frozenset({"sda"}))
    assert offered([disk], frozenset({"sda"})) == ()
    with pytest.raises(UsageError):
        choose.by_word([disk], frozenset({"sda"}), [disk.word])
    with pytest.raises(UsageError):
        choose.by_node([disk], frozenset({"sda"}), [disk.node])


def test_a_loop_device_only_if_it_is_named() -> None:
    loop = Disk(Path("/dev/loop3"), 10**9, kind="loop")
    assert offered([loop], frozenset()) == ()
    assert choose.by_node([loop], frozenset(), [loop.node]) == (loop,)


def test_which_are_meant() -> None:
    both = [SD, STICK]
    assert choose.by_answer(both, "2, 1") == (STICK, SD)
    assert choose.by_answer(both, "1，2") == (SD, STICK)
    assert choose.by_answer(both, "  ") == ()
    for wrong in ("3", "0", "sdb", "-1", "yes"):
        with pytest.raises(UsageError):
            choose.by_answer(both, wrong)
    twins = [STICK, replace(STICK, node=Path("/dev/sdc"), serial="1"), replace(SD, serial="1")]
    with pytest.raises(UsageError, match="have the same serial"):
        choose.by_word(twins, frozenset(), ["1"])
    with pytest.raises(UsageError, match="no medium has"):
        choose.by_word(both, frozenset(), ["nobody"])
    with pytest.raises(NoRoom):
        choose.check_room(both, 20 * 10**9)
    partition = replace(STICK, parts=(Part("sdb1", "part", 1),))
    with pytest.raises(UsageError) as refused:
        choose.by_node([partition], frozenset(), [Path("/dev/sdb1")])
    assert refused.value.hint == "name the whole medium: /dev/sdb"


LSBLK = b"""{"blockdevices": [
 {"name":"sdb","kname":"sdb","path":"/dev/sdb","type":"disk","size":16000000000,"rm":true,
  "ro":false,"tran":"usb","vendor":"SanDisk ","model":"Ultra","serial":"4C53","fstype":null,
  "label":null,"partlabel":null,"mountpoints":[null],"children":[
   {"name":"sdb1","type":"part","size":15990000000,"fstype":"vfat","label":"\\u001b[2J\\u8bfe\\u4ef6",
    "mountpoints":["/media/a b"]}]},
 {"name":"sr0","path":"/dev/sr0","type":"rom","size":1,"rm":true,"ro":false}]}"""


def test_what_lsblk_says() -> None:
    """What stands on a stick was written by strangers: nothing that moves the cursor is shown."""
    [disk] = media.parse(LSBLK)
    assert (disk.model, disk.serial, disk.bus) == ("SanDisk Ultra", "4C53", "usb")
    assert disk.parts == (Part("sdb1", "part", 15990000000, "vfat", "[2J课件", ("/media/a b",)),)
    assert disk.holds == ("vfat [2J课件",)
    for wrong in (b"", b"[]", b"{}", b'{"blockdevices": 3}', b'{"blockdevices": [{}]}'):
        with pytest.raises(KexiaError):
            media.parse(wrong)


def test_a_soldered_card_and_the_stick_of_a_reader(tmp_path: Path) -> None:
    """sysfs tells an SD card from an eMMC, and serials that lsblk without udev does not know."""
    for name, kind in (("mmcblk0", "MMC"), ("mmcblk1", "SD")):
        (tmp_path / name / "device").mkdir(parents=True)
        (tmp_path / name / "device" / "type").write_text(kind + "\n")
        (tmp_path / name / "device" / "serial").write_text("0x12345678\n")
        (tmp_path / name / "diskseq").write_text("7\n")
    usb = tmp_path / "usb1" / "1-1"
    (usb / "host" / "block" / "sdb").mkdir(parents=True)
    (usb / "idVendor").write_text("0781\n")
    (usb / "serial").write_text("4C530001\n")
    (tmp_path / "sdb").symlink_to(usb / "host" / "block" / "sdb")
    read = [
        media.with_sysfs(Disk(Path("/dev/mmcblk0"), 1, is_removable=True), tmp_path),
        media.with_sysfs(Disk(Path("/dev/mmcblk1"), 1), tmp_path),
        media.with_sysfs(Disk(Path("/dev/sdb"), 1, bus="usb"), tmp_path),
    ]
    assert [one.bus for one in read] == ["mmc", "sd", "usb"]
    assert [one.serial for one in read] == ["0x12345678", "0x12345678", "4C530001"]
    assert read[1].sequence == "7"
    assert [bool(why_not(one, frozenset())) for one in read] == [True, False, False]


@given(st.integers(25 * MIB, 400 * MIB).map(lambda size: size // 512 * 512))
def test_content_covers_a_card_of_any_size(size: int) -> None:
    """Head and tail always; nothing twice; blocks in order; the middle left alone."""
    image = Image(Path("x"), table(24 * MIB, ("data", 2048, 40000)))
    fitted = fit(Content(image, image.table), size)
    assert fitted.end <= fitted.tail_at <= size
    assert fitted.tail_at == size or fitted.tail_at % BLOCK == 0
    assert size - fitted.tail_at >= gpt.TAIL or fitted.end == size
    assert fitted.end % BLOCK == 0 or fitted.end == size


def test_pieces_of_an_image_on_a_card(tmp_path: Path) -> None:
    made = make_image(tmp_path)
    head = made.path.read_bytes()[: gpt.HEAD]
    image = Image(made.path, gpt.parse(head, what="x"))
    fitted = fit(Content(image, image.table), 100 * MIB)
    offsets = [(offset, len(block)) for offset, block in pieces(fitted)]
    assert sum(length for _, length in offsets) == fitted.total
    assert offsets[0] == (0, BLOCK)
    assert offsets[-1][0] + offsets[-1][1] == 100 * MIB


def test_the_conversation_in_both_languages() -> None:
    assert burn_words.tongue({"LANG": "zh_CN.UTF-8"}) is Tongue.CHINESE
    assert burn_words.tongue({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}) is Tongue.ENGLISH
    assert burn_words.tongue({}) is Tongue.ENGLISH
    for language in Tongue:
        shown = burn_words.listing([SD, replace(STICK, size=10**12)], language)
        assert "[0xab]" in shown
        assert burn_words.word("large", language) in shown.splitlines()[2]
        assert burn_words.word("large", language) not in shown.splitlines()[1]
