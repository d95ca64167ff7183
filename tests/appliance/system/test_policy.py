"""Which system update is installed, and when; what is remembered of those that failed. Pure."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.system.history import (
    MOST_EVENTS,
    MOST_FAILED,
    MOST_TRIES,
    Event,
    Failed,
    History,
    Outcome,
    Pending,
    Phase,
    Running,
    begun,
    decode,
    encode,
    ended,
    installed,
    settle,
)
from appliance.system.policy import (
    DAY_LOOKS,
    RESERVE,
    Answer,
    Moment,
    decide,
    is_idle,
    may_ever,
)
from catalog.system import System, parse_version
from sync.digest import sha256
from sync.errors import FormatError

GOLDEN = Path(__file__).parents[2] / "golden" / "system-state-1.json"
MB = 2**20
NEW = System("kexia-amd64", "2026.11.26.1", "", sha256(b"new"), 140 * MB)
RUNNING = Running("kexia-amd64", "2026.11.01.1", "2026.01.01.1", "boot-1", True, fallen_back=False)
CALM = Moment(free=1000 * MB, busy=False, idle=True)
VERSIONS = st.builds("2026.{:02}.01.{}".format, st.integers(1, 12), st.integers(1, 3))
DIGESTS = st.integers(0, 5).map(lambda number: sha256(bytes([number])))
KINDS = st.sampled_from(["kexia-amd64", "kexia-pi"])
BOOTS = st.sampled_from(["boot-1", "boot-2"])
SYSTEMS = st.builds(System, KINDS, VERSIONS, st.just(""), DIGESTS, st.just(9))
RUNNINGS = st.builds(
    Running, KINDS, VERSIONS, VERSIONS, BOOTS, st.booleans(), st.none() | st.booleans()
)
PENDINGS = st.builds(
    Pending, DIGESTS, VERSIONS, st.sampled_from(Phase), BOOTS, st.integers(0, MOST_TRIES)
)
FAILED = st.builds(
    Failed,
    DIGESTS,
    VERSIONS,
    st.sampled_from([Outcome.ROLLED_BACK, Outcome.REFUSED, Outcome.NOT_INSTALLED]),
    VERSIONS,
)
EVENTS = st.builds(Event, VERSIONS, st.sampled_from(Outcome), st.just(""))
HISTORIES = st.builds(
    History,
    st.one_of(st.just(""), VERSIONS),
    st.one_of(st.none(), PENDINGS),
    st.lists(FAILED, max_size=4).map(tuple),
    st.lists(EVENTS, max_size=4).map(tuple),
)
MOMENTS = st.builds(Moment, st.sampled_from([0, 10**9]), st.booleans(), st.booleans())


def test_a_newer_system_of_this_kind_is_installed_when_nobody_is_here() -> None:
    assert decide(NEW, RUNNING, History(), CALM) is Answer.INSTALL


@pytest.mark.parametrize(
    ("system", "running", "history", "moment", "answer"),
    [
        (replace(NEW, compatible="kexia-pi"), RUNNING, History(), CALM, Answer.OTHER_BOX),
        (replace(NEW, version="2026.11.01.1"), RUNNING, History(), CALM, Answer.CURRENT),
        (replace(NEW, version="2026.10.31.9"), RUNNING, History(), CALM, Answer.OLDER),
        (NEW, RUNNING, History(floor="2026.12.01.1"), CALM, Answer.OLDER),
        (NEW, replace(RUNNING, floor="2026.12.01.1"), History(), CALM, Answer.OLDER),
        (NEW, replace(RUNNING, confirmed=False), History(), CALM, Answer.UNCONFIRMED),
        (NEW, RUNNING, History(), replace(CALM, busy=True), Answer.BUSY),
        (NEW, RUNNING, History(), replace(CALM, idle=False), Answer.IN_USE),
        (NEW, RUNNING, History(), replace(CALM, free=NEW.size + RESERVE - 1), Answer.NO_ROOM),
        (NEW, RUNNING, History(), replace(CALM, free=NEW.size + RESERVE), Answer.INSTALL),
    ],
)
def test_each_rule_alone_stops_it(
    system: System, running: Running, history: History, moment: Moment, answer: Answer
) -> None:
    assert decide(system, running, history, moment) is answer


@given(SYSTEMS, RUNNINGS, HISTORIES, MOMENTS)
def test_what_is_installed_keeps_every_rule(
    system: System, running: Running, history: History, moment: Moment
) -> None:
    if decide(system, running, history, moment) is not Answer.INSTALL:
        return
    assert system.compatible == running.compatible
    for least in (running.floor, history.floor or running.floor):
        assert parse_version(system.version) >= parse_version(least)
    assert parse_version(system.version) > parse_version(running.version)
    failures = [one for one in history.failed if one.digest == system.bundle]
    if failures:
        assert failures[0].outcome is Outcome.REFUSED
        assert failures[0].under != running.version
    assert running.confirmed
    assert moment.idle
    assert not moment.busy


@given(SYSTEMS, RUNNINGS, HISTORIES)
def test_a_system_is_never_installed_over_itself_or_a_newer_one(
    system: System, running: Running, history: History
) -> None:
    if parse_version(system.version) <= parse_version(running.version):
        answer = may_ever(system, running, history)
        assert answer in (Answer.CURRENT, Answer.OLDER, Answer.OTHER_BOX)


def next_boot(running: Running, version: str, *, confirmed: bool = True) -> Running:
    return replace(running, version=version, boot=running.boot + "'", confirmed=confirmed)


def test_an_update_that_holds_is_confirmed() -> None:
    history = installed(begun(History(), NEW, RUNNING))
    assert decide(NEW, RUNNING, history, CALM) is Answer.RESTART
    assert settle(history, RUNNING, "") == replace(history, floor=RUNNING.floor)
    tried = next_boot(RUNNING, NEW.version, confirmed=False)
    assert settle(history, tried, "").pending is not None
    after = settle(history, replace(tried, confirmed=True), "2026-11-26T01:00:00Z")
    assert after.pending is None
    assert after.failed == ()
    assert after.events == (Event(NEW.version, Outcome.CONFIRMED, "2026-11-26T01:00:00Z"),)


def test_an_update_that_was_given_up_is_never_tried_again() -> None:
    history = installed(begun(History(), NEW, RUNNING))
    back = replace(next_boot(RUNNING, RUNNING.version), fallen_back=True)
    after = settle(history, back, "")
    assert [one.outcome for one in after.failed] == [Outcome.ROLLED_BACK]
    assert decide(NEW, back, after, CALM) is Answer.FAILED
    later = replace(NEW, version="2026.12.01.1", bundle=sha256(b"mended"))
    assert decide(later, back, after, CALM) is Answer.INSTALL
    assert decide(NEW, replace(back, version="2026.11.02.1"), after, CALM) is Answer.FAILED


def test_an_environment_that_cannot_be_read_settles_nothing() -> None:
    history = installed(begun(History(), NEW, RUNNING))
    unread = replace(next_boot(RUNNING, RUNNING.version), fallen_back=None)
    assert settle(history, unread, "").pending == history.pending
    told = replace(next_boot(unread, RUNNING.version), fallen_back=True)
    assert [one.outcome for one in settle(history, told, "").failed] == [Outcome.ROLLED_BACK]


def test_a_bundle_of_an_unknown_authority_may_come_again_under_another_system() -> None:
    """A box that missed the bridge between two CAs refuses what follows, until it has had it."""
    refused = ended(begun(History(), NEW, RUNNING), Outcome.REFUSED, RUNNING.version, "")
    assert decide(NEW, RUNNING, refused, CALM) is Answer.FAILED
    bridged = replace(RUNNING, version="2026.11.20.1")
    assert decide(NEW, bridged, refused, CALM) is Answer.INSTALL


def test_power_cuts_while_it_is_written_count_only_so_often() -> None:
    history, running = History(), RUNNING
    for number in range(MOST_TRIES):
        assert decide(NEW, running, history, CALM) is Answer.INSTALL, number
        history = begun(history, NEW, running)
        running = next_boot(running, RUNNING.version)
        history = settle(history, running, "")
    assert [one.outcome for one in history.failed] == [Outcome.NOT_INSTALLED]
    assert decide(NEW, running, history, CALM) is Answer.FAILED


def test_an_update_whose_start_was_lost_with_grubenv_is_installed_again() -> None:
    """The old system came up because a power cut tore the file, not because the new one failed."""
    history, running = History(), RUNNING
    for number in range(MOST_TRIES):
        assert decide(NEW, running, history, CALM) is Answer.INSTALL, number
        history = installed(begun(history, NEW, running))
        running = next_boot(running, RUNNING.version)
        history = settle(history, running, "")
    assert [one.outcome for one in history.failed] == [Outcome.NOT_INSTALLED]


def test_a_power_cut_after_it_was_written_and_before_that_was_noted() -> None:
    history = begun(History(), NEW, RUNNING)
    assert settle(history, next_boot(RUNNING, NEW.version), "").failed == ()


@given(HISTORIES, RUNNINGS)
def test_settling_twice_changes_nothing(history: History, running: Running) -> None:
    once = settle(history, running, "")
    assert settle(once, running, "") == once


@given(HISTORIES, RUNNINGS)
def test_the_floor_never_falls(history: History, running: Running) -> None:
    after = settle(history, running, "")
    if history.floor:
        assert parse_version(after.floor) >= parse_version(history.floor)
    if not running.confirmed:
        assert after.floor == history.floor


@given(HISTORIES)
def test_any_state_comes_back(history: History) -> None:
    assert decode(encode(history)) == history


GOLDEN_STATE = History(
    floor="2026.01.01.1",
    pending=Pending(NEW.bundle, NEW.version, Phase.INSTALLED, "0f7a", 2),
    failed=(Failed(sha256(b"bad"), "2026.11.20.1", Outcome.ROLLED_BACK, "2026.11.01.1"),),
    events=(Event("2026.11.20.1", Outcome.ROLLED_BACK, "2026-11-20T18:00:00Z"),),
)


def test_the_golden_state_is_read_and_written_byte_for_byte() -> None:
    assert encode(GOLDEN_STATE) == GOLDEN.read_bytes()
    assert decode(GOLDEN.read_bytes()) == GOLDEN_STATE


@given(st.binary(max_size=300))
def test_a_broken_state_is_refused_and_nothing_worse(data: bytes) -> None:
    with pytest.raises(FormatError):
        decode(data)


def test_the_state_stays_small() -> None:
    history = History()
    for number in range(200):
        system = replace(NEW, version=f"2026.01.01.{number}", bundle=sha256(bytes([number])))
        history = ended(begun(history, system, RUNNING), Outcome.REFUSED, RUNNING.version, "")
    assert (len(history.failed), len(history.events)) == (MOST_FAILED, MOST_EVENTS)
    assert decode(encode(history)) == history


def test_by_day_only_two_hours_without_anybody_are_idle() -> None:
    assert not is_idle(0, night=True)
    assert is_idle(1, night=True)
    assert not is_idle(DAY_LOOKS - 1, night=False)
    assert is_idle(DAY_LOOKS, night=False)
