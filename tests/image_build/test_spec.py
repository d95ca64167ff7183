"""Specs: what a technician may write, every fault named, and that writing reads back."""

import contextlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_build.builder.spec import (
    MAX_SPEC,
    Mirror,
    Spec,
    built_at,
    parse_spec,
    read_spec,
    write_spec,
)
from sync.errors import InputRefused

GOLDEN = Path(__file__).parents[1] / "golden"
LEAST = b"""format = 1
name = "county-430121"
board = "amd64"
suite = "bookworm"
version = "2026.11.26.2"
"""


def refused(data: bytes) -> list[str]:
    """The faults of a spec, as they are told."""
    with pytest.raises(InputRefused) as refusal:
        parse_spec(data, "image.toml")
    assert refusal.value.exit_code == 3
    return [str(fault) for fault in refusal.value.faults] or [refusal.value.fact]


def test_the_least_there_must_be() -> None:
    spec = parse_spec(LEAST, "image.toml")
    assert spec.compatible == "kexia-amd64"
    assert spec.floor == spec.version
    assert spec.built == datetime(2026, 11, 26, 0, 0, 2, tzinfo=UTC)
    assert spec.stem == "county-430121-amd64-2026.11.26.2"


def test_as_notepad_writes_it() -> None:
    assert parse_spec(b"\xef\xbb\xbf" + LEAST.replace(b"\n", b"\r\n"), "x") == parse_spec(
        LEAST, "x"
    )


def test_everything_that_can_be_said() -> None:
    text = LEAST + (
        b'floor = "2026.01.01.1"\nbuilt = 2026-11-25T08:00:00+08:00\nca = "ca.pem"\n'
        b'roots = ["roots/43.root.json"]\npackages = ["htop", "g++"]\nsites = "sites.csv"\n'
        b'[mirror]\ndebian = "https://mirror.example/debian"\n'
    )
    spec = parse_spec(text, "image.toml")
    assert spec.built == datetime(2026, 11, 25, tzinfo=UTC)
    assert spec.mirror == Mirror("https://mirror.example/debian")
    assert spec.roots == ("roots/43.root.json",)
    assert parse_spec(write_spec(spec), "again") == spec


def test_the_golden_spec_says_what_it_always_said() -> None:
    spec = parse_spec((GOLDEN / "image-1.toml").read_bytes(), "image.toml")
    assert spec == Spec(
        name="county-430121",
        board="pi",
        suite="bookworm",
        version="2026.11.26.1",
        floor="2026.11.20.3",
        built=datetime(2026, 11, 26, tzinfo=UTC),
        ca="authority/ca.pem",
        roots=("roots/43.root.json", "roots/430121.root.json"),
        packages=("htop",),
        sites="教学点.csv",
        mirror=Mirror("https://mirror.example/debian", "https://mirror.example/debian-security"),
    )


def test_every_fault_is_named_at_once() -> None:
    faults = refused(
        b'format = 2\nname = "../x"\nboard = "toaster"\nsuite = "sid"\nversion = "1.0"\n'
        b'roots = "x"\npackages = ["--option"]\nbuilt = 2026-11-26\ncolour = "red"\n'
        b'[mirror]\ndebian = "deb x [trusted=yes]"\nother = 1\n'
    )
    named = {fault.split(":")[0].removeprefix("image.toml ") for fault in faults}
    assert named == {
        "format", "name", "board", "suite", "version", "roots", "packages", "built", "colour",
        "mirror.debian", "mirror.other",
    }  # fmt: skip
    assert all("→" in fault for fault in faults)


@pytest.mark.parametrize(
    "line",
    [
        b'version = "2026.13.01.1"',
        b'version = "2026.02.30.1"',
        b'version = "2026.11.26.0"',
        b"version = 3",
    ],
)
def test_a_version_is_a_day_and_a_number(line: bytes) -> None:
    faults = refused(LEAST.replace(b'version = "2026.11.26.2"', line))
    assert len(faults) == 1
    assert "image.toml version" in faults[0]


def test_a_floor_above_the_version_would_refuse_this_very_image() -> None:
    assert "floor" in refused(LEAST + b'floor = "2026.11.26.10"\n')[0]
    assert parse_spec(LEAST.replace(b"26.2", b"26.10") + b'floor = "2026.11.26.9"\n', "x").floor


@pytest.mark.parametrize("data", [b"\xff", b"= 1", b"x" * (MAX_SPEC + 1), b"a = " + b"[" * 5000])
def test_what_is_no_spec_is_refused(data: bytes) -> None:
    assert len(refused(data)) == 1


def test_a_spec_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="No such file"):
        read_spec(tmp_path / "image.toml")


versions = st.dates(datetime(2020, 1, 1).date(), datetime(2099, 12, 31).date()).flatmap(  # noqa: DTZ001
    lambda day: st.integers(1, 999).map(lambda n: f"{day:%Y.%m.%d}.{n}")
)
specs = st.builds(
    Spec,
    name=st.from_regex(r"[a-z0-9][a-z0-9-]{0,39}", fullmatch=True),
    board=st.sampled_from(["amd64", "pi"]),
    suite=st.sampled_from(["bookworm", "trixie"]),
    version=versions,
    floor=st.just("2020.01.01.1"),
    built=versions.map(built_at),
    ca=st.text().filter(lambda text: "\0" not in text),
    roots=st.lists(st.text(min_size=1).filter(lambda text: "\0" not in text)).map(tuple),
    packages=st.lists(st.from_regex(r"[a-z0-9][a-z0-9+.-]{1,63}", fullmatch=True)).map(tuple),
    sites=st.text().filter(lambda text: "\0" not in text),
)


@given(specs)
def test_writing_reads_back(spec: Spec) -> None:
    assert parse_spec(write_spec(spec), "x") == spec


@given(st.binary(max_size=400))
def test_any_bytes_are_a_spec_or_refused(data: bytes) -> None:
    with contextlib.suppress(InputRefused):
        parse_spec(LEAST + data, "x")
