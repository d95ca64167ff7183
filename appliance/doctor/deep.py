"""The doctor's questions to others: the wire, the publishers' addresses, the programmes."""

import time
from pathlib import Path

from appliance.config import BoxConfig
from appliance.doctor import outside, running, wire
from appliance.doctor.facts import Programmes, Uplink
from appliance.doctor.isolation import Signs, judge
from appliance.doctor.programme import ROOT, Heard
from appliance.lan.card import Card
from appliance.lan.inforce import InForce
from appliance.lan.probe import CannotAsk
from appliance.paths import BoxPaths

MAX_STRANGERS = 4


class Asker:
    """``programme.Asking`` on the real machine."""

    def __init__(self, root: Path = ROOT) -> None:
        self._root = root

    def outside(
        self, box: BoxConfig, state: InForce | None, cards: tuple[Card, ...]
    ) -> tuple[Uplink, str]:
        """See ``Asking``."""
        return outside.ask(box, state, cards)

    def wire(self, state: InForce, port: int) -> Heard:
        """See ``Asking``; nothing where the wire may not be asked (not root)."""
        if state.address is None:
            return Heard()
        try:
            told = wire.listen(state.card, state.address, ticks=time.monotonic)
        except CannotAsk:
            return Heard()
        visitors = wire.count_visitors(self._root, port, state.address)
        gateway = wire.gateway_of(self._root, state.card)
        signs = Signs(gateway, told.answered, frozenset(told.heard), visitors)
        # One's own network is the wrong one only where nobody else is in it.
        is_alone = not (told.answered or told.heard or visitors)
        networks = sorted({f"{str(one).rpartition('.')[0]}.0/24" for one in told.elsewhere})
        return Heard(
            isolation=judge(signs),
            strangers=tuple(networks[:MAX_STRANGERS]) if is_alone else (),
            is_gateway_there=None if gateway is None else gateway in told.answered,
        )

    def programmes(self, paths: BoxPaths, box: BoxConfig) -> Programmes:
        """See ``Asking``."""
        return running.look(paths, box.listen)
