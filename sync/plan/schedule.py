"""When what can be put together, and how much room that takes at the worst moment. Pure.

The plan's room is reckoned with the schedule and ``apply`` follows it, so the two agree.
"""

from collections import deque
from collections.abc import Iterator, Sequence

from sync.digest import Digest
from sync.plan.pieces import Assembly, FromSeed, PlannedGroup, Range

DISK_BLOCK = 4096


class Schedule:
    """Which assembly can begin once a group has come or another assembly is done."""

    def __init__(self, groups: Sequence[PlannedGroup], assemblies: Sequence[Assembly]) -> None:
        made = {one.resource.digest: number for number, one in enumerate(assemblies)}
        self._needs = [_groups_of(assembly) for assembly in assemblies]
        self._group_users = _users(self._needs, len(groups))
        builds_on = [
            _assemblies_of(one, needs, groups, made)
            for one, needs in zip(assemblies, self._needs, strict=True)
        ]
        self._followers = _users(builds_on, len(assemblies))
        self._uses = [len(users) for users in self._group_users]
        here = [group.is_staged for group in groups]
        self._missing = [
            sum(not here[group] for group in needs) + len(builds)
            for needs, builds in zip(self._needs, builds_on, strict=True)
        ]

    def ready(self) -> list[int]:
        """Assemblies that wait for nothing, at the start."""
        return [number for number, missing in enumerate(self._missing) if not missing]

    def arrived(self, group: int) -> list[int]:
        """Assemblies that can begin now that ``group`` is staged."""
        return self._came(self._group_users[group])

    def finished(self, assembly: int) -> tuple[list[int], list[int]]:
        """After ``assembly``: groups of no more use, and assemblies that can begin now."""
        for group in self._needs[assembly]:
            self._uses[group] -= 1
        unused = [group for group in self._needs[assembly] if not self._uses[group]]
        return unused, self._came(self._followers[assembly])

    def _came(self, waiting: Sequence[int]) -> list[int]:
        for number in waiting:
            self._missing[number] -= 1
        return [number for number in waiting if not self._missing[number]]


def room(
    groups: Sequence[PlannedGroup], assemblies: Sequence[Assembly], ranges: Sequence[Range]
) -> int:
    """Bytes on disk at the worst moment of the schedule, beyond those of now."""
    schedule = Schedule(groups, assemblies)
    used = worst = 0
    for group, ready in _arrivals(schedule, ranges):
        used += 0 if group is None else _on_disk(groups[group].group.stored)
        worst = max(worst, used)
        begun = deque(ready)
        while begun:
            number = begun.popleft()
            used += _on_disk(assemblies[number].resource.size)
            worst = max(worst, used)
            unused, more = schedule.finished(number)
            used -= sum(_on_disk(groups[index].group.stored) for index in unused)
            begun.extend(more)
    return worst


def _arrivals(
    schedule: Schedule, ranges: Sequence[Range]
) -> Iterator[tuple[int | None, list[int]]]:
    yield None, schedule.ready()
    for part in ranges:
        for group in part.groups:
            yield group, schedule.arrived(group)


def _groups_of(assembly: Assembly) -> tuple[int, ...]:
    pieces = assembly.pieces
    taken = (piece.group for piece in pieces if not isinstance(piece, FromSeed))
    return tuple(dict.fromkeys(taken))


def _assemblies_of(
    assembly: Assembly,
    needs: Sequence[int],
    groups: Sequence[PlannedGroup],
    made: dict[Digest, int],
) -> tuple[int, ...]:
    """The assemblies whose resources it copies from, or its groups are decoded with."""
    copied = [piece.resource for piece in assembly.pieces if isinstance(piece, FromSeed)]
    context = [span.digest for group in needs for span in groups[group].prefix]
    return tuple({made[digest] for digest in (*copied, *context) if digest in made})


def _users(needs: Sequence[Sequence[int]], count: int) -> list[list[int]]:
    users: list[list[int]] = [[] for _ in range(count)]
    for number, each in enumerate(needs):
        for one in each:
            users[one].append(number)
    return users


def _on_disk(size: int) -> int:
    return -(-size // DISK_BLOCK) * DISK_BLOCK
