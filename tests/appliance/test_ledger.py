"""The ledger: what was spent holds across syncs, kills and months."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.config import Uplink
from appliance.update.ledger import KEPT, MIB, Ledger

EVENING = datetime(2026, 11, 25, 20, tzinfo=UTC)


class Clock:
    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.json")


def left(ledger: Ledger, uplink: Uplink, now: datetime) -> int:
    purse = ledger.purse(uplink, Clock(now))
    assert purse is not None
    return purse.left


def spend(ledger: Ledger, uplink: Uplink, now: datetime, count: int) -> None:
    purse = ledger.purse(uplink, Clock(now))
    assert purse is not None
    purse.pay(count)
    purse.close()


def test_without_a_budget_there_is_no_purse(ledger: Ledger) -> None:
    assert ledger.purse(Uplink(), Clock(EVENING)) is None


def test_a_night_goes_from_noon_to_noon(ledger: Ledger) -> None:
    uplink = Uplink(night_mib=20)
    spend(ledger, uplink, EVENING, 5 * MIB)
    assert left(ledger, uplink, EVENING + timedelta(hours=15)) == 15 * MIB
    assert left(ledger, uplink, EVENING + timedelta(hours=17)) == 20 * MIB


def test_the_month_counts_all_its_nights(ledger: Ledger) -> None:
    uplink = Uplink(night_mib=20, month_mib=50)
    for night in range(3):
        spend(ledger, uplink, EVENING - timedelta(days=night), 15 * MIB)
    assert left(ledger, uplink, EVENING + timedelta(days=1)) == 5 * MIB
    assert left(ledger, uplink, EVENING + timedelta(days=10)) == 20 * MIB
    spend(ledger, uplink, EVENING + timedelta(days=1), 9 * MIB)
    assert left(ledger, uplink, EVENING + timedelta(days=2)) == 0


def test_a_kill_forgets_less_than_a_mebibyte(ledger: Ledger) -> None:
    uplink = Uplink(night_mib=20)
    purse = ledger.purse(uplink, Clock(EVENING))
    assert purse is not None
    for _ in range(50):
        purse.pay(100_000)
    assert 20 * MIB - left(ledger, uplink, EVENING) >= 5_000_000 - MIB


def test_old_days_are_forgotten(ledger: Ledger) -> None:
    uplink = Uplink(night_mib=20)
    spend(ledger, uplink, EVENING, MIB)
    spend(ledger, uplink, EVENING + KEPT + timedelta(days=1), MIB)
    assert ledger.path.read_text().count("-") == 2


@pytest.mark.parametrize("text", ["", "[]", "{", '{"x": 1}', '{"2026-11-25": "many"}', "3"])
def test_a_damaged_ledger_is_an_empty_one(ledger: Ledger, text: str) -> None:
    ledger.path.write_text(text)
    assert left(ledger, Uplink(night_mib=20), EVENING) == 20 * MIB
