"""The door to other programs: what a long one says is heard, and it never outlives the call."""

import os
from pathlib import Path

import pytest

from sync.errors import UsageError
from sync.run import ProgramFailed, Streams, TookTooLong, Watching, follow

ENVIRONMENT = {"PATH": os.environ["PATH"]}


def shell(text: str, *, timeout: float = 30, streams: Streams = Streams()) -> list[str]:  # noqa: B008
    """The lines a script writes."""
    lines: list[str] = []
    watching = Watching(line=lines.append)
    follow(
        ["sh", "-c", text],
        timeout=timeout,
        environment=ENVIRONMENT,
        watching=watching,
        streams=streams,
    )
    return lines


def test_both_streams_are_heard_line_by_line() -> None:
    assert shell("echo one; echo two >&2; printf 'three\\rfour\\n\\nlast'") == [
        "one", "two", "three", "four", "last",
    ]  # fmt: skip


def test_it_ticks_while_the_program_is_silent() -> None:
    ticks: list[int] = []
    watching = Watching(tick=lambda: ticks.append(1))
    follow(["sleep", "1.2"], timeout=30, environment=ENVIRONMENT, watching=watching)
    assert len(ticks) >= 2


def test_its_last_words_are_told() -> None:
    with pytest.raises(ProgramFailed, match=r"exit code 3: .*no such thing") as failure:
        shell("for i in $(seq 100); do echo line $i; done; echo no such thing >&2; exit 3")
    assert "line 2;" not in str(failure.value)


def test_files_as_streams(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"bytes\0" * 1000)
    streams = Streams(tmp_path / "in", tmp_path / "out")
    assert shell("cat; echo heard >&2", streams=streams) == ["heard"]
    assert (tmp_path / "out").read_bytes() == b"bytes\0" * 1000


def test_one_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    with pytest.raises(TookTooLong):
        shell(f"echo $$ > {tmp_path}/pid; exec sleep 60", timeout=1)
    pid = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_one_that_is_not_installed() -> None:
    with pytest.raises(UsageError) as refusal:
        follow(["no-such-program"], timeout=1, environment=ENVIRONMENT, watching=Watching())
    assert refusal.value.exit_code == 2
    assert "apt install" in refusal.value.hint


def test_endless_lines_take_no_memory() -> None:
    lines = shell("head -c 30000000 /dev/zero | tr '\\0' x; echo; echo end")
    assert lines[-1] == "end"
    assert max(map(len, lines)) <= 1 << 17
