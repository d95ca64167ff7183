"""When what can be put together, and how much room that takes at the worst moment. Pure.

The plan's room is reckoned with the schedule and ``apply`` follows it, so the two agree.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence

from sync.digest import Digest
from sync.plan.pieces import Assembly, FromSeed, PlannedGroup, Range

DISK_BLOCK = 4096


class Schedule:
    """Which assembly can begin once a group has come or another assembly is done.

    A group can be opened when it is staged and what it is decoded with is made; an assembly can
    begin when its groups can be opened and what it copies is made. Groups stand between, so that
    the work grows with the spans of the groups and not with spans times assemblies.
    """

    def __init__(self, groups: Sequence[PlannedGroup], assemblies: Sequence[Assembly]) -> None:
        made = {one.resource.digest: number for number, one in enumerate(assemblies)}
        self._needs = [tuple(assembly.groups) for assembly in assemblies]
        self._users = _users(self._needs, len(groups))
        self._uses = [len(users) for users in self._users]
        context = [_made(made, (span.digest for span in group.prefix)) for group in groups]
        copied = [_made(made, _copied(assembly)) for assembly in assemblies]
        self._opens = _users(context, len(assemblies))
        """Groups that are decoded with an assembly's resource."""
        self._copiers = _users(copied, len(assemblies))
        self._closed = [
            (not group.is_staged) + len(each) for group, each in zip(groups, context, strict=True)
        ]
        """How many things each group waits for."""
        self._missing = [
            sum(bool(self._closed[group]) for group in needs) + len(each)
            for needs, each in zip(self._needs, copied, strict=True)
        ]

    def ready(self) -> list[int]:
        """Assemblies that wait for nothing, at the start."""
        return [number for number, missing in enumerate(self._missing) if not missing]

    def arrived(self, group: int) -> list[int]:
        """Assemblies that can begin now that ``group`` is staged."""
        self._closed[group] -= 1
        return [] if self._closed[group] else self._came(self._users[group])

    def finished(self, assembly: int) -> tuple[list[int], list[int]]:
        """After ``assembly``: groups of no more use, and assemblies that can begin now."""
        for group in self._needs[assembly]:
            self._uses[group] -= 1
        unused = [group for group in self._needs[assembly] if not self._uses[group]]
        begin = self._came(self._copiers[assembly])
        for group in self._opens[assembly]:
            begin += self.arrived(group)
        return unused, begin

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


def _copied(assembly: Assembly) -> Iterator[Digest]:
    return (piece.resource for piece in assembly.pieces if isinstance(piece, FromSeed))


def _made(made: Mapping[Digest, int], digests: Iterable[Digest]) -> tuple[int, ...]:
    """The assemblies that make some of ``digests``, each once."""
    return tuple({made[digest] for digest in digests if digest in made})


def _users(needs: Sequence[Sequence[int]], count: int) -> list[list[int]]:
    users: list[list[int]] = [[] for _ in range(count)]
    for number, each in enumerate(needs):
        for one in each:
            users[one].append(number)
    return users


def _on_disk(size: int) -> int:
    return -(-size // DISK_BLOCK) * DISK_BLOCK
