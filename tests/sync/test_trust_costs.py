"""The bars of a night's trust, with 500 collections: counted at a real web server."""

from dataclasses import replace
from pathlib import Path

import pytest

from sync.publish.bases import BACK
from tests.bench import trust_costs
from tests.bench.trust_costs import LEVELS, Costs, Night, measure

SOCKET = 900
"""Bytes of headers, both ways, that one request costs at most."""


@pytest.fixture(scope="module", params=["one", "four"])
def costs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Costs:
    publishers = LEVELS if request.param == "four" else LEVELS[1:2]
    return measure(tmp_path_factory.mktemp("costs"), publishers, earlier=2)


def publishers(costs: Costs) -> int:
    return int(costs.layout.split()[0])


def test_an_unchanged_publisher_costs_two_requests(costs: Costs) -> None:
    night = costs.unchanged
    assert night.requests == 2 * publishers(costs)
    assert night.role_bytes <= 1_000 * publishers(costs)
    assert night.directory_bytes == 0


def test_a_changed_publisher_costs_six(costs: Costs) -> None:
    night = costs.changed
    assert night.requests <= 6 * publishers(costs)
    assert night.role_bytes <= 3_000 * publishers(costs)
    assert 0 < night.directory_bytes <= 12_000


def test_two_nights_cost_less_than_twice_one(costs: Costs) -> None:
    assert costs.two_behind.requests == costs.changed.requests
    # they are two other nights, whose changes cost a few per cent more or less
    assert costs.two_behind.directory_bytes < 2.05 * costs.changed.directory_bytes


@pytest.mark.parametrize("kind", ["first", "unchanged", "changed"])
def test_the_socket_carries_no_more_than_headers_besides(costs: Costs, kind: str) -> None:
    night: Night = getattr(costs, kind)
    payload = night.role_bytes + night.directory_bytes
    assert payload < night.socket_bytes <= payload + SOCKET * night.requests


def test_all_deltas_together_stay_within_the_roles_bar(tmp_path: Path) -> None:
    """After 31 nights every delta of the policy is listed, and each box pays for the list."""
    publisher = trust_costs.Publisher(tmp_path, "43", "湖南省", 20, seed=1)
    box = trust_costs.following(tmp_path / "box", publisher)
    for _ in range(max(BACK)):
        same_collection(publisher)
    trust_costs.follow(publisher, box)
    same_collection(publisher)
    assert trust_costs.listed_deltas(publisher) == len(BACK)
    night = trust_costs.follow(publisher, box)
    assert night.requests <= 6
    assert night.role_bytes <= 3_000


def same_collection(publisher: trust_costs.Publisher) -> None:
    """A night that changes one and the same, so that even the oldest delta is worth it."""
    first, *others = publisher.listed.collections
    news = trust_costs.next_edition(first, publisher.rng)
    publisher.publish(replace(publisher.listed, collections=(news, *others)))
