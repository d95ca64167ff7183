"""A box whose pages the tests visit."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.kit import served
from tests.kit.served import ServedBox
from tests.kit.visiting import Visit, visiting


@pytest.fixture(scope="session")
def stocked(tmp_path_factory: pytest.TempPathFactory) -> ServedBox:
    """A box with three collections; nobody changes it."""
    box = served.box(tmp_path_factory.mktemp("stocked"))
    box.publish(served.music(box), served.math(box), served.classroom(box))
    return box


@pytest.fixture
async def visit(stocked: ServedBox) -> AsyncIterator[Visit]:
    """A visitor of the stocked box."""
    async with visiting(stocked.paths.root) as visitor:
        yield visitor


@pytest.fixture
def fresh(tmp_path: Path) -> ServedBox:
    """An empty box of the test's own."""
    return served.box(tmp_path)
