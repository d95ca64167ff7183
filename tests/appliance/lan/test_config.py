"""``[network]``: read strictly with every fault named, written so that it reads back the same."""

import tomllib
from ipaddress import IPv4Address, IPv4Interface
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.lan import keep
from appliance.lan.config import CHANNELS, Mode, NetworkConfig, parse, table
from appliance.paths import BoxPaths
from sync.errors import InputRefused, UsageError

GOLDEN = Path(__file__).parents[2] / "golden" / "lan" / "network.toml"
FULL = NetworkConfig(
    mode=Mode.CLIENT,
    ssid="青山教学点",
    passphrase='q"uo\\te #1 ok',
    channel=149,
    band="5",
    address=IPv4Interface("192.168.1.2/24"),
    gateway=IPv4Address("192.168.1.1"),
    dns=("223.5.5.5", "2400:3200::1"),
    uplink="eth0",
    forward=("02:00:5e:10:00:01", "a4:50:46:00:00:02"),
)
LEAST: dict[str, object] = {"ssid": "school"}
printable = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=63)
names = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=8)


def faults(value: dict[str, object]) -> dict[str, str]:
    with pytest.raises(InputRefused) as caught:
        parse(value)
    return {fault.where: fault.what for fault in caught.value.faults}


def test_the_golden_file_is_read_and_written_byte_for_byte() -> None:
    data = GOLDEN.read_bytes()
    assert keep.read(data) == FULL
    assert keep.write(FULL) == data


def test_a_name_is_enough() -> None:
    config = parse(LEAST)
    assert config == NetworkConfig(ssid="school")
    assert (config.mode, config.channel, config.country) == (Mode.ACCESS_POINT, 6, "CN")
    assert parse({**LEAST, "band": "5"}).channel == 36


@given(names, printable, st.sampled_from(sorted(CHANNELS["2.4"])), st.sampled_from(Mode))
def test_what_is_written_reads_back_the_same(
    ssid: str, passphrase: str, channel: int, mode: Mode
) -> None:
    config = NetworkConfig(mode, ssid, passphrase, channel)
    assert parse(table(config)) == config
    assert keep.read(keep.write(config)) == config


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("mode", "router"),
        ("mode", 1),
        ("ssid", ""),
        ("ssid", "青" * 11),
        ("ssid", "two\nlines"),
        ("ssid", " edge"),
        ("passphrase", "short"),
        ("passphrase", "x" * 64),
        ("passphrase", "line\nbreak"),
        ("passphrase", "八个汉字也不能做口令"),
        ("channel", 14),
        ("channel", True),
        ("channel", "6"),
        ("country", "cn"),
        ("band", "6"),
        ("address", "192.168.1.2"),
        ("address", "192.168.1.0/24"),
        ("address", "192.168.1.255/24"),
        ("address", "127.0.0.1/8"),
        ("address", "fd00::1/64"),
        ("gateway", "router"),
        ("dns", "223.5.5.5"),
        ("dns", ["a.example"]),
        ("dns", ["1.1.1.1"] * 4),
        ("uplink", "eth0; reboot"),
        ("forward", ["02:00:5e:10:00"]),
        ("forward", ["01:00:5e:10:00:01"]),
        ("forward", [7]),
        ("pasphrase", "a slip of the pen"),
    ],
)
def test_each_fault_is_named_by_table_and_key(key: str, value: object) -> None:
    assert list(faults({**LEAST, key: value})) == [f"[network] {key}"]


def test_all_faults_are_told_at_once() -> None:
    found = faults({"mode": "x", "channel": 0, "dns": 5})
    assert set(found) == {"[network] mode", "[network] channel", "[network] dns"}


def test_a_gateway_needs_an_address_beside_it() -> None:
    wired: dict[str, object] = {"mode": "wired", "gateway": "192.168.1.1"}
    assert list(faults(wired)) == ["[network] gateway"]
    assert list(faults({**wired, "address": "192.168.2.2/24"})) == ["[network] gateway"]
    assert list(faults({**wired, "address": "192.168.1.1/24"})) == ["[network] gateway"]
    assert parse({**wired, "address": "192.168.1.2/24"}).gateway == IPv4Address("192.168.1.1")
    assert list(faults({**LEAST, "address": "10.1.0.1/24", "gateway": "10.1.0.9"})) == [
        "[network] gateway"
    ]


def test_devices_have_one_spelling_and_stand_once() -> None:
    config = parse({**LEAST, "forward": ["A4-50-46-00-00-02", "a4:50:46:00:00:02"]})
    assert config.forward == ("a4:50:46:00:00:02",)


def test_the_pass_phrase_is_in_no_repr() -> None:
    assert "secret-words" not in repr(NetworkConfig(ssid="a", passphrase="secret-words"))


def test_the_box_keeps_it_to_itself(tmp_path: Path) -> None:
    paths = BoxPaths(tmp_path)
    with pytest.raises(UsageError, match=r"network\.toml is missing"):
        keep.load(paths)
    keep.save(paths, FULL)
    assert keep.load(paths) == FULL
    assert paths.network.stat().st_mode & 0o777 == 0o600
    assert tomllib.loads(paths.network.read_text())["ssid"] == "青山教学点"


@pytest.mark.parametrize("data", [b"\xff", b"mode = ", b"ssid = 5\n", b"#" * (65 * 1024)])
def test_what_is_no_network_toml_is_refused(tmp_path: Path, data: bytes) -> None:
    paths = BoxPaths(tmp_path)
    paths.network.write_bytes(data)
    with pytest.raises(InputRefused):
        keep.load(paths)
