"""What ``kexia publish`` tells a person: one function per result."""

from typing import TYPE_CHECKING

from appliance.cli.console import size

if TYPE_CHECKING:
    from appliance.publisher.programmes import Checked, Sent
    from appliance.publisher.signing import Signed
    from appliance.publisher.status import Status
    from sync.publish.promote import Night
    from sync.publish.retain import Retention


def checked(found: "tuple[Checked, ...]") -> str:
    """After a check without faults."""
    return "\n".join([*notes(found), f"{len(found)} folder(s) without fault."])


def notes(found: "tuple[Checked, ...]") -> list[str]:
    """What is no fault, but its owner should know (a sheet in GBK, an unknown column)."""
    return [f"note: {note}" for each in found for note in each.notes]


def signed(done: "Signed") -> str:
    """What somebody signed, lesson by lesson."""
    lines = [f"Signed candidate {done.number} as {done.role}; directory {done.directory}."]
    for each in done.collections:
        lines.append(f"  {each.id} edition {each.edition}: {each.title}")
        lines += [f"    {lesson} {title}" for lesson, title in each.lessons]
    lines += [f"  lifts withdrawal {number}" for number in done.reinstated]
    return "\n".join(lines)


def night(done: "Night", pushes: "Sent", removed: "Retention | None" = None) -> str:
    """What a night did, what waits, what was pushed, what was removed."""
    lines = ["Nothing new to publish."]
    if done.published is not None:
        lines = [f"Published candidate {done.published}:"]
        lines += [f"  {each.id} edition {each.edition}" for each in done.collections]
    lines += [*_waiting(done), *_sent(pushes)]
    return "\n".join([*lines, *([] if removed is None else [pruned(removed)])])


def pruned_value(done: "Retention") -> dict[str, object]:
    """What a pruning did, in figures."""
    return {"removed": len(done.removed), "bytes": done.bytes, "kept": done.kept}


def pruned(done: "Retention") -> str:
    """What was removed."""
    return f"Removed {len(done.removed)} file(s), {size(done.bytes)}; {done.kept} stay."


def would_prune(done: "Retention") -> str:
    """What would be removed, name by name."""
    count = f"{len(done.removed)} file(s), {size(done.bytes)}, would go; {done.kept} would stay."
    return "\n".join([*done.removed, count])


def sent(pushes: "Sent") -> str:
    """What was sent where."""
    return "\n".join(_sent(pushes))


def status(found: "Status") -> str:
    """The state of a workspace."""
    lines = [
        f"{found.publisher.name} ({found.publisher.code}), id {found.publisher_id}"
        + (", demo keys" if found.publisher.demo else ""),
        f"signed {found.signed_at:%Y-%m-%d %H:%M} UTC, first role expires {found.expires:%Y-%m-%d}",
        f"keys here: {', '.join(found.keys_here) or 'none'}",
    ]
    lines += [
        f"  {each.id} edition {each.edition}: {each.title}, {each.lessons} lessons, "
        f"{size(each.size)}"
        for each in found.collections
    ]
    lines += _waiting(found)
    lines += [
        f"withdrawal {each.number}: {each.collection}/{each.lesson} ({each.reason})"
        for each in found.withdrawals
    ]
    lines += [
        f"introduces {each.code} {each.name}: {' '.join(each.urls)}" for each in found.children
    ]
    return "\n".join([*lines, *(f"mirrors {each}" for each in found.mirrors)])


def _waiting(found: "Night | Status") -> list[str]:
    lines = [
        f"Candidate {each.number} waits for {' and '.join(each.missing) or 'the night'}."
        for each in found.waiting
    ]
    lines += [f"Refused: {fault}" for fault in found.refused]
    return lines + [f"{role} must sign again before long: docs/keys.md." for role in found.expiring]


def _sent(pushes: "Sent") -> list[str]:
    lines = [
        f"Pushed {each.files} file(s), {size(each.bytes)}, to {each.to}."
        + (f" Removed {each.removed} that had been pruned." if each.removed else "")
        for each in pushes.pushed
    ]
    ignored = sorted({name for each in pushes.pushed for name in each.ignored})
    lines += [f"Not pushed, no file of a repository: {name}" for name in ignored]
    return lines + [f"Run again to send the rest: {reason}" for reason in pushes.broken_off]
