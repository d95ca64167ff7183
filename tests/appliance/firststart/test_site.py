"""The site file: read whatever editor saved it, every fault named, written byte for byte."""

import ipaddress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance import pin as pins
from appliance.firststart.chance import ALPHABET, new_name, new_passphrase, new_pin
from appliance.firststart.checks import check_name, check_pin, check_ssh_key
from appliance.firststart.site import MAX_SITE, Site, SitePublisher, read_site, write_site
from appliance.lan.config import Mode, NetworkConfig, check_passphrase
from appliance.night import Night
from catalog import codes
from sync.errors import InputRefused, UsageError
from tests.kit.timetables import GOLDEN as TIMETABLE
from tests.kit.timetables import WEEK, weeks

GOLDEN = Path(__file__).parents[2] / "golden" / "site-1.toml"
LONG = b"format = 1\n#" + b"x" * MAX_SITE
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f 县电教馆"
SITE = Site(
    name="青山教学点",
    code="430121",
    grades=(1, 2, 3),
    subjects=("music", "art", "english"),
    serial="430121-001",
    publishers=(
        SitePublisher(
            "roots/43.root.json",
            ("https://www.example.cn/kexia", "http://10.0.0.5:8080"),
            ("43/math-1a", "430121/music-1a"),
        ),
        SitePublisher("roots/cn.root.json"),
    ),
    network=NetworkConfig(
        mode=Mode.WIRED,
        ssid='青山 "教室"; 1',
        passphrase="abcd\\efgh;,:\"'",
        channel=11,
        address=ipaddress.IPv4Interface("192.168.1.2/24"),
        gateway=ipaddress.IPv4Address("192.168.1.1"),
        dns=("223.5.5.5",),
        forward=("02:00:5e:10:00:01",),
    ),
    night=Night("21:30", "05:00"),
    pin="204857",
    ssh_keys=(KEY,),
    system="43/system",
)


def test_the_golden_file_is_read_and_written_byte_for_byte() -> None:
    assert read_site(GOLDEN.read_bytes()) == SITE
    assert write_site(SITE) == GOLDEN.read_bytes()


def test_a_timetable_stands_at_its_end() -> None:
    site = replace(SITE, timetable=WEEK)
    table = TIMETABLE.read_bytes().partition(b"[[timetable]]")
    assert write_site(site).endswith(b"".join(table[1:]).replace(b"\n", b"\r\n"))
    assert read_site(write_site(site)) == site


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_any_editor_may_have_saved_it(codec: str, ends: str) -> None:
    text = GOLDEN.read_bytes().decode().replace("\r\n", ends)
    assert read_site(text.encode(codec)) == SITE


def test_what_stays_on_the_card_holds_no_secret() -> None:
    left = write_site(SITE.without_secrets())
    assert SITE.pin.encode() not in left
    assert b"abcd" not in left
    assert not read_site(left).has_secrets
    assert "204857" not in repr(SITE)
    assert "abcd" not in repr(SITE)


def test_a_page_by_hand_is_enough() -> None:
    site = read_site("format = 1\n[site]\nname = '青山'\ncode = '430121'\n".encode())
    assert site == Site("青山", "430121")
    assert read_site(write_site(site)) == site


def test_every_fault_is_named_at_once() -> None:
    bad = """
format = 2
[site]
name = "=cmd|' /C calc'!A0"
code = "43"
grades = [0]
subjects = ["alchemy"]
serial = "../../etc"
speed = 1
[[publisher]]
root = "../43.root.json"
urls = ["ftp://example.cn"]
collections = ["43"]
[[publisher]]
[network]
ssid = "a"
channel = 99
[night]
from = "25:00"
[access]
pin = "111111"
ssh_keys = ["command=\\"rm\\" ssh-ed25519 AAAA"]
[update]
system = "system"
"""
    with pytest.raises(InputRefused) as caught:
        read_site(bad.encode())
    assert [fault.where for fault in caught.value.faults] == [
        "format",
        "[site] name",
        "[site] code",
        "[site] grades",
        "[site] subjects",
        "[site] serial",
        "[[publisher]] 1 root",
        "[[publisher]] 1 urls",
        "[[publisher]] 1 collections",
        "[[publisher]] 2 root",
        "[network] channel",
        "[night] from",
        "[access] pin",
        "[access] ssh_keys",
        "[update] system",
        "[site] speed",
    ]


@pytest.mark.parametrize(
    "data",
    [b"", b"\0" * 40, b"\xff" * 40, b"[[[", b"a=" + b"[" * 20_000, b"a = " + b"9" * 5000, LONG],
)
def test_what_is_no_site_file_is_refused(data: bytes) -> None:
    with pytest.raises(InputRefused) as caught:
        read_site(data)
    assert caught.value.faults


@pytest.mark.parametrize(
    "name", ["青山教学点", "ئۇيغۇر مەكتەپ", "བོད་ཡིག", "ᠮᠣᠩᠭᠣᠯ\u180eᠠ", "1小", "A·B（分）"]
)
def test_names_of_all_peoples(name: str) -> None:
    assert check_name(name) == ""


UNLAWFUL = (
    *(
        "=1+1",
        "+86",
        "-a",
        "@x",
        " a",
        "a ",
        "a  b",
        "a\nb",
        "a\tb",
        "\u202e点学教",
        "a\u200fb",
        "🏫",
    ),
    *("\ud800", "a" * 41, "...", "\ufffd1", "a\ufe0f", "\x00a", "a\u200fb"),
)


@pytest.mark.parametrize("name", UNLAWFUL)
def test_names_that_would_break_a_card_or_a_list(name: str) -> None:
    assert check_name(name)


@given(st.from_regex(r"[0-9]{5,7}", fullmatch=True))
def test_pins_follow_the_rule_of_the_page(pin: str) -> None:
    try:
        lawful = pins.check(pin) == pin and len(pin) == 6
    except UsageError:
        lawful = False
    assert (check_pin(pin) == "") is lawful


@given(st.integers(0, 2**32))
def test_secrets_that_are_made_are_lawful(seed: int) -> None:
    below = Random(seed).randrange
    phrase = new_passphrase(below)
    assert len(phrase) == 12
    assert set(phrase) <= set(ALPHABET)
    assert not set(phrase) & set("il1o0IO")
    assert check_passphrase(phrase) == ""
    pin = new_pin(below)
    assert check_pin(pin) == ""
    assert len({int(b) - int(a) for a, b in pairwise(pin)}) > 1
    assert new_name(below).startswith("Kexia-")


def test_a_row_is_drawn_again() -> None:
    drawn = iter([111111, 123456, 204857])
    assert new_pin(lambda _: next(drawn)) == "204857"


@pytest.mark.parametrize(
    "key",
    [
        KEY + "\n",
        "no-pty " + KEY,
        KEY.replace("AAAAC3", "BAAAC3"),
        "ssh-dss AAAA",
        KEY * 40,
        "ssh-ed25519",
    ],
)
def test_ssh_keys_are_single_keys_without_options(key: str) -> None:
    assert check_ssh_key(KEY) == ""
    assert check_ssh_key(key)


names = st.text(max_size=45).filter(lambda text: text != "" and not check_name(text))
sites = st.builds(
    Site,
    name=names,
    code=st.from_regex(r"[0-9]{6,12}", fullmatch=True),
    grades=st.sets(st.integers(1, 12)).map(lambda found: tuple(sorted(found))),
    subjects=st.sets(st.sampled_from([tag.code for tag in codes.tags("subject")])).map(tuple),
    serial=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9-]{0,20}", fullmatch=True),
    publishers=st.lists(
        st.sampled_from(SITE.publishers), unique_by=lambda publisher: publisher.root
    ).map(tuple),
    network=st.builds(
        NetworkConfig,
        mode=st.sampled_from(Mode),
        ssid=st.sampled_from(["a", '"', "\\", "'''", '课匣;,:\\"', "#", "x" * 32]),
        passphrase=st.text(
            st.characters(min_codepoint=32, max_codepoint=126), min_size=8, max_size=63
        ),
        channel=st.integers(1, 13),
    ),
    night=st.sampled_from([Night("22:00", "06:00"), Night("00:00", "23:59")]),
    pin=st.sampled_from(["", "204857"]),
    ssh_keys=st.sampled_from([(), (KEY,)]),
    system=st.sampled_from(["", "43/system"]),
    timetable=weeks(),
)


@given(sites)
def test_what_is_written_reads_back(site: Site) -> None:
    assert read_site(write_site(site)) == site
