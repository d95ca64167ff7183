"""kexia.toml: read strictly, written so that it reads back the same."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config import (
    MAX_BUDGET_MIB,
    BoxConfig,
    BoxPaths,
    Listen,
    Publisher,
    Uplink,
    Uploaders,
    Volumes,
    check_url,
    encode,
    load,
    parse,
    parse_want,
    save,
)
from appliance.night import Night
from appliance.onlink import PeerPolicy
from sync.errors import UsageError

GOLDEN = Path(__file__).parents[1] / "golden" / "box" / "kexia.toml"
FULL = BoxConfig(
    name="青山教学点",
    demo=True,
    clock_is_set=True,
    publishers=(
        Publisher("cn", "roots/cn.root.json", ()),
        Publisher("43", "roots/43.root.json", ("https://a.example/r", "http://10.0.0.1:8080")),
    ),
    subscriptions=("43/math-1a", "cn/music"),
    listen=Listen("0.0.0.0", 80, 8081),
    system="43/system-amd64",
    wants=(("43/art-2b", "l3"), ("cn/music", "a.b-1")),
    network=Uplink(
        200, "http://box:secret@10.0.0.2:3128", night_mib=20, month_mib=500, metered_mib=30
    ),
    volumes=Volumes(on=False, types=("exfat", "ext4"), leds=("led0", "mmc0::")),
    uploads=Uploaders.ANYONE,
    peers=PeerPolicy(
        serve=True,
        use=True,
        interfaces=("eth0", "lan"),
        port=8092,
        rate_kib=2048,
        fault_kib=1024,
    ),
    sync_every_hours=6,
    night=Night("22:00", "05:30"),
)

text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)
codes = st.sampled_from(["43", "4301", "cn", "demo"])
publishers = st.builds(
    Publisher,
    codes,
    st.sampled_from(["roots/43.root.json", "r.json"]),
    st.lists(st.sampled_from(["https://a.example", "http://b.example:81/x"])).map(tuple),
)


def test_the_golden_file_is_read_and_written_byte_for_byte() -> None:
    data = GOLDEN.read_text(encoding="utf-8")
    assert parse(data) == FULL
    assert encode(parse(data)) == data


def test_what_is_not_said_has_its_standard_value() -> None:
    assert parse("publishers = []\nsubscriptions = []") == BoxConfig()


@pytest.mark.parametrize(
    "line", ['types = ["hfs"]', 'types = "vfat"', 'leds = ["../x"]', "on = 1", "off = true"]
)
def test_what_volumes_cannot_be_is_refused(line: str) -> None:
    with pytest.raises(UsageError, match="volumes"):
        parse(f"publishers = []\nsubscriptions = []\n[volumes]\n{line}")


@pytest.mark.parametrize("left", ["", "name = 'x'", "subscriptions = ['43/a']", "publishers = []"])
def test_a_file_cut_off_is_no_box_that_follows_nobody(left: str) -> None:
    with pytest.raises(UsageError, match="empty or cut off"):
        parse(left)


@given(
    st.builds(
        BoxConfig,
        name=text,
        demo=st.booleans(),
        clock_is_set=st.booleans(),
        publishers=st.lists(publishers, unique_by=lambda item: item.code).map(tuple),
        subscriptions=st.sets(st.sampled_from(["43/a", "43/b.c-1", "cn/x"])).map(
            lambda items: tuple(sorted(items))
        ),
        listen=st.builds(Listen, text, st.integers(0, 65535), st.integers(0, 65535)),
        network=st.builds(
            Uplink,
            st.integers(0, 2**20),
            st.sampled_from(["", "http://[fd00::1]:3128"]),
            st.integers(0, MAX_BUDGET_MIB),
            st.integers(0, MAX_BUDGET_MIB),
            st.integers(0, MAX_BUDGET_MIB),
        ),
        peers=st.builds(
            PeerPolicy,
            st.booleans(),
            st.booleans(),
            st.lists(st.sampled_from(["lan", "eth0"])).map(tuple),
            st.integers(1024, 65535),
            st.integers(0, 2**20),
            st.integers(0, 2**20),
        ),
        wants=st.sets(st.sampled_from([("43/a", "l1"), ("cn/x", "a.b-2")])).map(
            lambda items: tuple(sorted(items))
        ),
        uploads=st.sampled_from(Uploaders),
        sync_every_hours=st.integers(0, 168),
        night=st.sampled_from([Night(), Night("00:00", "23:59"), Night("22:00", "06:00")]),
    )
)
def test_what_is_written_reads_back(config: BoxConfig) -> None:
    assert parse(encode(config)) == config


@pytest.mark.parametrize("key", ["", "43", "43/a", "43/a/", "43/a/L", "43/a/l/m", "/a/l", "43/a/-"])
def test_what_is_no_lessons_key_is_refused(key: str) -> None:
    with pytest.raises(UsageError, match="no lesson's key"):
        parse_want(key)


def test_lessons_are_asked_for_and_no_longer() -> None:
    asked = BoxConfig().wanting(["43/a/l2", "43/a/l1", "43/a/l2"])
    assert asked.wants == (("43/a", "l1"), ("43/a", "l2"))
    assert asked.collections == ("43/a",)
    assert asked.not_wanting(["43/a/l2"]).wants == (("43/a", "l1"),)
    with pytest.raises(UsageError, match="not asked for: 43/a/l9"):
        asked.not_wanting(["43/a/l9"])


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("name = 3", "name must be text"),
        ("name = ' '", "name must be text"),
        ("demo = 'yes'", "demo must be true or false"),
        ("subscriptions = '43/a'", "subscriptions must be a list of texts"),
        ("subscriptions = ['music']", "'music' is no collection id"),
        ("colour = 'red'", "colour is no field of this file"),
        ("listen = 80", "listen must be a table"),
        ("[listen]\nport = 70000", "listen.port must be a number from 0 to 65535"),
        ("[listen]\nport = true", "listen.port must be a number"),
        ("[listen]\nhots = 'x'", "listen.hots is no field"),
        ('night = {from = "22:00"}', "night.from and night.to must be times of day like 22:00"),
        ("sync_every_hours = 1000", "sync_every_hours must be a number from 0 to 168"),
        ("[network]\nrate_kib = -1", "network.rate_kib must be a number from 0 to 1048576"),
        ("[peers]\nserve = 1", "peers.serve must be true or false"),
        ("[peers]\nport = 80", "peers.port must be a number from 1024 to 65535"),
        ("[peers]\ninterfaces = 'eth0'", "peers.interfaces must be a list of texts"),
        ("[peers]\nport = 8082\nwifi = true", "peers.wifi is no field"),
        ("[network]\nmetered_mib = -1", "network.metered_mib must be a number"),
        ("[upload]\nwho = 'everybody'", "upload.who: 'everybody' is none of pin, anyone, nobody"),
        ("[upload]\nwhom = 'pin'", "upload.whom is no field"),
        ("[network]\nrate = 1", "network.rate is no field"),
        ("[network]\nproxy = 3", "network.proxy must be text"),
        ("[network]\nproxy = 'socks5://h:1'", "network.proxy: the proxy's address"),
        ("[network]\nproxy = 'http://h'", "network.proxy: the proxy's address"),
        ("[network]\nproxy = 'http://h:x'", "network.proxy: the proxy's address"),
        ("[network]\nproxy = 'http://h:80/p'", "network.proxy: the proxy's address"),
        ("publishers = 3", "publishers must be a list of tables"),
        ("[[publishers]]\ncode = '43'", "publishers[0].root must be text"),
        ("[[publishers]]\ncode = 'X'\nroot = 'r'", "'X' is no publisher's code"),
        ("[[publishers]]\ncode = '43'\nroot = '../r'", "lies outside the box's folder"),
        ("[[publishers]]\ncode = '43'\nroot = '/r'", "lies outside the box's folder"),
        ("[[publishers]]\ncode = '43'\nroot = 'r'\nurls = ['ftp://x']", "'ftp://x' is no http"),
        (
            "[[publishers]]\ncode = '43'\nroot = 'r'\n[[publishers]]\ncode = '43'\nroot = 'r'",
            "code stands twice",
        ),
        ("name = ", "no TOML"),
        ("name = " + "[" * 2000, "no TOML"),
    ],
)
def test_every_slip_is_named(toml: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(toml)
    assert words in caught.value.fact
    assert caught.value.hint


def test_a_folder_without_configuration_is_no_box(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no box") as caught:
        load(BoxPaths(tmp_path))
    assert "kexia box init" in caught.value.hint


def test_a_file_that_did_not_change_is_parsed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parsing takes longer than all else a sync does with it, and a sync asks six times."""
    texts: list[str] = []
    loads = tomllib.loads

    def loading(text: str) -> dict[str, object]:
        texts.append(text)
        return loads(text)

    monkeypatch.setattr("appliance.config.tomllib.loads", loading)
    paths = BoxPaths(tmp_path)
    first, second = BoxConfig(name="一"), BoxConfig(name="二")
    for config in (first, second, first):
        paths.config_file.write_text(encode(config), encoding="utf-8")
        assert [load(paths), load(paths)] == [config, config]
    assert texts == [encode(config) for config in (first, second, first)]


def test_load_names_the_file(tmp_path: Path) -> None:
    paths = BoxPaths(tmp_path)
    paths.config_file.write_text("demo = 1")
    with pytest.raises(UsageError, match=r"kexia\.toml: demo"):
        load(paths)
    paths.config_file.write_bytes("name = '湖南'".encode("gbk"))
    with pytest.raises(UsageError, match="not UTF-8"):
        load(paths)


def test_save_and_load(tmp_path: Path) -> None:
    paths = BoxPaths(tmp_path / "box")
    save(paths, FULL)
    assert load(paths) == FULL


def test_subscriptions_are_a_sorted_set() -> None:
    config = BoxConfig().subscribed(["43/b", "43/a", "43/b"])
    assert config.subscriptions == ("43/a", "43/b")
    assert config.unsubscribed(["43/a"]).subscriptions == ("43/b",)
    with pytest.raises(UsageError, match="not subscribed: 43/z"):
        config.unsubscribed(["43/z"])
    with pytest.raises(UsageError, match="no collection id"):
        config.subscribed(["a"])


def test_following_again_replaces_the_urls() -> None:
    one = Publisher("43", "roots/43.root.json", ())
    two = Publisher("43", "roots/43.root.json", ("http://x",))
    assert BoxConfig().following(one).following(two).publishers == (two,)


@pytest.mark.parametrize("url", ["", "x", "ftp://x", "http://", "http:// x", "https:///path"])
def test_bad_urls(url: str) -> None:
    with pytest.raises(UsageError):
        check_url(url)
