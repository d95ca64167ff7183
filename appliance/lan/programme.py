"""What `kexia box network` does: keeps the wanted network in force, or tells which one is."""

import time
from collections.abc import Callable

from appliance.lan import inforce, keep
from appliance.lan.apply import Applied, Places
from appliance.lan.config import Mode, NetworkConfig
from appliance.lan.inforce import InForce
from appliance.lan.keeper import SECONDS_BETWEEN, SECONDS_TO_JOIN, Keeper, Surroundings, watch
from appliance.lan.machine import Machine, Systemd
from appliance.lan.plan import NO_WIFI
from appliance.paths import BoxPaths
from sync.errors import InputRefused, KexiaError


def make_keeper(paths: BoxPaths, machine: Surroundings | None = None) -> Keeper:
    """A keeper of the real machine."""
    return Keeper(paths, machine or Machine(paths), Systemd(), Places(), time.monotonic)


def apply_once(keeper: Keeper, config: NetworkConfig) -> tuple[InForce, Applied]:
    """Put the wanted network into force, and wait until a Wi-Fi is there or was given up."""
    state, done = keeper.step()
    if config.mode is Mode.WIRED or state.problem == NO_WIFI:
        return state, done
    for _ in range(int(SECONDS_TO_JOIN / SECONDS_BETWEEN) + 2):
        if keeper.is_settled:
            break
        time.sleep(SECONDS_BETWEEN)
        state, more = keeper.step()
        done = Applied(done.written + more.written, done.restarted + more.restarted, more.stopped)
    return state, done


def keep_for_ever(keeper: Keeper, tell: Callable[[str], None]) -> None:
    """What the unit kexia-network runs; ends with SIGTERM."""
    watch(keeper, sleep=time.sleep, tell=tell)


def show(paths: BoxPaths) -> tuple[NetworkConfig | None, InForce | None, str]:
    """The wanted network, the one in force, and why the wanted one cannot be read."""
    try:
        return keep.load(paths), inforce.load(paths), ""
    except InputRefused as error:
        faults = "; ".join(map(str, error.faults)) or error.fact
        return None, inforce.load(paths), faults
    except KexiaError as error:
        return None, inforce.load(paths), error.fact
