"""A visitor without a browser: fetches pages as a tablet does, weighs them, reads them."""

import http.client
import json
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import quote, urljoin, urlsplit

from sync.errors import KexiaError

TIMEOUT = 30.0


class VisitFailed(KexiaError):
    """A page is missing, or lacks what it must hold."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, headers (lower-case names), body, and all its bytes on the wire."""

    status: int
    headers: dict[str, str]
    body: bytes
    wire: int


@dataclass(frozen=True, slots=True)
class Weight:
    """A page with everything a browser fetches to show it: bytes on the wire, and requests."""

    size: int
    requests: int


class Visitor:
    """Visits one box."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._host = urlsplit(url).netloc

    def get(self, path: str, *, headers: dict[str, str] | None = None) -> Answer:
        """One request; raises VisitFailed unless the status is 200 or 206."""
        connection = http.client.HTTPConnection(self._host, timeout=TIMEOUT)
        try:
            connection.request("GET", path, headers=headers or {})
            response = connection.getresponse()
            body = response.read()
        finally:
            connection.close()
        if response.status not in (200, 206):
            raise VisitFailed(f"{path}: status {response.status}")
        head = sum(len(name) + len(value) + 4 for name, value in response.getheaders()) + 19
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, fields, body, head + len(body))

    def api(self, path: str) -> dict[str, object]:
        """An object of the JSON API."""
        value = json.loads(self.get(f"/api/v1/{path}").body)
        if not isinstance(value, dict):
            raise VisitFailed(f"/api/v1/{path}: no object")
        return value

    def weigh(self, path: str) -> Weight:
        """The page at ``path`` with its style sheets, scripts and pictures, as compressed."""
        page = self.get(path, headers={"Accept-Encoding": "gzip"})
        plain = self.get(path)
        parts = _Parts()
        parts.feed(plain.body.decode())
        size, requests = page.wire, 1
        for part in sorted(parts.found):
            size += self.get(urljoin(path, part), headers={"Accept-Encoding": "gzip"}).wire
            requests += 1
        return Weight(size, requests)

    def generation(self) -> int:
        """Number of the generation the pages come from."""
        return int(str(self.api("status")["generation"]))

    def lessons(self) -> int:
        """How many lessons the box offers."""
        return int(str(self.api("status")["lessons"]))

    def first_textbook(self) -> str:
        """Path of a textbook's page, found from the home page's own list."""
        books = self.api("textbooks")["textbooks"]
        if not isinstance(books, list) or not books:
            raise VisitFailed("the home page offers no textbook")
        return f"/textbook/{quote(str(books[0]['id']))}"

    def search(self, phrase: str) -> list[str]:
        """Keys of the lessons that a search for ``phrase`` finds; at least one."""
        hits = self.api(f"search?q={quote(phrase)}")["hits"]
        if not isinstance(hits, list) or not hits:
            raise VisitFailed(f"a search for {phrase} finds nothing")
        page = self.get(f"/search?q={quote(phrase)}").body.decode()
        keys = [str(hit["key"]) for hit in hits]
        if quote(keys[0]) not in page:
            raise VisitFailed(f"the page of the search for {phrase} lacks lesson {keys[0]}")
        return keys

    def play_and_read(self, keys: list[str]) -> None:
        """Seek in a video and open a PDF of the lessons ``keys``; raises unless both are there."""
        pieces = [
            piece for key in keys for piece in _objects(self.api(f"lessons/{quote(key)}")["pieces"])
        ]
        videos = [piece for piece in pieces if piece["format"] == "mp4"]
        papers = [piece for piece in pieces if piece["format"] == "pdf"]
        if not videos or not papers:
            raise VisitFailed("the lessons found have no video or no PDF")
        middle = int(str(videos[0]["size"])) // 2
        part = self.get(str(videos[0]["url"]), headers={"Range": f"bytes={middle}-{middle + 999}"})
        if part.status != 206 or len(part.body) != 1000:
            raise VisitFailed("the video cannot be played from its middle")
        if not self.get(str(papers[0]["url"])).body.startswith(b"%PDF-"):
            raise VisitFailed("the courseware is no PDF")


def _objects(value: object) -> list[dict[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


class _Parts(HTMLParser):
    """Collects what a browser fetches by itself to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Remember style sheets, icons, scripts and pictures."""
        values = dict(attrs)
        if tag == "link" and values.get("rel") in ("stylesheet", "icon"):
            self._add(values.get("href"))
        elif tag in ("script", "img") and values.get("loading") != "lazy":
            self._add(values.get("src"))

    def _add(self, link: str | None) -> None:
        if link and not link.startswith("data:"):
            self.found.add(link)
