"""What ``kexia image burn`` says to a technician, in the language of their computer. Pure."""

from collections.abc import Mapping, Sequence
from enum import Enum

from appliance.cli.console import size
from image_build.burner.batch import Outcome
from image_build.burner.burn import Burnt
from image_build.burner.media import Disk


class Tongue(Enum):
    """A language of the conversation."""

    ENGLISH = 0
    CHINESE = 1


_WORDS = {
    "list": ("Can be written:", "可以写入的卡和U盘："),
    "erased": ("ERASED, with all that is on it:", "将被清空（上面的全部内容都会丢失）："),
    "empty": ("empty", "空"),
    "large": (
        "LARGE: is this not somebody's backup disk?",
        "容量很大：会不会是别人的备份硬盘？",
    ),
    "ask-number": (
        "Erase and write which? Number or numbers, or Enter for none: ",
        "要清空并写入哪一个？请输入编号（可多个），直接回车则不写：",
    ),
    "ask-yes": (
        "Erase and write? yes or Enter for no: ",
        "清空并写入吗？输入 yes 确认，直接回车取消：",
    ),
    "none": ("Nothing was written.", "没有写入任何内容。"),
    "done": ("burnt and read back", "已写入并回读校验"),
    "pull": ("it can be pulled out", "可以拔出"),
    "failed": ("FAILED", "失败"),
    "unsigned": (
        "The image's signature was not asked for (give --ca ca.pem).",
        "没有检查镜像的签名（请给出 --ca ca.pem）。",
    ),
    "signed": ("The image is signed by", "镜像的签名者："),
}


def tongue(environment: Mapping[str, str]) -> Tongue:
    """Chinese where the locale says so (``LC_ALL``, ``LC_MESSAGES``, ``LANG``: POSIX's order)."""
    names = (environment.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    chosen = next(filter(None, names), "")
    return Tongue.CHINESE if chosen.lower().startswith("zh") else Tongue.ENGLISH


def word(key: str, language: Tongue) -> str:
    """One of the sentences above."""
    return _WORDS[key][language.value]


def described(disk: Disk, language: Tongue) -> str:
    """``/dev/sdb  15.9 GB  SanDisk Ultra  [4C530001]  vfat KEXIA, ext4 data``."""
    holds = ", ".join(disk.holds) or word("empty", language)
    parts = [str(disk.node), size(disk.size), disk.model or disk.kind, f"[{disk.word}]", holds]
    if disk.is_large:
        parts.append(word("large", language))
    return "  ".join(parts)


def listing(media: Sequence[Disk], language: Tongue) -> str:
    """The media with their numbers."""
    lines = [f"  {number}  {described(one, language)}" for number, one in enumerate(media, 1)]
    return "\n".join([word("list", language), *lines])


def warning(disks: Sequence[Disk], language: Tongue) -> str:
    """What will be lost."""
    return "\n".join(
        [word("erased", language), *(f"  {described(one, language)}" for one in disks)]
    )


def outcome(one: Outcome, language: Tongue) -> str:
    """How a card ended, in a line or two."""
    if isinstance(one.end, Burnt):
        counted = f"{size(one.end.bytes)}, {one.end.seconds:.0f} s"
        done, pull = word("done", language), word("pull", language)
        return f"{one.disk.node}: {done} ({counted}); {pull}"
    hint = f"\n  → {one.end.hint}" if one.end.hint else ""
    return f"{one.disk.node}: {word('failed', language)}: {one.end.fact}{hint}"


def media_value(media: Sequence[Disk]) -> list[dict[str, object]]:
    """The media for JSON; ``serial`` is what ``--yes`` takes."""
    return [
        {
            "device": str(one.node),
            "serial": one.word,
            "size": one.size,
            "model": one.model,
            "bus": one.bus,
            "holds": list(one.holds),
        }
        for one in media
    ]
