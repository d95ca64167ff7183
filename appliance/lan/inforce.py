"""What network is in force, as ``kexia-network`` tells it and pages, screen and doctor read it.

One small file, run/network.json in the box's folder; it holds no secret.
"""

import ipaddress
import json
from dataclasses import dataclass

from appliance.lan.config import Mode
from appliance.paths import BoxPaths
from sync.files import make_folder, write_whole

FORMAT = "kexia-network-1"
MAX_BYTES = 16 * 1024
MAX_CARDS = 64


@dataclass(frozen=True, slots=True)
class InForce:
    """The network as it is."""

    mode: Mode
    card: str = ""
    """The classroom's card; empty: the machine has none."""
    address: ipaddress.IPv4Interface | None = None
    """The box's address for tablets; None: it has none yet."""
    ssid: str = ""
    uplinks: tuple[str, ...] = ()
    problem: str = ""
    """Code of what is not as wanted; empty: all is."""
    detail: str = ""

    @property
    def makes_wifi(self) -> bool:
        """The box answers for every name in the classroom's network."""
        return self.mode is Mode.ACCESS_POINT


def encode(state: InForce) -> bytes:
    """The file's bytes; ``decode`` gives the same state back."""
    value = {
        "format": FORMAT,
        "mode": state.mode.value,
        "card": state.card,
        "address": str(state.address or ""),
        "ssid": state.ssid,
        "uplinks": list(state.uplinks),
        "problem": state.problem,
        "detail": state.detail,
    }
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()


def decode(data: bytes) -> InForce | None:
    """The state; None for what is no file of ours, of this version."""
    try:
        value = json.loads(data[: MAX_BYTES + 1])
        if not isinstance(value, dict) or value.get("format") != FORMAT or len(data) > MAX_BYTES:
            return None
        uplinks = value.get("uplinks")
        return InForce(
            mode=Mode(_text(value, "mode")),
            card=_text(value, "card"),
            address=_address(value),
            ssid=_text(value, "ssid"),
            uplinks=tuple(map(str, uplinks[:MAX_CARDS])) if isinstance(uplinks, list) else (),
            problem=_text(value, "problem"),
            detail=_text(value, "detail"),
        )
    except (ValueError, RecursionError):
        return None


def load(paths: BoxPaths) -> InForce | None:
    """What is in force; None if nobody has told."""
    try:
        with paths.network_state.open("rb") as file:
            return decode(file.read(MAX_BYTES + 1))
    except OSError:
        return None


def save(paths: BoxPaths, state: InForce) -> bool:
    """Tell it; False if the file says so already. It need not outlive a power cut."""
    data = encode(state)
    if load(paths) == state:
        return False
    make_folder(paths.run)
    write_whole(paths.network_state, data)
    return True


def _text(value: dict[str, object], name: str) -> str:
    item = value.get(name)
    return item if isinstance(item, str) else ""


def _address(value: dict[str, object]) -> ipaddress.IPv4Interface | None:
    text = _text(value, "address")
    return ipaddress.IPv4Interface(text) if text else None
