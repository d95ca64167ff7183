"""Whole resources from a stick: what is there goes in, what is wrong costs itself alone."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random

import pytest

from sync import apply, files, raw
from sync.errors import KexiaError, MediumFailing, NoRoom, NoSource, ShiftOver
from sync.feed import Resource
from sync.library import Store
from sync.progress import Silent
from sync.raw import LONG, PATIENCE, RawSource, Taken, take
from sync.transport.base import Transport
from sync.transport.meter import Meter
from sync.transport.volume import VolumeTransport
from tests.kit.laid import lay_concatenation, lay_files
from tests.kit.packed import holds, noise, resource

SMALL = [noise(seed, 3_000 + 977 * seed) for seed in range(40)]
LARGE = [noise(100 + seed, LONG + 300_000 * seed) for seed in range(3)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "box")


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    lay_concatenation(folder, SMALL[:25])
    lay_concatenation(folder, SMALL[25:], number=1)
    lay_files(folder, LARGE)
    return folder


def listed(contents: Iterable[bytes]) -> list[Resource]:
    return [resource(data) for data in contents]


def bring(stick: Path | Transport, contents: Iterable[bytes], store: Store) -> Taken:
    source = RawSource(VolumeTransport(stick) if isinstance(stick, Path) else stick)
    return take(source.places(listed(contents)), source, store, Silent())


def test_all_that_is_there_goes_in(stick: Path, store: Store) -> None:
    taken = bring(stick, SMALL + LARGE, store)
    assert holds(store, SMALL + LARGE)
    assert not taken.bad
    assert taken.applied.resources_new == len(SMALL) + len(LARGE)
    assert taken.applied.bytes_new == sum(map(len, SMALL + LARGE))
    assert not store.raw.sizes()


def test_only_what_is_wanted_is_taken_and_neighbours_are_read_in_one_go(
    stick: Path, store: Store
) -> None:
    meter = Meter(VolumeTransport(stick))
    source = RawSource(meter)
    places = source.places(listed([*SMALL[:10], *SMALL[30:]]))
    meter.requests = 0
    take(places, source, store, Silent())
    assert holds(store, [*SMALL[:10], *SMALL[30:]])
    assert meter.requests == 2
    assert len(list(store.library.digests())) == 20


def test_what_a_stick_has_not_is_left_to_others(stick: Path, store: Store) -> None:
    other = noise(999, 50_000)
    taken = bring(stick, [other, *LARGE], store)
    assert holds(store, LARGE)
    assert not store.library.has(resource(other).digest)
    assert not taken.bad


def test_a_repository_without_raw_resources_is_left_after_some_misses(
    tmp_path: Path, store: Store
) -> None:
    (tmp_path / "bare").mkdir()
    meter = Meter(VolumeTransport(tmp_path / "bare"))
    far = RawSource(meter, misses=raw.MISSES)
    assert far.places(listed(noise(seed, 9) for seed in range(5_000))) == ()
    assert meter.requests <= raw.MISSES + 1


def test_long_files_that_a_stick_lacks_do_not_hide_the_shorter_ones_it_has(
    stick: Path, store: Store
) -> None:
    lacking = [Resource(resource(bytes([n])).digest, 10**9 + n) for n in range(raw.MISSES * 3)]
    places = RawSource(VolumeTransport(stick)).places([*lacking, *listed(LARGE)])
    assert [place.resource for place in places] == listed(LARGE)


def test_a_damaged_file_costs_itself_alone(stick: Path, store: Store) -> None:
    data = stick / "concatenations" / "0.cat"
    changed = bytearray(data.read_bytes())
    changed[len(SMALL[0]) + 5] ^= 1
    data.write_bytes(changed)
    [path] = lay_files(stick, LARGE[1:2])
    path.write_bytes(LARGE[1][:-1] + b"?")
    taken = bring(stick, SMALL + LARGE, store)
    assert holds(store, [SMALL[0], *SMALL[2:], LARGE[0], LARGE[2]])
    assert not store.library.has(resource(SMALL[1]).digest)
    assert not store.library.has(resource(LARGE[1]).digest)
    assert [error.exit_code for error in taken.bad] == [5, 5]
    assert "0.cat is damaged" in taken.bad[0].fact
    assert resource(LARGE[1]).digest in taken.bad[1].fact


def test_a_file_cut_short_costs_itself_and_what_stood_behind(stick: Path, store: Store) -> None:
    data = stick / "concatenations" / "0.cat"
    left = sum(map(len, SMALL[:20])) + 10
    data.write_bytes(data.read_bytes()[:left])
    taken = bring(stick, SMALL + LARGE, store)
    assert holds(store, [*SMALL[:20], *SMALL[25:], *LARGE])
    assert len(taken.bad) == 5
    assert all("ends" in error.fact for error in taken.bad)


@pytest.mark.parametrize("table", [b"", b"KXCAT1\n" + bytes(39), b"KXCAT2\n" + bytes(40)])
def test_a_damaged_table_costs_what_it_lists(stick: Path, store: Store, table: bytes) -> None:
    (stick / "concatenations" / "0.tab").write_bytes(table)
    bring(stick, SMALL + LARGE, store)
    assert holds(store, SMALL[25:] + LARGE)
    assert not store.library.has(resource(SMALL[0]).digest)


def test_a_table_that_lies_about_places_brings_nothing_false(stick: Path, store: Store) -> None:
    lay_concatenation(stick, list(reversed(SMALL[:25])))
    (stick / "concatenations" / "0.cat").write_bytes(b"".join(SMALL[:25]))
    taken = bring(stick, SMALL, store)
    assert holds(store, SMALL[25:])
    assert all(store.library.proves(digest) for digest in store.library.digests())
    assert taken.bad


class PulledOut:
    """A stick that is pulled out after so many bytes."""

    def __init__(self, inner: Transport, after: int, error: type[KexiaError] = NoSource) -> None:
        self._inner, self._left, self._error = inner, after, error
        self.label = "stick"

    def read(self, name: str, *, limit: int) -> bytes:
        return self._inner.read(name, limit=limit)

    def stream(self, name: str, *, offset: int, length: int) -> Iterator[bytes]:
        for block in self._inner.stream(name, offset=offset, length=length):
            if self._left < len(block):
                raise self._error("pulled out")
            self._left -= len(block)
            yield block


def test_what_cannot_be_read_costs_itself_and_is_told_apart(stick: Path, store: Store) -> None:
    taken = bring(PulledOut(VolumeTransport(stick), 2_000_000, MediumFailing), LARGE, store)
    assert holds(store, LARGE[:1])
    assert {type(error) for error in taken.bad} == {MediumFailing}


@pytest.mark.parametrize("seed", range(12))
def test_pulled_out_at_any_moment_it_costs_only_the_rest(
    stick: Path, store: Store, seed: int
) -> None:
    whole = sum(map(len, SMALL + LARGE))
    after = Random(seed).randrange(whole)
    taken = bring(PulledOut(VolumeTransport(stick), after), SMALL + LARGE, store)
    assert 1 <= len(taken.bad) <= PATIENCE
    came = taken.applied.bytes_new + sum(store.raw.sizes().values())
    assert came > after - raw.LONGEST // 4
    meter = Meter(VolumeTransport(stick))
    source = RawSource(meter)
    held = set(store.library.digests())
    lacking = [one for one in listed(SMALL + LARGE) if one.digest not in held]
    places = source.places(lacking)
    meter.bytes = 0
    take(places, source, store, Silent())
    assert holds(store, SMALL + LARGE)
    assert meter.bytes <= whole - came


def test_a_staged_beginning_that_is_damaged_is_read_once_more(stick: Path, store: Store) -> None:
    bring(PulledOut(VolumeTransport(stick), 600_000), LARGE[:1], store)
    digest = resource(LARGE[0]).digest
    assert store.raw.sizes()[digest] > 500_000
    staged = store.raw.root / digest
    staged.write_bytes(b"x" + staged.read_bytes()[1:])
    taken = bring(stick, LARGE[:1], store)
    assert holds(store, LARGE[:1])
    assert not taken.bad


def test_time_to_show_something_stops_between_two_reads(stick: Path, store: Store) -> None:
    with pytest.raises(ShiftOver):
        bring(PulledOut(VolumeTransport(stick), 30_000, ShiftOver), SMALL, store)


def test_no_room_is_said_before_anything_is_written(
    stick: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "free_space", lambda _: apply.FLOOR + 1_000_000)
    with pytest.raises(NoRoom, match="must stay free"):
        bring(stick, SMALL + LARGE, store)
    assert not list(store.library.digests())


def test_hostile_names_are_not_followed(tmp_path: Path, stick: Path, store: Store) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(LARGE[0])
    [path] = lay_files(stick, LARGE[:1])
    path.unlink()
    path.symlink_to(secret)
    bring(stick, LARGE, store)
    assert holds(store, LARGE[1:])
    assert not store.library.has(resource(LARGE[0]).digest)
