"""The lock file, read: which Python packages a box gets, each with the hashes it may have. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from sync.errors import InputRefused

_LINE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>[^\s;\\]+)(?:\s*;\s*(?P<when>.+))?"
)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_TEST = re.compile(r"(?P<name>[a-z_]+)\s*(?P<how>==|!=|<|<=|>|>=)\s*'(?P<value>[^']*)'")
_VERSIONS = frozenset({"python_version", "python_full_version"})


@dataclass(frozen=True, slots=True)
class Requirement:
    """One package at one version."""

    name: str
    version: str
    hashes: frozenset[str]
    """SHA-256 of every file that may stand for it."""

    @property
    def line(self) -> str:
        """As pip reads it."""
        return " ".join(
            [f"{self.name}=={self.version}", *(f"--hash=sha256:{h}" for h in self.sorted)]
        )

    @property
    def sorted(self) -> list[str]:
        """The hashes in order."""
        return sorted(self.hashes)


def target(python: str, machine: str) -> dict[str, str]:
    """What markers are judged by on a box with this Python (``3.11``) on this machine."""
    return {
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "platform_machine": machine,
        "platform_system": "Linux",
        "python_full_version": python,
        "python_version": python,
        "sys_platform": "linux",
        "os_name": "posix",
    }


def read_lock(
    text: str, environment: Mapping[str, str], left_out: frozenset[str] = frozenset()
) -> tuple[Requirement, ...]:
    """The packages for ``environment``; raises InputRefused for a line that is none of a lock."""
    found = []
    for entry in text.replace("\\\n", " ").splitlines():
        line = entry.partition("#")[0].strip()
        if not line:
            continue
        plain = line.partition("--hash")[0].strip()
        match, hashes = _LINE.fullmatch(plain), frozenset(_HASH.findall(line))
        if match is None or not hashes:
            raise InputRefused(f"the lock file has a line without version and hash: {plain[:80]}")
        if match["name"] in left_out or not applies(match["when"] or "", environment):
            continue
        found.append(Requirement(match["name"], match["version"], hashes))
    return tuple(found)


def applies(marker: str, environment: Mapping[str, str]) -> bool:
    """Does a marker (tests joined by ``and``, ``or``) hold? Raises InputRefused for another one."""
    if not marker.strip():
        return True
    return any(
        all(_holds(test.strip(), environment) for test in part.split(" and "))
        for part in marker.split(" or ")
    )


def _holds(test: str, environment: Mapping[str, str]) -> bool:
    match = _TEST.fullmatch(test)
    if match is None or match["name"] not in environment:
        raise InputRefused(f"the lock file has a marker we do not know: {test[:80]}")
    have, value, how = environment[match["name"]], match["value"], match["how"]
    if match["name"] in _VERSIONS:
        order = (_numbers(have) > _numbers(value)) - (_numbers(have) < _numbers(value))
        return {
            "==": order == 0, "!=": order != 0, "<": order < 0,
            "<=": order <= 0, ">": order > 0, ">=": order >= 0,
        }[how]  # fmt: skip
    if how not in ("==", "!="):
        raise InputRefused(f"the lock file has a marker we do not know: {test[:80]}")
    return (have == value) == (how == "==")


def _numbers(version: str) -> tuple[int, int]:
    """The first two numbers: a box's patch release is nobody's business here."""
    parts = (*re.findall(r"\d+", version), "0", "0")
    return int(parts[0]), int(parts[1])
