"""Runs the public TUF conformance suite against our entry point, where a checkout of it is."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from sync.run import run

ENTRY_POINT = Path(__file__).with_name("client.py")
CHECKOUT = os.environ.get("KEXIA_TUF_CONFORMANCE", "")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(
    not CHECKOUT,
    reason="KEXIA_TUF_CONFORMANCE names no checkout of theupdateframework/tuf-conformance "
    "(see tests/conformance/README.md)",
)
def test_the_box_conforms() -> None:
    checkout = Path(CHECKOUT).absolute()
    suite = checkout / "env" / "bin" / "pytest"
    assert suite.exists(), f"{suite} is missing: tests/conformance/README.md says how to make it"
    assert shutil.which("faketime"), "apt install faketime"
    done = run(
        [
            suite,
            "-q",
            "-c",
            checkout / "pyproject.toml",
            checkout / "tuf_conformance",
            f"--entrypoint={ENTRY_POINT}",
        ],
        timeout=1700,
        environment={
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": os.environ.get("HOME", "/"),
        },
        accept=(0, 1),
    )
    assert done.code == 0, done.stdout.decode(errors="replace")[-4000:]
