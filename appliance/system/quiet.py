"""Is anybody on the pages? From the kernel's table of connections to looks in a row without one.

Kept in memory only: a box that just started has not been quiet yet.
"""

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from sync.files import write_whole

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
COUNT = Path("/run/kexia-quiet")
_ESTABLISHED = "01"
_LOOPBACK = re.compile(r"0100007F|0{24}01000000|0{16}FFFF00000100007F")


def connections(table: Iterable[str], ports: Collection[int]) -> int:
    """Connections from other machines to ``ports`` in a table as /proc/net/tcp is (proc(5))."""
    found = 0
    for line in table:
        fields = line.split()
        if len(fields) < 4 or fields[3] != _ESTABLISHED:
            continue
        local, remote = fields[1].rpartition(":"), fields[2].rpartition(":")
        if int(local[2], 16) in ports and not _LOOPBACK.fullmatch(remote[0]):
            found += 1
    return found


def look(ports: Collection[int], *, count: Path = COUNT, tables: Iterable[Path] = TABLES) -> int:
    """Looks in a row, this one included, at which nobody was connected."""
    used = sum(connections(_lines(table), ports) for table in tables)
    looks = 0 if used else _known(count) + 1
    write_whole(count, str(looks).encode())
    return looks


def _lines(table: Path) -> list[str]:
    return table.read_text(encoding="ascii").splitlines()[1:] if table.exists() else []


def _known(count: Path) -> int:
    try:
        return min(int(count.read_text(encoding="ascii")), 10**6)
    except (OSError, ValueError):
        return 0
