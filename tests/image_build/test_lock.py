"""The lock file as it is, and markers as uv writes them."""

from pathlib import Path

import pytest

from image_build.builder.boards import DATA, names_in, suites
from image_build.builder.lock import applies, read_lock, target
from sync.errors import InputRefused

ROOT = Path(__file__).parents[2]
BOX = target("3.11", "aarch64")
HASH = "--hash=sha256:" + "a" * 64


def test_the_lock_that_travels_is_the_lock() -> None:
    assert (
        DATA.joinpath("runtime.lock").read_bytes()
        == (ROOT / "requirements" / "runtime.lock").read_bytes()
    )


@pytest.mark.parametrize("suite", list(suites()))
@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_our_lock_is_read_for_every_box(suite: str, machine: str) -> None:
    text = DATA.joinpath("runtime.lock").read_text()
    left_out = frozenset(names_in("packages", "builder.list"))
    found = {
        one.name: one for one in read_lock(text, target(suites()[suite].python, machine), left_out)
    }
    assert {"aiohttp", "cffi", "cryptography", "pyfastcdc", "whoosh"} <= found.keys()
    assert not found.keys() & {"colorama", "pip", "fonttools", "fpdf2"}
    assert all(one.hashes for one in found.values())
    line = found["aiohttp"].line
    assert line.startswith(f"aiohttp=={found['aiohttp'].version} --hash=sha256:")


@pytest.mark.parametrize(
    ("marker", "holds"),
    [
        ("", True),
        ("sys_platform == 'win32'", False),
        ("sys_platform == 'win32' or os_name == 'posix'", True),
        ("implementation_name != 'PyPy' and platform_python_implementation != 'PyPy'", True),
        ("python_full_version < '3.13'", True),
        ("python_full_version < '3.11'", False),
        ("python_version >= '3.9'", True),
        ("python_full_version == '3.11.4'", True),
        ("platform_machine == 'x86_64'", False),
    ],
)
def test_markers(marker: str, holds: bool) -> None:
    assert applies(marker, BOX) is holds


@pytest.mark.parametrize(
    "line",
    [
        f"aiohttp==3.14.5 ; moon == 'full' {HASH}",
        f"aiohttp==3.14.5 ; (os_name == 'posix') {HASH}",
        f"aiohttp==3.14.5 ; os_name < 'posix' {HASH}",
        "aiohttp==3.14.5",
        f"aiohttp>=3 {HASH}",
        f"-r other.txt {HASH}",
        f"git+https://example.org/x {HASH}",
    ],
)
def test_what_is_no_lock_is_refused(line: str) -> None:
    with pytest.raises(InputRefused):
        read_lock(line + "\n", BOX)


def test_remarks_and_continued_lines() -> None:
    text = f"# by uv\nidna==3.20 \\\n    {HASH} \\\n    --hash=sha256:{'b' * 64}\n    # via yarl\n"
    (one,) = read_lock(text, BOX)
    assert (one.name, one.version, len(one.hashes)) == ("idna", "3.20", 2)
