"""The box's own Wi-Fi: every name leads here, and every system is told what keeps it here."""

import asyncio
from dataclasses import replace
from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from appliance.config import BoxPaths
from appliance.lan import inforce
from appliance.lan.config import Mode
from appliance.lan.inforce import InForce
from appliance.serve.captive import MAX_SEEN, SECONDS_SEEN, SECONDS_STATE, Captive
from appliance.serve.probes import Treatment, probe_of
from tests.kit.served import ServedBox
from tests.kit.visiting import Answer, Visit, visiting

OURS = InForce(Mode.ACCESS_POINT, "wlan0", IPv4Interface("127.0.0.1/24"), "school")
ANDROID = (
    ("connectivitycheck.gstatic.com", "/generate_204"),
    ("www.google.com", "/gen_204"),
    ("connectivitycheck.platform.hicloud.com", "/generate_204_0a1b2c"),
    ("connect.rom.miui.com", "/generate_204"),
    ("conn1.oppomobile.com", "/generate_204"),
    ("wifi.vivo.com.cn", "/generate_204"),
)
WINDOWS = (
    ("www.msftconnecttest.com", "/connecttest.txt", "Microsoft Connect Test"),
    ("www.msftncsi.com", "/ncsi.txt", "Microsoft NCSI"),
)
ALWAYS = (
    ("captive.apple.com", "/hotspot-detect.html", "<TITLE>Success</TITLE>"),
    ("captive.apple.com", "/", "<BODY>Success</BODY>"),
    ("www.apple.com", "/library/test/success.html", "Success"),
    ("detectportal.firefox.com", "/success.txt?ipv4", "success\n"),
    ("detectportal.firefox.com", "/canonical.html", "support.mozilla.org/kb/captive-portal"),
    ("nmcheck.gnome.org", "/check_network_status.txt", "NetworkManager is online\n"),
)


async def asked(visit: Visit, host: str, path: str, method: str = "GET") -> Answer:
    return await visit.get(path, method=method, Host=host)


async def test_android_is_welcomed_and_then_told_that_all_is_well(fresh: ServedBox) -> None:
    inforce.save(fresh.paths, OURS)
    async with visiting(fresh.paths.root) as visit:
        for host, path in ANDROID:
            answer = await asked(visit, host, path)
            assert answer.status == 302, host
            assert answer.headers["Location"] == f"{visit.running.url}/welcome"
        page = await visit.get("/welcome")
        assert page.status == 200
        assert visit.running.url + "/" in page.text
        assert "http://ke.lan/" in page.text
        # Shown is not seen: the window that shows it would close at the first 204.
        assert (await asked(visit, *ANDROID[0])).status == 302
        pressed = await visit.get("/welcome/on")
        assert (pressed.status, pressed.headers["Location"]) == (303, "/")
        for host, path in ANDROID:
            answer = await asked(visit, host, path)
            assert (answer.status, answer.body) == (204, b"")
            assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("host", "path", "text"), WINDOWS)
async def test_windows_opens_its_browser_once(
    fresh: ServedBox, host: str, path: str, text: str
) -> None:
    inforce.save(fresh.paths, OURS)
    async with visiting(fresh.paths.root) as visit:
        assert (await asked(visit, host, path)).status == 302
        await visit.get("/welcome/on")
        answer = await asked(visit, host, path)
        assert (answer.status, answer.text) == (200, text)


@pytest.mark.parametrize(("host", "path", "text"), ALWAYS)
async def test_apple_and_browsers_are_never_held_up(
    fresh: ServedBox, host: str, path: str, text: str
) -> None:
    inforce.save(fresh.paths, OURS)
    async with visiting(fresh.paths.root) as visit:
        answer = await asked(visit, host, path)
        assert answer.status == 200
        assert text in answer.text


async def test_whatever_is_typed_leads_to_the_lessons(fresh: ServedBox) -> None:
    inforce.save(fresh.paths, OURS)
    async with visiting(fresh.paths.root) as visit:
        for host, path in (("www.baidu.com", "/"), ("www.msftconnecttest.com", "/redirect")):
            answer = await asked(visit, host, path)
            assert (answer.status, answer.body) == (302, b"")
            assert answer.headers["Location"] == f"{visit.running.url}/"
        assert (await asked(visit, "www.baidu.com", "/", "HEAD")).status == 302


async def test_a_foreign_name_still_reads_and_changes_nothing(
    fresh: ServedBox,
) -> None:
    """DNS rebinding: all that a page from elsewhere gets is a way to an address not its own."""
    inforce.save(fresh.paths, OURS)
    async with visiting(fresh.paths.root) as visit:
        for path in ("/admin", "/api/v1/lessons", "/welcome", "/welcome/on", "/search?q=a"):
            answer = await asked(visit, "evil.example", path)
            assert answer.status == 302
            assert answer.body == b""
            assert "Set-Cookie" not in answer.headers
        assert (await asked(visit, "evil.example", "/admin/sign-in", "POST")).status == 421
        site = await visit.get_site("/s/", Host="evil.example")
        assert site.status == 421
        # /welcome/on under a foreign name has marked nobody.
        assert (await asked(visit, *ANDROID[0])).status == 302


@pytest.mark.parametrize(
    "state",
    [
        None,
        replace(OURS, mode=Mode.WIRED),
        replace(OURS, mode=Mode.CLIENT),
        replace(OURS, address=None),
        replace(OURS, address=IPv4Interface("192.168.77.1/24")),
    ],
)
async def test_elsewhere_foreign_names_are_refused_as_ever(
    fresh: ServedBox, state: InForce | None
) -> None:
    if state is not None:
        inforce.save(fresh.paths, state)
    async with visiting(fresh.paths.root) as visit:
        for host, path in (ANDROID[0], ("www.baidu.com", "/"), ("captive.apple.com", "/")):
            assert (await asked(visit, host, path)).status == 421
        page = await visit.get("/welcome")
        assert page.status == 200
        assert "ke.lan" not in page.text


async def test_a_wifi_that_begins_while_pages_are_served(fresh: ServedBox) -> None:
    async with visiting(fresh.paths.root) as visit:
        assert (await asked(visit, *ANDROID[0])).status == 421
        inforce.save(fresh.paths, OURS)
        await asyncio.sleep(SECONDS_STATE + 0.1)
        assert (await asked(visit, *ANDROID[0])).status == 302


def test_having_seen_it_lasts_as_long_as_a_lease_and_is_bounded(tmp_path: Path) -> None:
    now = 0.0
    captive = Captive(BoxPaths(tmp_path), None, box="x", ticks=lambda: now)  # type: ignore[arg-type]
    for number in range(MAX_SEEN + 1):
        captive._remember(f"10.0.{number // 256}.{number % 256}")
    assert not captive._has_seen("10.0.0.0")
    assert captive._has_seen("10.0.0.1")
    now = SECONDS_SEEN
    assert not captive._has_seen("10.0.0.1")


def test_only_what_is_a_probe_is_taken_for_one() -> None:
    assert probe_of("any.example", "/") is None
    assert probe_of("any.example", "/generate") is None
    assert probe_of("captive.apple.com", "/other") is None
    android = probe_of("connect.rom.miui.com", "/generate_204")
    assert android is not None
    assert android.treatment is Treatment.WELCOME
