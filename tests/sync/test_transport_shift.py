"""A shift lets content in for its time, and always some."""

from pathlib import Path

import pytest

from sync.errors import ShiftOver
from sync.transport.base import BLOCK
from sync.transport.shift import Shift, Shifted
from sync.transport.volume import VolumeTransport
from tests.kit.packed import noise

DATA = noise(1, 4 * BLOCK)


def test_streams_begin_until_its_time_is_up(tmp_path: Path) -> None:
    (tmp_path / "packs").write_bytes(DATA)
    now = 1000.0
    shift = Shift(10, lambda: now)
    stick = Shifted(VolumeTransport(tmp_path), shift)
    assert stick.label == str(tmp_path)
    now += 60
    stream = stick.stream("packs", offset=0, length=len(DATA))
    assert next(stream) == DATA[:BLOCK], "the time runs from the first byte"
    now += 9
    assert b"".join(stick.stream("packs", offset=7, length=90)) == DATA[7:97]
    now += 1
    assert b"".join(stream) == DATA[BLOCK:], "what has begun comes whole"
    with pytest.raises(ShiftOver):
        next(stick.stream("packs", offset=0, length=1))
    assert stick.read("packs", limit=len(DATA)) == DATA
