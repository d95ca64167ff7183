"""A budget of bytes: kept exactly, and told when it is spent."""

from pathlib import Path

import pytest

from sync.errors import BudgetSpent
from sync.transport.allowance import NOTE, REQUEST, Allowance, Purse
from sync.transport.http import HttpTransport
from tests.kit.packed import noise
from tests.kit.server import FolderServer

DATA = noise(1, 600_000)


@pytest.fixture
def server(tmp_path: Path) -> FolderServer:
    folder = tmp_path / "repo"
    (folder / "packs").mkdir(parents=True)
    (folder / "packs" / "a").write_bytes(DATA)
    (folder / "metadata").mkdir()
    (folder / "metadata" / "timestamp.json").write_bytes(b"{}")
    return FolderServer(folder)


def test_not_a_byte_more_than_allowed_is_sent(server: FolderServer) -> None:
    with server:
        purse = Purse(400_000)
        allowed = Allowance(HttpTransport(server.url), purse)
        blocks: list[bytes] = []
        with pytest.raises(BudgetSpent) as caught:
            blocks.extend(allowed.stream("packs/a", offset=1000, length=500_000))
        got = b"".join(blocks)
        assert got == DATA[1000 : 1000 + 400_000 - REQUEST]
        assert server.bytes == len(got)
        assert (purse.left, purse.spent) == (0, 400_000)
        assert caught.value.exit_code == 9
        assert "the next sync goes on" in caught.value.hint
        before = len(server.requests)
        with pytest.raises(BudgetSpent):
            allowed.read("metadata/timestamp.json", limit=1000)
        with pytest.raises(BudgetSpent):
            list(allowed.stream("packs/a", offset=0, length=1))
        assert len(server.requests) == before, "nobody is asked in vain"


def test_a_file_that_would_not_fit_is_not_asked_for(server: FolderServer) -> None:
    with server:
        purse = Purse(100_000)
        allowed = Allowance(HttpTransport(server.url), purse)
        with pytest.raises(BudgetSpent):
            allowed.read("packs/a", limit=len(DATA))
        assert (server.requests, purse.spent) == ([], 0)
        assert allowed.read("metadata/timestamp.json", limit=5_000_000) == b"{}"
        assert purse.spent == REQUEST + 2


def test_spending_is_noted_in_steps() -> None:
    noted: list[int] = []
    purse = Purse(10 * NOTE, noted.append)
    for _ in range(25):
        purse.pay(NOTE // 10)
    assert len(noted) == 2
    purse.close()
    assert sum(noted) == 25 * (NOTE // 10)
    assert len(noted) == 3
