"""What is installed in a root: from dpkg's status and the wheels' metadata to packages. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser
from email.policy import compat32

from sync.errors import FormatError

MAX_STATUS = 2**25
MAX_METADATA = 2**20
MAX_PACKAGES = 20_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9+._~:!-]{0,199}")
_INSTALLED = "install ok installed"


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """One package of a root."""

    kind: str
    """``deb`` or ``pypi``."""
    name: str
    version: str
    architecture: str = ""
    """Of a Debian package."""
    source: str = ""
    """Name and version of the Debian source it was made from, if another name or version."""
    licences: tuple[str, ...] = field(default=(), compare=False)
    """Short names as their papers give them, sorted; empty: they give none that we can read."""

    @property
    def line(self) -> str:
        """``name version architecture`` for packages.list."""
        return " ".join(filter(None, (self.name, self.version, self.architecture or self.kind)))


def debian(status: bytes) -> tuple[Package, ...]:
    """Packages of ``/var/lib/dpkg/status``, sorted; raises FormatError for what is none."""
    if len(status) > MAX_STATUS:
        raise FormatError("dpkg's status is longer than any we know")
    found = [package for fields in _paragraphs(status) if (package := _debian(fields))]
    if not found:
        raise FormatError("the root has no Debian packages", hint="is it a root of a box?")
    return tuple(sorted(found))


def wheel(metadata: bytes) -> Package:
    """The package of a wheel's ``METADATA`` (Core metadata 2.x); raises FormatError."""
    told = BytesHeaderParser(policy=compat32).parsebytes(metadata[:MAX_METADATA])
    name, version = str(told.get("Name", "")), str(told.get("Version", ""))
    licences = _wheel_licences(
        str(told.get("License-Expression") or ""),
        str(told.get("License") or ""),
        [str(one) for one in told.get_all("Classifier", [])],
    )
    normal = re.sub(r"[-_.]+", "-", name).lower()
    return Package("pypi", _checked(normal), _checked(version), licences=licences)


def _debian(fields: dict[str, str]) -> Package | None:
    if fields.get("status") != _INSTALLED:
        return None
    name, version = _checked(fields.get("package", "")), _checked(fields.get("version", ""))
    source = fields.get("source", "")
    return Package("deb", name, version, _checked(fields.get("architecture", "")), source[:300])


def _paragraphs(text: bytes) -> Iterator[dict[str, str]]:
    """Fields of each paragraph, by lower-case name; only their first lines."""
    for number, paragraph in enumerate(re.split(rb"\n[ \t]*\n", text)):
        if number > MAX_PACKAGES:
            raise FormatError("more packages than any root we know")
        fields = {}
        for line in paragraph.splitlines():
            name, colon, value = line.decode("utf-8", "replace").partition(":")
            if colon and not name.startswith((" ", "\t", "#")):
                fields[name.lower()] = value.strip()
        if fields:
            yield fields


def _wheel_licences(expression: str, text: str, classifiers: list[str]) -> tuple[str, ...]:
    if expression:
        return (expression.strip()[:200],)
    named = [one.rpartition(" :: ")[2] for one in classifiers if one.startswith("License ::")]
    named = [one for one in named if one != "OSI Approved"]
    if named:
        return tuple(sorted(set(named)))
    short = text.strip()
    return (short,) if short and len(short) <= 60 and "\n" not in short else ()


def _checked(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise FormatError(f"{text[:60]!r} is no name or version of a package")
    return text
