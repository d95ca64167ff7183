"""The page of a box whose data partition cannot be opened: what is wrong and what to do.

Nothing of the box is read but its program: no configuration, no lessons, no log is needed for it.
"""

from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore

from appliance.language import N_, Language, speech

MAX_CLIENTS = 32
SECONDS = 10.0
"""How long a client may take with its request."""
RETRY_SECONDS = 60

TITLE = N_("The box cannot open its data")
_TOLD = (
    N_("Lessons and classes lie on a part of the card or disk that cannot be read now."),
    N_("Nothing was deleted. Do not format the card."),
)
_TO_DO = (
    N_("Switch the box off, wait ten seconds, switch it on, and wait five minutes."),
    N_("If this page comes again, tell the county: “the data partition cannot be opened”."),
    N_("They send a new card; what teachers made comes back from the last backup."),
)


def page() -> bytes:
    """The page, in both languages one below the other: here nobody can choose."""
    parts = "".join(map(_part, Language))
    title = escape(speech(Language.CHINESE).say(TITLE))
    return (
        f'<!doctype html><html lang="zh-Hans"><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width">'
        "<style>body{font:1.1em sans-serif;max-width:36em;margin:2em auto;padding:0 1em}</style>"
        f"{parts}</html>\n"
    ).encode()


def _part(language: Language) -> str:
    say = speech(language).say
    told = "".join(f"<p>{escape(say(text))}</p>" for text in _TOLD)
    to_do = "".join(f"<li>{escape(say(text))}</li>" for text in _TO_DO)
    heading = escape(say(TITLE))
    return f'<section lang="{language}"><h1>{heading}</h1>{told}<ol>{to_do}</ol></section>'


class _Handler(BaseHTTPRequestHandler):
    timeout = SECONDS
    body = page()

    def do_GET(self) -> None:
        """Every address gets it; 503, so that no program takes it for what it asked for."""
        self.send_response(503)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(self.body)))
        self.send_header("Retry-After", str(RETRY_SECONDS))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(self.body)

    do_HEAD = do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Nothing: there is no place to keep it."""


class Server(ThreadingHTTPServer):
    """Serves the page; more clients than ``MAX_CLIENTS`` wait."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int) -> None:
        self._places = BoundedSemaphore(MAX_CLIENTS)
        super().__init__((host, port), _Handler)

    def process_request(self, request: object, client_address: object) -> None:
        """Wait for a place, then as usual."""
        self._places.acquire()
        super().process_request(request, client_address)  # type: ignore[arg-type]

    def shutdown_request(self, request: object) -> None:
        """The end of one client."""
        super().shutdown_request(request)  # type: ignore[arg-type]
        self._places.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that left is no fault."""
