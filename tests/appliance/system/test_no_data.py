"""The page of a box whose data cannot be opened."""

import http.client
import threading
from collections.abc import Iterator

import pytest

from appliance.system.no_data import MAX_CLIENTS, Server


@pytest.fixture
def port() -> Iterator[int]:
    with Server("127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def ask(port: int, method: str, path: str) -> tuple[int, dict[str, str], str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize("path", ["/", "/generate_204", "/lessons/43/x?y=1", "/%00"])
def test_every_address_says_it_in_both_languages(port: int, path: str) -> None:
    status, headers, text = ask(port, "GET", path)
    assert status == 503
    assert headers["Cache-Control"] == "no-store"
    assert "课匣打不开自己的数据" in text
    assert "The box cannot open its data" in text
    assert text.index("课匣") < text.index("The box")


def test_other_methods_and_endless_clients_do_not_stop_it(port: int) -> None:
    assert ask(port, "POST", "/admin")[0] == 503
    assert ask(port, "HEAD", "/")[2] == ""
    for _ in range(2 * MAX_CLIENTS):
        assert ask(port, "GET", "/")[0] == 503
