"""The way out: asks the publishers' own addresses, as a sync would; nothing and nobody else."""

import json
import socket
from collections.abc import Iterable, Sequence
from urllib.parse import urlsplit

from appliance.config import BoxConfig
from appliance.doctor.facts import Uplink
from appliance.lan.card import Card
from appliance.lan.inforce import InForce
from sync.errors import KexiaError
from sync.transport.address import check_repository
from sync.transport.web import CertificateDates, Timeouts, Web

MAX_URLS = 4
MAX_ANSWER = 256 * 1024
_TIMESTAMP = "metadata/timestamp.json"
_TOO_MANY = 429
_TIMEOUTS = Timeouts(connect=6.0, read=8.0)


def ask(config: BoxConfig, state: InForce | None, cards: Sequence[Card]) -> tuple[Uplink, str]:
    """What became of it, and names and numbers to it. Takes half a minute at most, mostly none."""
    urls = [url for publisher in config.publishers for url in publisher.urls][:MAX_URLS]
    if not urls or (state is not None and state.makes_wifi and not state.uplinks):
        return Uplink.NOT_WANTED, ""
    line = _line(state, cards)
    if line is not None:
        return line
    if not config.network.proxy and not any(_is_known(url) for url in urls):
        return Uplink.NO_NAMES, ", ".join(sorted({urlsplit(url).hostname or "" for url in urls}))
    return _worst(_answers(url, config.network.proxy) for url in urls)


def _line(state: InForce | None, cards: Sequence[Card]) -> tuple[Uplink, str] | None:
    """What is wrong with the cards that lead out; None: nothing, or nothing is known of them."""
    if state is None:
        return None
    names = state.uplinks if state.makes_wifi else (state.card, *state.uplinks)
    leading = [card for card in cards if card.name in names]
    linked = [card for card in leading if card.has_link]
    if not linked:
        return Uplink.NO_LINE, ", ".join(names)
    if not any(card.ipv4 for card in linked):
        return Uplink.NO_ADDRESS, ", ".join(card.name for card in linked)
    return None


def _is_known(url: str) -> bool:
    """Whether a URL's name has an address."""
    parts = urlsplit(url)
    try:
        return bool(socket.getaddrinfo(parts.hostname, parts.port or 80, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError):
        return False


def _answers(url: str, proxy: str) -> tuple[Uplink, str]:
    """Whether a publisher's repository answers under ``url``; its content is proved by a sync."""
    web = Web(dates=CertificateDates.IGNORE, proxy=proxy, timeouts=_TIMEOUTS)
    try:
        with web.get(f"{check_repository(url)}/{_TIMESTAMP}", {}, what=url) as response:
            status, data = response.status, response.read(MAX_ANSWER, decode_content=False)
    except KexiaError as error:
        return Uplink.SILENT, error.fact[:200]
    if status >= 500 or status == _TOO_MANY:
        return Uplink.SILENT, f"{url}: {status}"
    return (Uplink.WELL, url) if _is_signed(data) else (Uplink.PORTAL, f"{url}: {status}")


def _is_signed(data: bytes) -> bool:
    """Whether it looks like TUF metadata, and not like a page of somebody's."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and "signed" in value and "signatures" in value


def _worst(answers: Iterable[tuple[Uplink, str]]) -> tuple[Uplink, str]:
    """One server that answers is enough; else what the first one that said anything came to."""
    found: list[tuple[Uplink, str]] = []
    for answer in answers:
        if answer[0] is Uplink.WELL:
            return answer
        found.append(answer)
    portals = [answer for answer in found if answer[0] is Uplink.PORTAL]
    return (portals or found)[0]
