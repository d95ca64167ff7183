"""What all tests share: how thorough a run is, and that CI skips nothing of ours."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

HERE = Path(__file__).parent
SLOW_SETUP = (HealthCheck.too_slow,)
"""Shared machines stall; how long a value took to draw says nothing about the code."""

settings.register_profile("thorough", deadline=None, suppress_health_check=SLOW_SETUP)
settings.register_profile("quick", deadline=None, max_examples=15, suppress_health_check=SLOW_SETUP)
settings.load_profile(os.environ.get("KEXIA_TESTS", "thorough"))

THOROUGH = ("appliance", "contract", "crash", "conformance", "e2e")
"""Folders whose tests start processes, servers or whole provinces: not in `make check`."""
THOROUGH_FILES = (
    "test_apply",
    "test_carry",
    "test_publish",
    "test_sample",
    "test_stick_recipients",
    "test_transport",
    "test_trust",
    "test_update.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what `make check` leaves to `make test`."""
    for item in items:
        path = item.path.relative_to(HERE)
        if path.parts[0] in THOROUGH or path.name.startswith(THOROUGH_FILES):
            item.add_marker(pytest.mark.thorough)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped test of ours is a failure: what a test needs, the project installs."""
    report = yield
    if os.environ.get("CI") and report.skipped and "slow" not in item.keywords:
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report
