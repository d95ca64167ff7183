"""What the screen says, how it is drawn, and that it reaches the framebuffer as it must."""

from dataclasses import replace
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path

import pytest
from PIL import Image

from appliance.config import BoxPaths
from appliance.doctor.sayings import SITE_REFUSED
from appliance.firststart.note import Note, encode
from appliance.lan import keep
from appliance.lan.config import NetworkConfig
from appliance.language import Language, speech
from appliance.onlink import ETHERNET, Interface
from appliance.screen import draw as drawing
from appliance.screen.board import Facts, Tone, Wifi, compose
from appliance.screen.draw import NoFont, Size, draw
from appliance.screen.facts import NO_DATA, reachable, read_facts
from appliance.screen.framebuffer import (
    Framebuffer,
    drawn_size,
    pixels,
    read_framebuffer,
    show,
    without_console,
)
from appliance.sticks import Phase, Stick, Word
from sync.errors import FormatError
from tests.kit.boxes import BoxUnderTest
from tests.kit.phones import set_pin
from tests.kit.province import Province

CHINESE = speech(Language.CHINESE)
COMING = Stick("sdb1", Phase.IMPORTING, Word.IMPORTING, "县里", 40, 100)
FACTS = Facts("青山教学点", ("10.42.0.1",), 80, Wifi("青山", True), True, 128, (COMING,))


def said(facts: Facts) -> str:
    return "\n".join(line.text for line in compose(facts, CHINESE).lines)


def test_it_says_how_to_come_and_what_happens() -> None:
    board = compose(FACTS, CHINESE)
    assert board.title == "青山教学点"
    assert board.code == "http://10.42.0.1/"
    assert board.progress == 40
    assert "连接 Wi-Fi：青山" in said(FACTS)
    assert "正在从 U 盘导入课程" in said(FACTS)


def test_a_page_that_does_not_answer_has_no_code() -> None:
    starting = Facts("青山", ("10.42.0.1",), is_serving=False)
    assert compose(starting, CHINESE).code == ""
    assert "正在启动" in said(starting)


def test_without_an_address_it_says_so() -> None:
    lines = compose(Facts("青山"), CHINESE).lines
    assert lines[0].tone is Tone.BAD


def test_a_port_of_its_own_is_named() -> None:
    facts = Facts("青山", ("192.168.1.5",), 8080, None, True)
    assert compose(facts, CHINESE).code == "http://192.168.1.5:8080/"


def test_a_problem_comes_before_what_is_done() -> None:
    sticks = (
        Stick("sda1", Phase.DONE, Word.DONE),
        Stick("sdb1", Phase.PROBLEM, Word.REFUSED),
        Stick("sdc1", Phase.LEFT_ALONE, Word.NOT_OURS),
    )
    board = compose(Facts("青山", ("10.42.0.1",), 80, None, True, 1, sticks), CHINESE)
    assert board.progress is None
    assert "签名" in said(Facts("青山", ("10.42.0.1",), 80, None, True, 1, sticks))


def test_names_of_strangers_do_not_break_the_picture() -> None:
    board = compose(Facts("x\x1b[2J\n" * 100, ("10.42.0.1",)), CHINESE)
    assert board.title.isprintable()
    assert len(board.title) <= 60


@pytest.mark.parametrize("size", [Size(640, 480), Size(1280, 720), Size(1920, 1080)])
def test_the_picture_has_the_screens_size_and_a_code(size: Size) -> None:
    with_code, without = (
        draw(compose(facts, CHINESE), size)
        for facts in (FACTS, Facts("青山教学点", ("10.42.0.1",), 80, Wifi("青山", True), False))
    )
    assert with_code.size == (size.width, size.height)
    corner = (size.width * 3 // 5, size.height // 4, size.width, size.height * 3 // 4)
    dark = with_code.crop(corner).convert("L").histogram()[0]
    assert dark > 50 * max(1, without.crop(corner).convert("L").histogram()[0])


def test_without_a_font_it_says_what_to_install() -> None:
    with pytest.raises(NoFont, match="no font with Chinese"):
        draw(compose(FACTS, CHINESE), Size(640, 480), ("/nowhere.ttc",))


def test_what_closes_never_begins_a_line() -> None:
    font = drawing._font(drawing.FONTS, 20)
    parts = drawing._broken("请不要拔出，等课匣显示“完成”。" * 4, font, 150)
    assert len(parts) > 3
    assert all(part[0] not in "，。、；：！？”’）》" for part in parts)


def test_pixels_lie_as_the_framebuffer_wants_them() -> None:
    picture = Image.new("RGB", (2, 1))
    picture.putpixel((0, 0), (255, 0, 0))
    picture.putpixel((1, 0), (8, 132, 16))
    full = b"".join(pixels(picture, Framebuffer(Size(2, 1), 32, 12)))
    assert full == bytes([0, 0, 255, 255, 16, 132, 8, 255]) + bytes(4)
    small = b"".join(pixels(picture, Framebuffer(Size(2, 1), 16, 4)))
    assert small == (0xF800).to_bytes(2, "little") + (0x0C22).to_bytes(2, "little")


@pytest.mark.parametrize(
    ("screen", "drawn"),
    [
        (Size(1366, 768), Size(1366, 768)),
        (Size(1920, 1200), Size(1920, 1200)),
        (Size(2560, 1440), Size(1280, 720)),
        (Size(3840, 2160), Size(1920, 1080)),
        (Size(8192, 8192), Size(1365, 1365)),
    ],
)
def test_a_large_screen_is_drawn_small_and_filled(screen: Size, drawn: Size) -> None:
    assert drawn_size(screen) == drawn
    stride = screen.width * 4 + 64
    picture = Image.new("RGB", (drawn.width, drawn.height), (1, 2, 3))
    rows, largest = 0, 0
    for part in pixels(picture, Framebuffer(screen, 32, stride)):
        assert len(part) % stride == 0
        assert part[:4] == bytes([3, 2, 1, 255])
        rows, largest = rows + len(part) // stride, max(largest, len(part))
    assert screen.height - 8 < rows <= screen.height
    assert largest < 5 * 2**20


def test_no_terminal_is_told_and_the_picture_comes_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plain = tmp_path / "tty1"
    plain.touch()
    with plain.open() as given:
        for terminal in (plain, tmp_path / "none"):
            caplog.clear()
            with without_console(terminal, given.fileno()):
                assert str(terminal) in caplog.text


def fake(folder: Path, size: str, bits: str, stride: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in (("virtual_size", size), ("bits_per_pixel", bits), ("stride", stride)):
        (folder / name).write_text(text + "\n")
    return folder


def test_the_kernel_says_what_the_screen_is(tmp_path: Path) -> None:
    assert read_framebuffer(tmp_path / "none") is None
    found = read_framebuffer(fake(tmp_path / "fb0", "1280,720", "32", "5120"))
    assert found == Framebuffer(Size(1280, 720), 32, 5120)


@pytest.mark.parametrize(
    ("size", "bits", "stride"),
    [("1280,720", "24", "5120"), ("99999,720", "32", "5120"), ("1280,720", "32", "100")],
)
def test_a_screen_of_an_unknown_kind_is_said(
    tmp_path: Path, size: str, bits: str, stride: str
) -> None:
    with pytest.raises(FormatError):
        read_framebuffer(fake(tmp_path / "fb0", size, bits, stride))


def test_all_of_a_picture_is_written(tmp_path: Path) -> None:
    device = tmp_path / "fb0"
    device.write_bytes(bytes(3_000_000))
    data = bytes(range(256)) * 10_000
    show((data[:1_000_001], data[1_000_001:]), device)
    assert device.read_bytes() == data + bytes(3_000_000 - len(data))


def test_a_tablet_is_told_an_address_it_can_reach() -> None:
    def card(name: str, address: str, **more: object) -> Interface:
        return Interface(
            name=name,
            kind=ETHERNET,
            is_up=bool(more.get("up", True)),
            is_wireless=bool(more.get("wireless")),
            drivers=frozenset({str(more.get("driver", "e1000"))}),
            addresses=(IPv4Interface(address), IPv6Interface("fe80::1/64")),
        )

    found = reachable(
        [
            card("lo", "127.0.0.1/8"),
            card("eth0", "192.168.1.5/24"),
            card("wlan0", "10.42.0.1/24", wireless=True),
            card("usb0", "192.168.42.2/24", driver="rndis_host"),
            card("eth1", "192.168.9.9/24", up=False),
        ]
    )
    assert found == ("10.42.0.1", "192.168.1.5")


def test_a_box_is_read(tmp_path: Path) -> None:
    province = Province.create(tmp_path / "province")
    province.publish({"43/a": {"l1.pdf": b"one"}})
    box = BoxUnderTest.create(tmp_path / "box", province.root).subscribe("43/a")
    box.sync(province.repository)
    facts = read_facts(box.paths)
    assert (facts.name, facts.lessons, facts.is_serving) == ("课匣", 1, False)


def test_only_a_box_that_nobody_has_set_up_says_its_pass_phrase(tmp_path: Path) -> None:
    province = Province.create(tmp_path / "province")
    box = BoxUnderTest.create(tmp_path / "box", province.root)
    keep.save(box.paths, NetworkConfig(ssid="Kexia-0001", passphrase="lessons-for-all"))
    new = read_facts(box.paths)
    assert new.wifi == Wifi("Kexia-0001", True, "lessons-for-all")
    assert "lessons-for-all" in said(replace(new, addresses=("10.42.0.1",)))
    set_pin(box)
    assert read_facts(box.paths).wifi == Wifi("Kexia-0001", True)


def test_what_the_first_start_could_not_do_is_told(tmp_path: Path) -> None:
    province = Province.create(tmp_path / "province")
    box = BoxUnderTest.create(tmp_path / "box", province.root)
    note = Note(refused="c" * 64, problem="p", faults=("[site] code: is missing",))
    box.paths.first_start.write_bytes(encode(note))
    assert read_facts(box.paths).troubles == (SITE_REFUSED, "[site] code: is missing")


def test_storage_that_is_gone_is_told(tmp_path: Path) -> None:
    assert read_facts(BoxPaths(tmp_path / "gone")).troubles == (NO_DATA,)
    (tmp_path / "empty").mkdir()
    assert read_facts(BoxPaths(tmp_path / "empty")).troubles == (NO_DATA,)
