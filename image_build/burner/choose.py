"""Which of the media are meant: from what somebody named or answered to disks, or why not. Pure."""

from collections.abc import Sequence
from pathlib import Path

from image_build.burner.batch import MOST
from image_build.burner.media import Disk, offered, why_not
from sync.errors import NoRoom, UsageError


def by_node(disks: Sequence[Disk], own: frozenset[str], nodes: Sequence[Path]) -> tuple[Disk, ...]:
    """The disks named; raises UsageError for one that is never written."""
    return _checked([_at(disks, node) for node in dict.fromkeys(nodes)], own)


def by_word(disks: Sequence[Disk], own: frozenset[str], words: Sequence[str]) -> tuple[Disk, ...]:
    """The disks with these serials; raises UsageError if there is none, or more than one."""
    return _checked([_with(disks, word) for word in dict.fromkeys(words)], own)


def by_answer(media: Sequence[Disk], answer: str) -> tuple[Disk, ...]:
    """The media with these numbers in the list that was shown (``1`` or ``1 3`` or ``1,3``).

    Nothing: none is meant. Raises UsageError for anything else than numbers of the list.
    """
    found = []
    for word in answer.replace(",", " ").replace("，", " ").split():
        if not word.isdecimal() or not 1 <= int(word) <= len(media):
            raise UsageError(
                f"{word[:20]!r} is no number of the list", hint="nothing was written; start again"
            )
        found.append(media[int(word) - 1])
    return tuple(dict.fromkeys(found))


def offers(disks: Sequence[Disk], own: frozenset[str]) -> tuple[Disk, ...]:
    """What can be written; raises UsageError if nothing can."""
    media = offered(disks, own)
    if not media:
        raise UsageError(
            "no card and no stick is plugged in that could be written",
            hint="plug one in; if it is in already, eject what is on it in the file manager",
        )
    return media


def check_room(disks: Sequence[Disk], least: int) -> None:
    """Raise NoRoom, before anybody is asked, if one is too small for ``least`` bytes."""
    for disk in disks:
        if disk.size < least:
            raise NoRoom(
                f"{disk.node} holds {disk.size / 10**9:.2f} GB, {least / 10**9:.2f} GB are needed",
                hint="nothing was written; take a larger card",
            )


def _checked(disks: list[Disk], own: frozenset[str]) -> tuple[Disk, ...]:
    for disk in disks:
        if reason := why_not(disk, own):
            raise UsageError(
                f"{disk.node} is not written: {reason}",
                hint="`kexia image burn --list` shows what can be written",
            )
    if len(disks) > MOST:
        raise UsageError(f"{len(disks)} cards at once are too many", hint=f"at most {MOST}")
    return tuple(dict.fromkeys(disks))


def _at(disks: Sequence[Disk], node: Path) -> Disk:
    for disk in disks:
        if disk.node == node:
            return disk
    part = next((one for one in disks if any(part.name == node.name for part in one.parts)), None)
    hint = f"name the whole medium: {part.node}" if part else "`kexia image burn --list` shows all"
    raise UsageError(f"{node} is no disk of this computer", hint=hint)


def _with(disks: Sequence[Disk], word: str) -> Disk:
    found = [disk for disk in disks if disk.word == word]
    if not found:
        raise UsageError(
            f"no medium has the serial {word[:60]!r}", hint="`kexia image burn --list` shows them"
        )
    if len(found) > 1:
        names = ", ".join(str(disk.node) for disk in found)
        raise UsageError(
            f"{names} have the same serial {word[:60]!r}, as cheap sticks do",
            hint="unplug all but one, or name their devices on a terminal",
        )
    return found[0]
