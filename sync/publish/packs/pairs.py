"""Pairs: which old files each new file of an edition builds on. Pure.

First the file that bore the same label (a lesson's piece, a site's path), then those that share
most content with it. Labels come from whoever knows what resources mean; without any, content
alone decides.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sync.digest import Digest
from sync.feed import Resource
from sync.publish.packs.similar import Sketch, most_similar

MOST = 3
"""Old files a new one builds on at the most."""
_NUMBER = re.compile(r"[0-9a-f]{8,}|[0-9]+")

Labels = Mapping[Digest, str]


@dataclass(frozen=True, slots=True)
class Side:
    """One of two editions: its resources, what they are called, and their sketches."""

    resources: Sequence[Resource]
    labels: Labels
    sketches: Mapping[Digest, Sketch]


def pattern(label: str) -> str:
    """A label without its numbers and hashes: ``app.4f3a21b9.js`` and its successor share it."""
    return _NUMBER.sub("#", label)


def find_pairs(new: Side, old: Side) -> dict[Digest, list[Resource]]:
    """For each new resource the old ones it builds on, the best first; maybe none."""
    by_digest = {one.digest: one for one in old.resources}
    by_label = _by(old, lambda label: label)
    by_pattern = _by(old, pattern)
    alike = most_similar(new.sketches, old.sketches)
    pairs: dict[Digest, list[Resource]] = {}
    for resource in new.resources:
        label = new.labels.get(resource.digest, "")
        same = by_label.get(label, ())[:1]
        chosen = [*same, *alike.get(resource.digest, ())]
        if same and _mostly(new.sketches[resource.digest], old.sketches[same[0]]):
            chosen = [*same]  # more would only push context out of the prefix
        if not chosen and label:
            fitting = by_pattern.get(pattern(label), [])
            chosen = sorted(
                fitting, key=lambda one: (abs(by_digest[one].size - resource.size), one)
            )[:1]
        pairs[resource.digest] = [by_digest[one] for one in dict.fromkeys(chosen)][:MOST]
    return pairs


def _mostly(new: Sketch, old: Sketch) -> bool:
    """Whether the old file holds at least half of the new one."""
    return 2 * len(new & old) >= len(new)


def suffix(label: str) -> str:
    """What follows the last dot of a label, lower-case: the kind of file."""
    return label.rpartition("/")[2].rpartition(".")[2].lower()


def nearest(labels: Sequence[str], old: Labels, resources: Sequence[Resource]) -> list[Resource]:
    """Old files of the kinds of ``labels``, those from the deepest common folder first."""
    depths: dict[tuple[str, str], int] = {}
    for label in labels:
        for level, folder in enumerate(_folders(label)):
            depths[suffix(label), folder] = level + 1
    kinds = {kind for kind, _ in depths}

    def depth(one: Resource) -> int:
        label = old.get(one.digest, "")
        kind = suffix(label)
        return max((depths.get((kind, folder), 0) for folder in _folders(label)), default=0)

    fitting = [one for one in resources if suffix(old.get(one.digest, "")) in kinds - {""}]
    return sorted(fitting, key=lambda one: (-depth(one), one.digest))


def _folders(label: str) -> list[str]:
    """The folders a label lies in, the outermost first."""
    parts = label.split("/")[:-1]
    return ["/".join(parts[:count]) for count in range(len(parts) + 1)]


def _by(side: Side, key: Callable[[str], str]) -> dict[str, list[Digest]]:
    found: dict[str, list[Digest]] = defaultdict(list)
    for resource in side.resources:
        label = side.labels.get(resource.digest, "")
        if label:
            found[key(label)].append(resource.digest)
    return found
