"""Choosing: what the publishers of a box offer, with sizes, and what the box subscribes to."""

from collections.abc import Sequence
from dataclasses import dataclass

from appliance import config
from appliance.config import BoxConfig, BoxPaths
from appliance.update.decide import code_of
from appliance.update.report import Problem
from appliance.update.sync import Box, hear_all
from sync.directory import CollectionEntry
from sync.errors import UsageError
from sync.progress import Progress
from sync.trust import Trusted, lies_below


@dataclass(frozen=True, slots=True)
class Offered:
    """What can be subscribed to."""

    collections: tuple[CollectionEntry, ...]
    publishers: tuple[tuple[str, str], ...]
    """Code and name of the publishers below, whose collections can be subscribed to as well."""
    subscriptions: tuple[str, ...]
    problems: tuple[Problem, ...]

    def value(self) -> dict[str, object]:
        """For JSON; sizes in bytes."""
        return {
            "collections": [
                {
                    "id": entry.id,
                    "title": entry.title,
                    "edition": entry.edition,
                    "lessons": entry.lessons,
                    "size": entry.size,
                    "dimensions": {key: list(codes) for key, codes in entry.dimensions.items()},
                    "subscribed": entry.id in self.subscriptions,
                }
                for entry in self.collections
            ],
            "publishers": [{"code": code, "name": name} for code, name in self.publishers],
            "problems": [problem.value() for problem in self.problems],
        }


def offered(box: Box, carried: Sequence[str], progress: Progress) -> Offered:
    """What the publishers sign now, or, of those that cannot be heard, signed last."""
    trusted: list[Trusted] = []
    problems: list[Problem] = []
    for newest, trouble in hear_all(box, carried, progress):
        trusted += [newest] if newest else []
        problems += trouble
    return Offered(
        collections=tuple(entry for one in trusted for entry in one.directory.collections),
        publishers=tuple((child.code, child.name) for one in trusted for child in one.children),
        subscriptions=box.config.subscriptions,
        problems=tuple(problems),
    )


def set_subscriptions(
    paths: BoxPaths, more: Sequence[str], fewer: Sequence[str]
) -> tuple[str, ...]:
    """Write new subscriptions to kexia.toml; what leaves the box leaves with the next sync.

    Raises UsageError for a bad id, or one of a code that no publisher of the box has or introduces.
    """
    known = config.load(paths)
    for collection in more:
        _check_code(known, collection)
    chosen = known.subscribed(more).unsubscribed(fewer)
    config.save(paths, chosen)
    return chosen.subscriptions


def set_wants(paths: BoxPaths, more: Sequence[str], fewer: Sequence[str]) -> tuple[str, ...]:
    """Write to kexia.toml which single lessons are asked for; returns all keys.

    Raises UsageError for a bad key, or a code that no publisher of the box has or introduces.
    """
    known = config.load(paths)
    for key in more:
        _check_code(known, config.parse_want(key)[0])
    chosen = known.wanting(more).not_wanting(fewer)
    config.save(paths, chosen)
    return tuple("/".join(item) for item in chosen.wants)


def _check_code(known: BoxConfig, collection: str) -> None:
    code = code_of(collection)
    codes = [publisher.code for publisher in known.publishers]
    if code and not any(code == one or lies_below(code, one) for one in codes):
        raise UsageError(
            f"{collection}: no publisher of this box has or may introduce code {code}",
            hint="add its publisher with: kexia box init BOX --root ROOT.json --url URL",
        )
