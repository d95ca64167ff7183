"""Forward any version, back one: old code on new data after a roll-back, new code on old data."""

import json
import sqlite3
import tempfile
import tomllib
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance import config
from appliance.config import BoxConfig, BoxPaths
from appliance.folder import (
    VERSION,
    Standing,
    Step,
    TooNew,
    bring_forward,
    judge,
    put_over,
    read_version,
    standing,
)
from appliance.generation import current, survey
from appliance.state import open_state
from sync.errors import UsageError
from tests.kit.boxes import BoxUnderTest
from tests.kit.province import Province

GOLDEN = Path(__file__).parents[1] / "golden" / "box-format-1.json"


@pytest.fixture
def paths(tmp_path: Path) -> BoxPaths:
    made = BoxPaths(tmp_path)
    config.save(made, BoxConfig(name="青山"))
    return made


def say(paths: BoxPaths, version: int) -> None:
    paths.format_file.write_text(f'{{"format":"kexia-box","version":{version}}}')


def test_the_golden_file_is_what_a_new_box_says(paths: BoxPaths) -> None:
    assert read_version(paths) == 1
    bring_forward(paths)
    assert paths.format_file.read_bytes() == GOLDEN.read_bytes()
    assert read_version(paths) == VERSION == 1


@given(st.integers(1, 50), st.integers(1, 50))
def test_forward_any_back_one(version: int, own: int) -> None:
    if version > own + 1:
        with pytest.raises(TooNew, match=f"version {version}"):
            judge(version, "it", own=own)
    else:
        ahead = judge(version, "it", own=own) is Standing.AHEAD
        assert ahead == (version == own + 1)


@given(st.integers(1, 6), st.integers(1, 6))
def test_steps_are_taken_once_and_in_order(version: int, own: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = BoxPaths(Path(folder))
        say(paths, version)
        taken: list[int] = []
        steps = [Step(n, lambda _, n=n: taken.append(n)) for n in (5, 3, 2, 4)]  # type: ignore[misc]
        if version > own + 1:
            with pytest.raises(TooNew):
                bring_forward(paths, steps=steps, own=own)
            assert not taken
            return
        for _ in range(2):
            bring_forward(paths, steps=steps, own=own)
        assert taken == [n for n in (2, 3, 4, 5) if version < n <= own]
        assert read_version(paths) == max(version, own)


def test_a_step_that_was_cut_off_is_taken_again(paths: BoxPaths) -> None:
    taken: list[int] = []

    def second(_: BoxPaths) -> None:
        taken.append(3)
        if taken.count(3) == 1:
            raise KeyboardInterrupt

    steps = [Step(2, lambda _: taken.append(2)), Step(3, second)]
    with pytest.raises(KeyboardInterrupt):
        bring_forward(paths, steps=steps, own=3)
    assert read_version(paths) == 2
    bring_forward(paths, steps=steps, own=3)
    assert taken == [2, 3, 3]
    assert read_version(paths) == 3


def test_old_code_keeps_what_later_code_wrote(paths: BoxPaths) -> None:
    """A box that was rolled back loses nothing of its configuration, and goes forward again."""
    later = tomllib.loads(paths.config_file.read_text())
    text = paths.config_file.read_text().replace("[listen]", 'moon = "full"\n\n[listen]\nquic = 1')
    paths.config_file.write_text(text)
    with pytest.raises(UsageError, match=r"moon|quic"):
        config.load(paths)
    say(paths, VERSION + 1)
    known = config.load(paths)
    assert known.name == later["name"]
    config.save(paths, known.subscribed(["43/math-1a"]))
    value = tomllib.loads(paths.config_file.read_text())
    assert (value["moon"], value["listen"]["quic"]) == ("full", 1)
    assert value["subscriptions"] == ["43/math-1a"]
    assert standing(paths) is Standing.AHEAD
    bring_forward(paths)
    assert read_version(paths) == VERSION + 1


def test_code_that_is_two_versions_too_old_touches_nothing(paths: BoxPaths) -> None:
    say(paths, VERSION + 2)
    before = paths.config_file.read_bytes()
    with pytest.raises(TooNew, match="version") as caught:
        config.load(paths)
    assert caught.value.exit_code == 2
    assert "update this box's system" in caught.value.hint
    with pytest.raises(TooNew):
        config.save(paths, BoxConfig())
    assert paths.config_file.read_bytes() == before


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b'{"format":"x","version":1}', b'{"format":"kexia-box"}']
)
def test_a_broken_version_is_said_so(paths: BoxPaths, data: bytes) -> None:
    paths.format_file.write_bytes(data)
    with pytest.raises(UsageError, match="cannot be read"):
        config.load(paths)


@given(st.binary(max_size=60))
def test_anything_as_version_is_an_error_of_ours(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = BoxPaths(Path(folder))
        paths.format_file.write_bytes(data)
        with suppress(UsageError):
            assert read_version(paths) >= 0


TABLES = st.dictionaries(
    st.sampled_from("abcd"),
    st.one_of(st.integers(), st.dictionaries(st.sampled_from("xyz"), st.integers())),
)


@given(TABLES, TABLES)
def test_what_is_put_over_wins_and_nothing_is_lost(
    later: dict[str, object], own: dict[str, object]
) -> None:
    both = put_over(later, own)
    assert both.keys() == later.keys() | own.keys()
    for name, value in own.items():
        if isinstance(value, dict) and isinstance(both[name], dict):
            assert both[name].items() >= value.items()  # type: ignore[attr-defined]
        else:
            assert both[name] == value
    assert put_over({}, own) == own


def test_state_db_says_its_version_too(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    open_state(path).close()
    for version in (0, VERSION, VERSION + 1):
        with closing(sqlite3.connect(path)) as other:
            other.execute(f"PRAGMA user_version = {version}")
        with closing(open_state(path)) as state:
            [(found,)] = state.execute("PRAGMA user_version").fetchall()
        assert found == max(version, VERSION)
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE homework (id INTEGER)")
        other.execute("INSERT INTO migration VALUES ('homework', 99)")
        other.commit()
    open_state(path).close()  # tables of a later version disturb nobody
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA user_version = {VERSION + 2}")
    with pytest.raises(TooNew, match=r"state\.db"):
        open_state(path)


@pytest.mark.thorough
def test_a_generation_of_a_later_format_is_passed_over_for_the_one_before(tmp_path: Path) -> None:
    province = Province.create(tmp_path)
    box = BoxUnderTest.create(tmp_path / "box", province.root).subscribe("43/a")
    province.publish({"43/a": {"l1.html": b"<p>one"}})
    box.sync(province.repository)
    first = box.generation.number
    province.publish({"43/a": {"l1.html": b"<p>two"}})
    box.sync(province.repository)
    record = box.generation.folder / "generation.json"
    value = json.loads(record.read_bytes())
    value["format"] = "kexia-generation-2"
    record.chmod(0o600)
    record.write_text(json.dumps(value))
    assert [one.number for one in survey(box.paths).whole] == [first]
    served = current(box.paths)
    assert served is None or served.number == first
    report = box.sync(province.repository)
    assert report.exit_code == 0
    assert box.editions() == {"43/a": 2}
