"""What ``kexia stick`` tells a person: one function per result."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from appliance.cli.console import size

if TYPE_CHECKING:
    from appliance.technician.findings import Checked, Edition, ForBox, Signer
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


TOLD = 20
"""Lines of one kind that a person is told."""


def checked(found: "Checked") -> str:
    """After a check."""
    lines = [f"{found.place}: {found.files} files, {size(found.bytes)}, read and proved"]
    if found.note is not None:
        boxes = f" for {', '.join(found.note.made_for)}" if found.note.made_for else ""
        lines.append(f"prepared {found.note.made_at:%Y-%m-%d %H:%M} UTC{boxes}")
    for each in found.publishers:
        lines += _signer(each)
    lines += _for_box(found.box) if found.box else []
    for word, told in (
        ("failing", found.failing),
        ("refused", found.refused),
        ("bad", found.bad),
        ("lacking", found.lacking),
        ("note", found.notes),
    ):
        lines += [f"{word}: {each}" for each in told[:TOLD]]
        lines += [f"{word}: … and {len(told) - TOLD} more"] if len(told) > TOLD else []
    return "\n".join(map(_printable, [*lines, _verdict(found)]))


def _printable(line: str) -> str:
    """Names on a stranger's stick must not steer the terminal."""
    return "".join(letter if letter.isprintable() else "?" for letter in line)


def _verdict(found: "Checked") -> str:
    if found.complete:
        return "complete and sound"
    if found.failing or found.refused or found.bad:
        return "not sound: prepare it or copy it again; boxes use only what proves"
    return "incomplete: boxes use what is there; prepare it or copy it again for the rest"


def _signer(signer: "Signer") -> list[str]:
    who = "" if signer.vouched else "; only its own root says so, --root checks it"
    than = f"; {signer.age} than the box" if signer.age in ("newer", "older") else ""
    than = "; the same as the box has" if signer.age == "same" else than
    old = "; expired" if signer.expired else ""
    return [
        f"signed by {signer.code} {signer.name} ({signer.id}) {signer.signed_at}{than}{old}{who}",
        *(_edition(each) for each in signer.editions),
    ]


def _edition(one: "Edition") -> str:
    box = f", box has {one.box_edition}" if one.box_edition is not None else ""
    return (
        f"  {one.id} edition {one.edition}{box}: {one.files} of {one.all_files} files, "
        f"{size(one.bytes)}  {one.title}"
    )


def _for_box(box: "ForBox") -> list[str]:
    lines = [f"for {box.name}: {box.files} files, {size(box.bytes)}"]
    if box.missing:
        perhaps = "" if box.certain else "perhaps "
        lines.append(f"  {perhaps}lacking: {box.missing} files, {size(box.missing_bytes)}")
    return lines
