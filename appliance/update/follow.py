"""Whom a box follows: the publishers it was told, and down the chain those they introduce."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from appliance.config import BoxConfig, BoxPaths, Publisher
from appliance.update.candidates import Followed
from appliance.update.decide import code_of
from appliance.update.report import Problem
from sync.errors import KexiaError, TrustRefused, UsageError
from sync.trust import Root, Trusted, lies_below, parse_root

MAX_ROOT = 512_000
Part = TypeVar("Part")
Visit = Callable[[Followed, Sequence[str]], tuple[Part, Trusted | None]]
"""Deals with one publisher, given the URLs of all others; returns what is trusted of it then."""


def follow(first: Sequence[Followed], config: BoxConfig, visit: Visit[Part]) -> list[Part]:
    """Visit ``first``, and after each the children it introduces that a subscription needs.

    What the box was told about a publisher counts before what a parent says.
    """
    waiting, known = list(first), list(first)
    parts: list[Part] = []
    while waiting:
        followed = waiting.pop(0)
        part, trusted = visit(followed, _others(followed, known))
        parts.append(part)
        for child in trusted.children if trusted else ():
            if _is_needed(child.code, config) and child.code not in {one.code for one in known}:
                waiting.append(Followed(child.root, child.urls))
                known.append(waiting[-1])
    return parts


def configured(paths: BoxPaths, config: BoxConfig) -> tuple[list[Followed], list[Problem]]:
    """The publishers the box was told; one whose root is of no use is a problem, no stop."""
    found: list[Followed] = []
    problems: list[Problem] = []
    for publisher in config.publishers:
        try:
            found.append(Followed(read_root(paths, publisher), publisher.urls))
        except KexiaError as error:
            problems.append(Problem(publisher.code, error))
    return found, problems


def read_root(paths: BoxPaths, publisher: Publisher) -> Root:
    """A configured publisher's root; raises UsageError, FormatError or TrustRefused."""
    path = paths.root / publisher.root
    try:
        with path.open("rb") as file:
            root = parse_root(file.read(MAX_ROOT))
    except OSError as error:
        raise UsageError(
            f"{path}: {error.strerror}", hint="give the box this publisher's 1.root.json again"
        ) from error
    if root.code != publisher.code:
        raise TrustRefused(
            f"{path} is the root of publisher {root.code}, kexia.toml says {publisher.code}"
        )
    return root


def _others(followed: Followed, known: Sequence[Followed]) -> list[str]:
    return [url for one in known if one.id != followed.id for url in one.urls]


def _is_needed(code: str, config: BoxConfig) -> bool:
    wanted = {code_of(collection) for collection in config.collections}
    return any(code == one or lies_below(one, code) for one in wanted)
