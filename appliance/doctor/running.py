"""What runs and what does not: the box's pages, its update process, its units, its system slots."""

import http.client
import json
from contextlib import closing, suppress
from pathlib import Path

from appliance.config import Listen
from appliance.control import ask
from appliance.doctor.facts import Programmes
from appliance.paths import BoxPaths
from sync.errors import KexiaError
from sync.progress import Silent
from sync.run import run

SECONDS = 5.0
MAX_UNITS = 32
SYSTEMD = Path("/run/systemd/system")
RAUC = Path("/etc/rauc/system.conf")


def look(paths: BoxPaths, listen: Listen) -> Programmes:
    """What can be told of the programmes from here."""
    return Programmes(
        failed=failed_units(_spoken(["systemctl", "--failed", "--plain", "--no-legend"], SYSTEMD)),
        pages_answer=_pages_answer(listen),
        update_answers=_update_answers(paths),
        bad_slots=bad_slots(_spoken(["rauc", "status", "--output-format=json"], RAUC)),
    )


def failed_units(text: str) -> tuple[str, ...]:
    """Units of ours, and those a box cannot do without, in systemctl's list of failed ones."""
    names = [line.split()[0] for line in text.splitlines()[:MAX_UNITS] if line.split()]
    return tuple(name for name in names if name.endswith((".service", ".mount")))


def bad_slots(text: str) -> tuple[str, ...]:
    """Boot names of the slots that are marked bad, in rauc's words."""
    with suppress(ValueError, RecursionError):
        value = json.loads(text[: 256 * 1024])
        slots = value.get("slots", []) if isinstance(value, dict) else []
        return tuple(
            str(slot.get("bootname") or name)
            for item in slots
            if isinstance(item, dict)
            for name, slot in item.items()
            if isinstance(slot, dict) and slot.get("boot_status") == "bad"
        )
    return ()


def _spoken(words: list[str], needs: Path) -> str:
    """What a program of the system says; nothing where it has no part in this machine."""
    if not needs.exists():
        return ""
    with suppress(KexiaError):
        return run(words, timeout=SECONDS, accept=(0, 1)).stdout.decode("utf-8", "replace")
    return ""


def _pages_answer(listen: Listen) -> bool:
    host = "127.0.0.1" if listen.host == "0.0.0.0" else listen.host  # noqa: S104 - compared only
    wire = http.client.HTTPConnection(host, listen.port, timeout=SECONDS)
    with suppress(OSError, http.client.HTTPException), closing(wire):
        wire.request("GET", "/stick", headers={"Host": "localhost"})
        return wire.getresponse().status == 200
    return False


def _update_answers(paths: BoxPaths) -> bool:
    with suppress(KexiaError, OSError):
        ask(paths, {"command": "status"}, Silent(), seconds=SECONDS)
        return True
    return False
