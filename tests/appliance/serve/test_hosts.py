"""Whom the box answers."""

import pytest

from appliance.serve.hosts import is_ours, with_port


@pytest.mark.parametrize(
    "host",
    [
        "192.168.4.1",
        "192.168.4.1:8080",
        "[fe80::1]:8080",
        "[::1]",
        "localhost:8080",
        "ke.lan",
        "KEXIA.local.",
        "a.ke.lan:80",
        "lianhua:8080",
    ],
)
def test_addresses_and_local_names_are_ours(host: str) -> None:
    assert is_ours(host, frozenset({"lianhua"}))


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "ke.lan.evil.example",
        "lan",
        ".lan",
        "evil.example#.lan",
        "a b.lan",
        "a;script-src *.lan",
        "192.168.4.1.evil.example",
        "lianhua.evil.example",
        "1.2.3",
        "é.lan",
    ],
)
def test_names_that_the_internet_can_give_are_not(host: str) -> None:
    assert not is_ours(host, frozenset({"lianhua"}))


def test_another_port_of_the_same_host() -> None:
    assert with_port("ke.lan:8080", 8081) == "ke.lan:8081"
    assert with_port("[fe80::1]:8080", 8081) == "[fe80::1]:8081"
    assert with_port("10.0.0.1", 8081) == "10.0.0.1:8081"
