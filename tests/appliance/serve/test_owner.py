"""Whose box it is: the first PIN, the card, beginning anew; in real requests."""

from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from appliance import pin, reset_wish, setup_window
from appliance.lan import keep
from appliance.lan.config import NetworkConfig
from appliance.reset_wish import Keep
from appliance.serve.owner import Card
from appliance.state import open_state
from tests.kit.boxes import BoxUnderTest
from tests.kit.phones import PIN, Phone, phone_at, set_pin
from tests.kit.province import Province


@pytest.fixture
def box(tmp_path: Path) -> BoxUnderTest:
    province = Province.create(tmp_path / "province")
    return BoxUnderTest.create(tmp_path / "box", province.root)


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine was switched on a moment ago."""
    monkeypatch.setattr(setup_window, "is_open", lambda *_: True)


@pytest.fixture
async def phone(box: BoxUnderTest) -> AsyncIterator[Phone]:
    async with phone_at(box) as made:
        yield made


def opens(box: BoxUnderTest, number: str) -> bool:
    with closing(open_state(box.paths.state_db)) as state:
        return pin.matches(number, pin.read_pin(state))


@pytest.mark.usefixtures("fresh")
async def test_the_first_pin_is_set_on_the_page(box: BoxUnderTest, phone: Phone) -> None:
    page = await phone.open("/admin")
    assert "/admin/first-pin" in page
    told = await phone.post("/admin/first-pin", pin="246810", again="246810")
    assert told.status == 303
    assert opens(box, "246810")
    assert "/admin/sign-out" in await phone.open("/admin")


@pytest.mark.usefixtures("fresh")
async def test_there_is_only_one_first_pin(box: BoxUnderTest, phone: Phone) -> None:
    await phone.open("/admin")
    set_pin(box)
    told = await phone.post("/admin/first-pin", pin="246810", again="246810")
    assert told.status == 403
    assert opens(box, PIN)


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize(
    ("number", "again"), [("246810", "246811"), ("123456", "123456"), ("1", "1"), ("", "")]
)
async def test_a_pin_that_may_be_none_is_not_taken(
    box: BoxUnderTest, phone: Phone, number: str, again: str
) -> None:
    await phone.open("/admin")
    assert (await phone.post("/admin/first-pin", pin=number, again=again)).status == 400
    assert not opens(box, number)


async def test_later_nobody_sets_it(box: BoxUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup_window, "is_open", lambda *_: False)
    async with phone_at(box) as phone:
        page = await phone.open("/admin")
        assert "/admin/first-pin" not in page
        await phone.open("/send")
        told = await phone.post("/admin/first-pin", pin="246810", again="246810")
        assert told.status == 403
    assert not opens(box, "246810")


async def test_the_card_is_for_who_has_the_pin(box: BoxUnderTest, phone: Phone) -> None:
    set_pin(box)
    keep.save(box.paths, NetworkConfig(ssid="青山", passphrase="lessons-for-all"))
    assert (await phone.ask("GET", "/admin/card")).status == 403
    await phone.sign_in()
    page = await phone.open("/admin/card")
    assert "lessons-for-all" in page
    assert page.count("<svg") == 2
    assert PIN not in page


async def test_a_new_person_gets_a_new_pin(box: BoxUnderTest, phone: Phone) -> None:
    set_pin(box)
    await phone.sign_in()
    async with phone_at(box) as other:
        await other.sign_in()
        await phone.open("/admin/card")
        told = await phone.post("/admin/card", pin="246810", again="246810")
        assert told.status == 200
        assert "246810" in told.text
        assert told.headers["Cache-Control"] == "no-store"
        assert "/admin/sign-out" not in await other.open("/admin")
    assert "/admin/sign-out" in await phone.open("/admin")
    assert opens(box, "246810")
    assert not opens(box, PIN)


async def test_beginning_anew_needs_the_boxs_name(box: BoxUnderTest, phone: Phone) -> None:
    set_pin(box)
    await phone.sign_in()
    told = await phone.post("/admin/reset", name="another", keep="lessons")
    assert told.status == 400
    assert reset_wish.wished(box.paths) is None
    told = await phone.post("/admin/reset", name="课匣", keep="nothing")
    assert told.status == 303
    assert reset_wish.wished(box.paths) is Keep.NOTHING
    assert "初始" in await phone.open(told.headers["Location"])


async def test_beginning_anew_is_for_who_has_the_pin(box: BoxUnderTest, phone: Phone) -> None:
    set_pin(box)
    await phone.open("/admin")
    assert (await phone.post("/admin/reset", name="课匣", keep="nothing")).status == 403
    assert reset_wish.wished(box.paths) is None


def test_a_wifi_code_survives_signs_in_its_names() -> None:
    card = Card("青山", "http://10.42.0.1/", "青;山", "p:ass")
    assert card.wifi_code == "WIFI:T:WPA;S:青\\;山;P:p\\:ass;;"
    assert Card("青山", "x", "open").wifi_code == "WIFI:T:nopass;S:open;;"
    assert Card("青山", "x").wifi_code == ""
