"""What ``kexia stick`` tells a person: one function per result."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from appliance.cli.console import size

if TYPE_CHECKING:
    from appliance.technician.prepare import Prepared
    from sync.stick.note import Publisher


def prepared(done: "Prepared") -> str:
    """After a preparation."""
    boxes = f" for {', '.join(done.made_for)}" if done.made_for else ""
    lines = [f"{done.to} is complete{boxes}: {done.files} files, {size(done.bytes)}."]
    lines += publishers(done.publishers)
    lines.append(
        f"written now: {done.files_written} files, {size(done.bytes_written)}; "
        f"removed: {done.files_removed}; everything was read back and proved"
    )
    lines += [f"note: {each}" for each in done.notes]
    if not done.vouched:
        lines.append("note: the roots were taken from the repository; --root checks them")
    return "\n".join(lines)


def publishers(listed: "Iterable[Publisher]") -> list[str]:
    """Whose editions are there."""
    lines: list[str] = []
    for each in listed:
        lines.append(f"publisher {each.code} {each.name} ({each.id})")
        lines += [
            f"  {one.id} edition {one.edition}: {one.files} files, {size(one.bytes)}  {one.title}"
            for one in each.collections
        ]
    return lines
