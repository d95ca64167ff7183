"""What a box writes to its card in a day: a memory card lives as long as little is written to it.

The machine's time goes by its own work and leaps over what is between. An hour in which nobody is
there and twenty minutes of school, in which somebody reads and searches each minute, are added up
to a day of 16 and 8 hours. No lessons come in.
"""

import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from tests.vm import images
from tests.vm.disk import Disk
from tests.vm.image_machine import PATIENT, SHELL, ImageMachine
from tests.vm.systems import PATIENCE
from tests.vm.writes import WriteLog

EVENING = ("-rtc", "base=2026-12-01T12:00:00,clock=vm")
"""In UTC."""
ALONE, AT_SCHOOL = 60, 20
"""Minutes that are measured."""
BAR = 64 << 20
"""Bytes a day: 23 GB a year, which the smallest card stands for ten."""
SCHOOL = """
import re, time, urllib.parse, urllib.request

def get(path):
    return urllib.request.urlopen("http://127.0.0.1" + path).read().decode(errors="replace")

seen = set()
for minute in range(MINUTES):
    home = get("/")
    words = ("音乐", "数学", "yinyue", f"没有的词{minute}")
    found = get("/search?q=" + urllib.parse.quote(words[minute % 4]))
    lessons = re.findall('href="(/lesson/[^"#?]+)', home + found)
    if lessons:
        chosen = lessons[minute % len(lessons)]
        get(chosen)
        seen.add(chosen)
    time.sleep(60)
print("lessons seen:", len(seen))
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200), pytest.mark.image]


def test_a_day_writes_little(tmp_path: Path) -> None:
    if reason := images.why_not("amd64"):
        pytest.skip(reason)
    disk = Disk.of(images.image("amd64"), tmp_path)
    disk.overwrite("data", images.data_partition(tmp_path, disk.partition("data")[1] >> 20))
    disk.set_grub(EXTRA=f"{PATIENT} {SHELL}")
    log = tmp_path / "writes.log"
    with ImageMachine(disk, shell=True, writes=log, leaps=True, more=EVENING) as machine:
        machine.wait("KEXIA-HEALTH good", PATIENCE)

        def said(command: str) -> str:
            code, words = machine.shell(command, seconds=PATIENCE)
            assert code == 0, words
            return words

        said("until systemctl is-active -q kexia-health; do sleep 1; done; sleep 120; sync")
        marks = [log.stat().st_size]
        said(f"sleep {ALONE * 60}; sync")
        marks.append(log.stat().st_size)
        programme = SCHOOL.replace("MINUTES", str(AT_SCHOOL))
        used = said(f"cat > /tmp/school.py <<'END'\n{programme}\nEND\npython3 /tmp/school.py; sync")
        marks.append(log.stat().st_size)
        machine.ask("stop")
    writes = WriteLog.read(log)
    alone, school = (bytes_by_place(disk, writes, *each) for each in pairwise(marks))
    day = alone.total() * 16 * 60 // ALONE + school.total() * 8 * 60 // AT_SCHOOL
    print(f"alone {dict(alone)}, at school {dict(school)}, a day {day} bytes; {used}")  # noqa: T201
    assert re.search("lessons seen: [1-9]", used)
    assert 0 < day <= BAR
    assert alone["esp"] + school["esp"] == 0, "GRUB's files are written at a start, not after it"


def bytes_by_place(disk: Disk, log: WriteLog, before: int, after: int) -> Counter[str]:
    """Bytes of the writes that were logged between these lengths of the log."""
    parts = disk.partitions()
    written: Counter[str] = Counter()
    for write in log.writes[log.reached(before) : log.reached(after)]:
        places = [name for name, place in parts.items() if write.touches(*place)]
        written[places[0] if places else "table"] += write.size
    return written
