"""The spec of an image, as a technician's TOML says it: read at the border, every fault listed."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import tomli_w

from image_build.builder.boards import boards, suites
from sync.errors import Fault, InputRefused

FORMAT = 1
MAX_SPEC = 1 << 20
"""A spec is a page of text; more is something else."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_VERSION = re.compile(r"(20\d\d)\.(\d\d)\.(\d\d)\.([1-9]\d{0,2})")
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{1,63}")
_MIRROR = re.compile(r"(https?|file|copy)://[^\s\[\]\"']{1,300}|file:/[^\s\[\]\"']{1,300}")


@dataclass(frozen=True, slots=True)
class Mirror:
    """Where Debian's packages come from; empty: as this machine's own apt is configured."""

    debian: str = ""
    security: str = ""


@dataclass(frozen=True, slots=True)
class Spec:
    """One image, as it shall be. Paths are absolute or relative to where the spec lies."""

    name: str
    board: str
    suite: str
    version: str
    """``YYYY.MM.DD.n``."""
    floor: str
    """The lowest system version a box with this image may ever go back to."""
    built: datetime
    """The moment the image says it was built at: every time in it is this one or older."""
    ca: str = ""
    """The province's certificate for system updates; empty: none can be installed."""
    roots: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    """Debian packages beside those every box has."""
    sites: str = ""
    """The site list this image is for; nothing of it goes into the image."""
    mirror: Mirror = Mirror()
    demo: bool = False
    """For trials: its boxes accept publishers with demo keys, which anybody can have."""

    @property
    def compatible(self) -> str:
        """What a system update must say it is for."""
        return f"kexia-{self.board}"

    @property
    def epoch(self) -> int:
        """``built`` in seconds since 1970."""
        return int(self.built.timestamp())

    @property
    def stem(self) -> str:
        """How this image's files begin."""
        return f"{self.name}-{self.board}-{self.version}"


def read_spec(path: Path) -> Spec:
    """The spec in a file; raises InputRefused with all its faults, or if it is not there."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SPEC + 1)
    except OSError as error:
        raise InputRefused(f"{path}: {error.strerror}") from error
    return parse_spec(data, str(path))


def parse_spec(data: bytes, where: str) -> Spec:
    """A spec from its bytes (UTF-8, a BOM is allowed); raises InputRefused with all its faults."""
    if len(data) > MAX_SPEC:
        raise InputRefused(f"{where} is longer than any spec")
    try:
        table = tomllib.loads(data.decode("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputRefused(f"{where} is no TOML: {error}") from error
    reader = _Reader(where, table)
    spec = reader.spec()
    if reader.faults:
        count = len(reader.faults)
        raise InputRefused(
            f"{where}: {count} fault{'s' if count > 1 else ''}", faults=tuple(reader.faults)
        )
    return spec


def write_spec(spec: Spec) -> bytes:
    """The spec as TOML that reads back as it is; what is empty is left out."""
    value: dict[str, object] = {
        "format": FORMAT,
        "name": spec.name,
        "board": spec.board,
        "suite": spec.suite,
        "version": spec.version,
        "floor": spec.floor,
        "built": spec.built,
        "ca": spec.ca,
        "roots": list(spec.roots),
        "packages": list(spec.packages),
        "sites": spec.sites,
        "demo": spec.demo,
        "mirror": {
            key: text
            for key, text in (("debian", spec.mirror.debian), ("security", spec.mirror.security))
            if text
        },
    }
    kept = {key: each for key, each in value.items() if each not in ("", [], {}, False)}
    return tomli_w.dumps(kept).encode()


def built_at(version: str) -> datetime:
    """The moment a version stands for: its day at midnight UTC, and its number in seconds."""
    match = _VERSION.fullmatch(version)
    if match is None:
        raise ValueError(version)
    year, month, day, number = map(int, match.groups())
    return datetime(year, month, day, tzinfo=UTC) + timedelta(seconds=number)


class _Reader:
    """Reads the table field by field and keeps every fault."""

    def __init__(self, where: str, table: Mapping[str, object]) -> None:
        self._where = where
        self._left = dict(table)
        self.faults: list[Fault] = []

    def spec(self) -> Spec:
        """What the table says; with faults, only they count."""
        if self._left.pop("format", None) != FORMAT:
            self._fault("format", "is not the format of this version", f"format = {FORMAT}")
        version, built = self._version("version"), self._built()
        floor = self._version("floor") if "floor" in self._left else version
        if floor is not None and version is not None and _order(floor) > _order(version):
            self._fault("floor", f"is above the version {version}", "lower it")
        mirror = self._mirror()
        spec = Spec(
            name=self._text("name", _NAME, "small letters, digits and -: county-430121"),
            board=self._one_of("board", tuple(boards())),
            suite=self._one_of("suite", tuple(suites())),
            version=version or "",
            floor=floor or "",
            built=built or (built_at(version) if version else datetime.fromtimestamp(0, UTC)),
            ca=self._path("ca"),
            roots=self._texts("roots", None, "a list of files"),
            packages=self._texts("packages", _PACKAGE, "names of Debian packages"),
            sites=self._path("sites"),
            mirror=mirror,
            demo=self._flag("demo"),
        )
        for name in self._left:
            self._fault(name, "is no field of a spec", "remove it")
        return spec

    def _fault(self, key: str, what: str, cure: str) -> None:
        self.faults.append(Fault(f"{self._where} {key}", what, cure))

    def _text(self, key: str, pattern: re.Pattern[str], cure: str) -> str:
        value = self._left.pop(key, None)
        if value is None:
            self._fault(key, "is missing", cure)
        elif not isinstance(value, str) or not pattern.fullmatch(value):
            self._fault(key, f"cannot be {_short(value)}", cure)
        else:
            return value
        return ""

    def _one_of(self, key: str, choices: tuple[str, ...]) -> str:
        value = self._left.pop(key, None)
        if value not in choices:
            self._fault(key, f"cannot be {_short(value)}", f"one of {', '.join(choices)}")
            return ""
        return str(value)

    def _flag(self, key: str) -> bool:
        value = self._left.pop(key, False)
        if not isinstance(value, bool):
            self._fault(key, f"cannot be {_short(value)}", "true or false")
        return value is True

    def _version(self, key: str) -> str | None:
        text = self._text(key, _VERSION, "YYYY.MM.DD.n: 2026.11.26.1")
        if not text:
            return None
        try:
            built_at(text)
        except ValueError:
            self._fault(key, f"{text} names no day", "YYYY.MM.DD.n: 2026.11.26.1")
            return None
        return text

    def _built(self) -> datetime | None:
        value = self._left.pop("built", None)
        if value is None:
            return None
        if not isinstance(value, datetime) or value.tzinfo is None or value.year < 2020:
            self._fault("built", f"cannot be {_short(value)}", "2026-11-26T00:00:00Z, or nothing")
            return None
        return value.astimezone(UTC).replace(microsecond=0)

    def _path(self, key: str) -> str:
        value = self._left.pop(key, "")
        if not isinstance(value, str) or "\0" in value:
            self._fault(key, f"cannot be {_short(value)}", "the path of a file")
            return ""
        return value

    def _texts(self, key: str, pattern: re.Pattern[str] | None, cure: str) -> tuple[str, ...]:
        value = self._left.pop(key, [])
        if not isinstance(value, list):
            self._fault(key, f"cannot be {_short(value)}", cure)
            return ()
        for each in value:
            good = isinstance(each, str) and each and "\0" not in each
            if not good or (pattern is not None and not pattern.fullmatch(each)):
                self._fault(key, f"cannot hold {_short(each)}", cure)
        return tuple(str(each) for each in value)

    def _mirror(self) -> Mirror:
        value = self._left.pop("mirror", {})
        if not isinstance(value, dict):
            self._fault("mirror", "is no table", "[mirror]")
            return Mirror()
        for key, text in value.items():
            if key not in ("debian", "security"):
                self._fault(f"mirror.{key}", "is no field of a spec", "remove it")
            elif not isinstance(text, str) or not _MIRROR.fullmatch(text):
                self._fault(f"mirror.{key}", f"cannot be {_short(text)}", "the URL of a mirror")
        texts = {key: str(text) for key, text in value.items()}
        return Mirror(texts.get("debian", ""), texts.get("security", ""))


def _order(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"
