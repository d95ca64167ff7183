"""``kexia box sync``, without the library that reads command lines.

That library and what it needs take longer to load than a night without news takes to fetch, so
words as scripts and timers write them are read here; all others, and help, are typer's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from appliance.cli import lines
from appliance.cli.output import result, showing
from appliance.config import BoxPaths

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for; as the options of ``kexia box sync`` say."""

    box: Path
    sources: tuple[str, ...] = ()
    plan: bool = False
    budget: int | None = None
    """MiB."""
    no_peers: bool = False
    as_json: bool = False


def perform(wish: Wish) -> int:
    """Have it done and say what came of it; the exit code of the worst problem, 0 for none."""
    from appliance.box.programmes import real_machine
    from appliance.box.works import perform as work

    message: dict[str, object] = {
        "command": "plan" if wish.plan else "sync",
        "from": places(wish.sources),
    }
    if wish.no_peers:
        message["peers"] = False
    if wish.budget is not None:
        message["budget"] = wish.budget * MIB
    paths = BoxPaths(wish.box)
    with showing(as_json=wish.as_json) as shown:
        done = work(paths, real_machine(paths), message, shown)
    told = lines.plan_lines if wish.plan else lines.sync_lines
    result(done, as_json=wish.as_json, text=lambda: "\n".join(told(done)))
    code = done.get("exit_code")
    return code if isinstance(code, int) else 0


def places(sources: Sequence[str] | None) -> list[str]:
    """Absolute: the update process works in another folder."""
    return [item if "://" in item else str(Path(item).absolute()) for item in sources or ()]


def read_words(words: Sequence[str]) -> Wish | None:
    """What ``kexia`` was asked with ``words``; None for all that is not plainly a sync."""
    if words[:2] != ["box", "sync"]:
        return None
    wish, rest = Wish(Path()), list(words[2:])
    boxes: list[str] = []
    while rest:
        word = rest.pop(0)
        if word in _SWITCHES:
            wish = _SWITCHES[word](wish)
        elif word in _VALUES and rest and not rest[0].startswith("-"):
            read = _VALUES[word](wish, rest.pop(0))
            if read is None:
                return None
            wish = read
        elif word.startswith("-"):
            return None
        else:
            boxes.append(word)
    return replace(wish, box=Path(boxes[0])) if len(boxes) == 1 else None


def _with_budget(wish: Wish, value: str) -> Wish | None:
    plain = value.isascii() and value.isdecimal() and value[:1] != "0"
    return replace(wish, budget=int(value)) if plain else None


_SWITCHES: dict[str, Callable[[Wish], Wish]] = {
    "--plan": lambda wish: replace(wish, plan=True),
    "--no-peers": lambda wish: replace(wish, no_peers=True),
    "--json": lambda wish: replace(wish, as_json=True),
}
_VALUES: dict[str, Callable[[Wish, str], Wish | None]] = {
    "--from": lambda wish, value: replace(wish, sources=(*wish.sources, value)),
    "--budget": _with_budget,
}
