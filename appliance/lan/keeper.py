"""Keeps the wanted network in force: looks, plans, claims addresses, applies, and goes back.

One step every few seconds. The way back is for a new configuration by which nobody can reach the
box: after ``SECONDS_TO_JOIN`` without a link it is put aside and the last working one returns.
"""

import ipaddress
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from appliance.lan import inforce, keep
from appliance.lan.apply import Applied, Places, System, apply
from appliance.lan.arp import Address, instead_of
from appliance.lan.card import Card
from appliance.lan.compose import Composition, compose
from appliance.lan.config import Mode, NetworkConfig
from appliance.lan.inforce import InForce
from appliance.lan.plan import Plan, Ports, make_plan
from appliance.lan.probe import CannotAsk
from appliance.paths import BoxPaths
from sync.errors import InputRefused, KexiaError, UsageError
from sync.files import disk_errors, read_bounded, write_durably

SECONDS_TO_JOIN = 90.0
"""How long a new Wi-Fi may take; access points need a minute after a power cut."""
SECONDS_BETWEEN = 5.0
CONFLICT, ROLLED_BACK, REFUSED, FAULT = "conflict", "rolled-back", "refused", "fault"


class Surroundings(Protocol):
    """What is asked of the machine."""

    def cards(self) -> tuple[Card, ...]:
        """The cards that are there now."""

    def ports(self) -> Ports:
        """The doors that are to be open."""

    def is_taken(self, card: str, address: Address) -> bool:
        """Whether somebody else on the card's network has the address; raises CannotAsk."""


@dataclass(frozen=True, slots=True)
class _Claim:
    """A fixed address that was asked for on the wire, and the one the box took."""

    card: str
    wanted: ipaddress.IPv4Interface
    got: ipaddress.IPv4Interface


class Keeper:
    """The network of one box."""

    def __init__(
        self,
        paths: BoxPaths,
        machine: Surroundings,
        system: System,
        places: Places,
        ticks: Callable[[], float],
    ) -> None:
        self._paths, self._machine, self._system = paths, machine, system
        self._places, self._ticks = places, ticks
        self._claim: _Claim | None = None
        self._in_force: Composition | None = None
        self._trying: tuple[NetworkConfig, float] | None = None

    @property
    def is_settled(self) -> bool:
        """No new network is being tried."""
        return self._in_force is not None and self._trying is None

    def step(self) -> tuple[InForce, Applied]:
        """Look once and do what is to be done; what is in force now, and what was done.

        Raises KexiaError if the wanted network cannot be put into force; then nothing changed, or
        the next step goes on with it.
        """
        config, problem, detail = self._wanted()
        cards = self._machine.cards()
        plan = make_plan(config, cards, self._machine.ports(), self._before())
        link = next((card for card in cards if card.name == plan.card), None)
        plan, conflict = self._claimed(plan, link)
        done = self._put(plan)
        joined = None if done.is_anything else link  # else it was seen before the change
        problem, detail = self._judged(config, joined, problem, detail)
        if conflict and not problem:
            problem, detail = CONFLICT, conflict
        state = _state(plan, link, problem or plan.problem, detail)
        inforce.save(self._paths, state)
        return state, done

    def _wanted(self) -> tuple[NetworkConfig, str, str]:
        """The wanted network; where it cannot be read, the last that worked."""
        try:
            config = keep.load(self._paths)
        except (InputRefused, UsageError) as error:
            working = self._working()
            if working is None:
                raise
            return working, REFUSED, _words(error)
        detail = self._paths.network_refused.exists()
        return config, ROLLED_BACK if detail else "", ""

    def _working(self) -> NetworkConfig | None:
        with suppress(KexiaError, OSError):
            return keep.read(read_bounded(self._paths.network_working, keep.MAX_BYTES))
        return None

    def _before(self) -> ipaddress.IPv4Interface | None:
        with suppress(OSError, ValueError):
            text = read_bounded(self._paths.classroom, 40).decode("ascii")
            return ipaddress.IPv4Interface(text.strip())
        return None

    def _claimed(self, plan: Plan, link: Card | None) -> tuple[Plan, str]:
        """The plan with a fixed address nobody else has, and what is told if it is another."""
        if plan.makes_wifi or plan.address is None or link is None or not link.has_link:
            self._claim = None
            return plan, ""
        claim = self._claim
        if claim is None or (claim.card, claim.wanted) != (plan.card, plan.address):
            claim = self._claim = self._asked(plan.card, plan.address, plan.config)
        if claim is None or claim.got == plan.address:
            return plan, ""
        return replace(plan, address=claim.got), f"{plan.address.ip} → {claim.got.ip}"

    def _asked(
        self, card: str, wanted: ipaddress.IPv4Interface, config: NetworkConfig
    ) -> _Claim | None:
        """Ask the wire; None if it cannot be asked now, then it is asked with the next step."""
        avoid = {Address(int(config.gateway))} if config.gateway else set()
        with suppress(CannotAsk):
            for own in (wanted, *instead_of(wanted, frozenset(avoid))):
                if not self._machine.is_taken(card, own.ip):
                    return _Claim(card, wanted, own)
            return _Claim(card, wanted, wanted)
        return None

    def _put(self, plan: Plan) -> Applied:
        wanted = compose(plan)
        if wanted == self._in_force:
            return Applied()
        if plan.makes_wifi and plan.address is not None and plan.address != self._before():
            write_durably(self._paths.classroom, f"{plan.address}\n".encode())
        self._in_force = None  # if it fails half way, the next step does it again
        done = apply(wanted, self._places, self._system)
        self._in_force = wanted
        return done

    def _judged(
        self, config: NetworkConfig, link: Card | None, problem: str, detail: str
    ) -> tuple[str, str]:
        """Keep a network that works; leave one that is new and does not within its time."""
        if problem == REFUSED:
            return problem, detail
        working = self._working()
        if config == working:
            self._trying = None
            return problem, detail
        if link is not None and link.has_link:
            self._works(config)
            return "", ""
        if self._trying is None or self._trying[0] != config:
            self._trying = (config, self._ticks())
        if working is None or config.mode is Mode.WIRED:
            return problem, detail
        if self._ticks() - self._trying[1] < SECONDS_TO_JOIN:
            return problem, detail
        self._go_back(config, working)
        return ROLLED_BACK, config.ssid

    def _works(self, config: NetworkConfig) -> None:
        self._trying = None
        write_durably(self._paths.network_working, keep.write(config), mode=0o600)
        with disk_errors(self._paths.network_refused):
            self._paths.network_refused.unlink(missing_ok=True)

    def _go_back(self, refused: NetworkConfig, working: NetworkConfig) -> None:
        """The next step puts the working one into force."""
        self._trying = None
        write_durably(self._paths.network_refused, keep.write(refused), mode=0o600)
        keep.save(self._paths, working)


def _state(plan: Plan, link: Card | None, problem: str, detail: str) -> InForce:
    address = plan.address if plan.makes_wifi else (link.ipv4 if link else None)
    return InForce(
        mode=plan.mode,
        card=plan.card,
        address=address,
        ssid="" if plan.mode is Mode.WIRED else plan.config.ssid,
        uplinks=plan.uplinks,
        problem=problem,
        detail=detail,
    )


def _words(error: KexiaError) -> str:
    faults = error.faults if isinstance(error, InputRefused) else ()
    return "; ".join(map(str, faults)) or error.fact


def watch(keeper: Keeper, *, sleep: Callable[[float], object], tell: Callable[[str], None]) -> None:
    """Step for ever; what changed is told, a step that fails is told once and tried again."""
    last = ""
    while True:
        try:
            state, done = keeper.step()
            said, changed = line_of(state), done.written
        except (KexiaError, OSError) as error:
            said, changed = f"{FAULT}: {error}", []
        if said != last or changed:
            tell(said + (f" (changed: {', '.join(changed)})" if changed else ""))
        last = said
        sleep(SECONDS_BETWEEN)


def line_of(state: InForce) -> str:
    """The state as one line of a log."""
    words = (state.mode.value, state.card, str(state.address or "-"), state.problem, state.detail)
    return " ".join(word for word in words if word)
