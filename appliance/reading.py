"""A file's tables, read key by key: what is wrong is remembered, a default stands in. Pure.

For site files and timetables. Unlike ``appliance.fields`` it goes on after a fault: whoever wrote
the file mends it in one go.
"""

from collections.abc import Callable, Mapping

from sync.errors import Fault

Check = Callable[[str], str]
"""What is wrong with a text; empty: nothing."""
CURE = "see docs/images.md for its values"


class Reader:
    """One table; ``where`` names it in faults."""

    def __init__(self, where: str, table: Mapping[str, object], faults: list[Fault]) -> None:
        self._where = where
        self._left = dict(table)
        self._faults = faults

    def wrong(self, key: str, what: str, cure: str = CURE) -> None:
        """Remember a fault of this key."""
        self._faults.append(Fault(f"{self._where} {key}".strip(), what, cure))

    def text(self, key: str, check: Check, default: str = "") -> str:
        """A text; ``default`` where there is none."""
        value = self._left.pop(key, default)
        if not isinstance(value, str):
            self.wrong(key, "must be text", "write it in quotes")
        elif value and (what := check(value)):
            self.wrong(key, what)
        else:
            return value
        return default

    def texts(self, key: str, check: Check, most: int) -> tuple[str, ...]:
        """A list of at most ``most`` texts, each once."""
        value = self._left.pop(key, [])
        if not isinstance(value, list) or len(value) > most:
            self.wrong(key, f"must be a list of at most {most} texts", 'like ["…"]')
            return ()
        found: list[str] = []
        for item in value:
            if not isinstance(item, str):
                self.wrong(key, f"{short(item)} is no text", "write it in quotes")
            elif what := check(item):
                self.wrong(key, f"{short(item)} {what}")
            elif item not in found:
                found.append(item)
        return tuple(found)

    def numbers(self, key: str, least: int, most: int) -> tuple[int, ...]:
        """A list of numbers from ``least`` to ``most``, sorted, each once."""
        value = self._left.pop(key, [])
        good = isinstance(value, list) and all(
            isinstance(item, int) and not isinstance(item, bool) and least <= item <= most
            for item in value
        )
        if not isinstance(value, list) or not good:
            self.wrong(key, f"must be a list of numbers from {least} to {most}", "like [1, 2, 3]")
            return ()
        return tuple(sorted(set(value)))

    def table(self, key: str) -> dict[str, object]:
        """A table as it is; empty where there is none."""
        value = self._left.pop(key, {})
        if not isinstance(value, dict):
            self.wrong(f"[{key}]", "must be a table", f"write [{key}] on a line of its own")
            return {}
        return value

    def tables(self, key: str, most: int) -> list[dict[str, object]]:
        """A list of at most ``most`` tables."""
        value = self._left.pop(key, [])
        good = isinstance(value, list) and all(isinstance(item, dict) for item in value)
        if not isinstance(value, list) or not good or len(value) > most:
            self.wrong(
                f"[[{key}]]", f"must be at most {most} tables", f"write [[{key}]] above each"
            )
            return []
        return value

    def take(self, key: str) -> object:
        """Whatever stands there, or None."""
        return self._left.pop(key, None)

    def end(self) -> None:
        """All keys have been asked for; what is left is a slip of the pen."""
        for key in sorted(self._left):
            self.wrong(short(key).strip("'\""), "is no key of this place", "mend or remove it")


def short(value: object) -> str:
    """A value as a fault may show it."""
    return ascii(value)[:60] if not isinstance(value, str) else repr(value)[:60]
