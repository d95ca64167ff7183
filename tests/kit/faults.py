"""What goes wrong between a box and a server, each a small object for ``FolderServer.fail``."""

from dataclasses import dataclass, field


@dataclass
class Answer:
    """What the server is about to send; a fault changes it."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bytes
    """The file asked for, without any range."""
    cut_after: int | None = None
    """Close the connection after so many bytes of the body."""
    close_first: bool = False
    """Close the connection instead of answering."""
    pause: float = 0.0
    """Seconds of silence before the answer."""
    pace: float = 0.0
    """Seconds of silence after every 64 KiB of the body."""


class Fault:
    """Does nothing: the way to let a matching request pass before the next fault's turn."""

    def spoil(self, answer: Answer) -> None:
        """Change ``answer``."""


@dataclass
class Status(Fault):
    """Another status, with a short body."""

    code: int

    def spoil(self, answer: Answer) -> None:
        answer.status = self.code
        answer.body = b"no"
        answer.headers = {"Content-Type": "text/plain"}


@dataclass
class Busy(Fault):
    """Too much to do, with the headers that say for how long."""

    headers: dict[str, str]
    code: int = 503

    def spoil(self, answer: Answer) -> None:
        Status(self.code).spoil(answer)
        answer.headers.update(self.headers)


@dataclass
class Portal(Fault):
    """A captive portal: status 200 and a page, whatever was asked."""

    content_type: str = "text/html; charset=utf-8"
    body: bytes = b"<!DOCTYPE html><html><body>Please log in</body></html>"

    def spoil(self, answer: Answer) -> None:
        answer.status = 200
        answer.body = self.body
        answer.headers = {"Content-Type": self.content_type}


@dataclass
class Redirect(Fault):
    """Sends the client elsewhere."""

    location: str
    code: int = 302

    def spoil(self, answer: Answer) -> None:
        answer.status = self.code
        answer.body = b""
        answer.headers = {"Location": self.location}


@dataclass
class CutAfter(Fault):
    """The connection breaks after ``count`` bytes of the body that was announced."""

    count: int

    def spoil(self, answer: Answer) -> None:
        answer.cut_after = self.count


class Hangup(Fault):
    """The connection breaks before any answer."""

    def spoil(self, answer: Answer) -> None:
        answer.close_first = True


@dataclass
class Silence(Fault):
    """No answer for ``seconds``."""

    seconds: float

    def spoil(self, answer: Answer) -> None:
        answer.pause = self.seconds


class NoRanges(Fault):
    """A server that knows no ranges: the whole file with status 200."""

    def spoil(self, answer: Answer) -> None:
        answer.status = 200
        answer.body = answer.whole
        answer.headers.pop("Content-Range", None)


@dataclass
class Headers(Fault):
    """Other headers, the body as it is."""

    headers: dict[str, str] = field(default_factory=dict)

    def spoil(self, answer: Answer) -> None:
        answer.headers.update(self.headers)


@dataclass
class Replace(Fault):
    """Another body, also for a file that is not there."""

    body: bytes

    def spoil(self, answer: Answer) -> None:
        answer.body = self.body
        if answer.status == 404:
            answer.status = 200
            answer.headers = {}


@dataclass
class Flip(Fault):
    """One bit of the body at ``offset`` (from the end if negative) is wrong."""

    offset: int

    def spoil(self, answer: Answer) -> None:
        changed = bytearray(answer.body)
        changed[self.offset] ^= 1
        answer.body = bytes(changed)


class Chunked(Fault):
    """Chunked transfer: the length is not announced."""

    def spoil(self, answer: Answer) -> None:
        answer.headers["Transfer-Encoding"] = "chunked"


@dataclass
class Slow(Fault):
    """A line of so many bytes a second."""

    rate: float

    def spoil(self, answer: Answer) -> None:
        answer.pace = 64 * 1024 / self.rate


@dataclass
class Both(Fault):
    """Several faults in one answer, in their order."""

    faults: tuple[Fault, ...]

    def spoil(self, answer: Answer) -> None:
        for fault in self.faults:
            fault.spoil(answer)
