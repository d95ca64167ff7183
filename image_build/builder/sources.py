"""Where Debian's packages come from: the machine's own apt configuration, read. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from image_build.builder.spec import Mirror
from sync.errors import UsageError

COMPONENTS = "main non-free-firmware"
"""Free software, and the firmware without which no Wi-Fi of a Raspberry Pi wakes up."""
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_RELEASES = frozenset(
    f"{name}{part}"
    for name in ("bullseye", "bookworm", "trixie", "forky", "sid", "stable", "testing", "oldstable")
    for part in ("", "-updates", "-security")
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One source of packages, as apt knows it."""

    uri: str
    suite: str
    components: tuple[str, ...]


def find_mirror(files: Iterable[tuple[str, str]], wanted: Mirror) -> Mirror:
    """The mirrors to take: those ``wanted``, else those in apt's files (name, text).

    Raises UsageError where no Debian mirror is configured.
    """
    entries = [entry for name, text in files for entry in entries_in(name, text)]
    ours = [each for each in entries if each.suite in _RELEASES and "main" in each.components]
    plain = [each.uri for each in ours if not each.suite.endswith("-security")]
    secure = [each.uri for each in ours if each.suite.endswith("-security")]
    debian = wanted.debian or next(iter(plain), "")
    if not debian:
        raise UsageError(
            "apt on this machine is configured for no Debian mirror",
            hint='name one in the spec: [mirror] debian = "https://…/debian", security = "…"',
        )
    beside = "" if wanted.debian else next(iter(secure), "")
    security = wanted.security or beside or f"{debian.rstrip('/')}-security"
    return Mirror(debian.rstrip("/"), security.rstrip("/"))


def sources_list(mirror: Mirror, suite: str) -> str:
    """A ``sources.list`` for one release, with its updates."""
    lines = ((mirror.debian, suite), (mirror.debian, f"{suite}-updates"))
    all_lines = (*lines, (mirror.security, f"{suite}-security"))
    return "".join(f"deb [signed-by={KEYRING}] {uri} {of} {COMPONENTS}\n" for uri, of in all_lines)


def entries_in(name: str, text: str) -> Iterator[Entry]:
    """The sources of binary packages in one file: ``*.sources`` (deb822) or one line each."""
    return _stanzas(text) if name.endswith(".sources") else _lines(text)


def _lines(text: str) -> Iterator[Entry]:
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if words[:1] != ["deb"]:
            continue
        if len(words) > 1 and words[1].startswith("["):
            end = next((at for at, word in enumerate(words) if word.endswith("]")), len(words))
            words = words[:1] + words[end + 1 :]
        if len(words) > 3:
            yield Entry(words[1], words[2], tuple(words[3:]))


def _stanzas(text: str) -> Iterator[Entry]:
    for stanza in text.split("\n\n"):
        fields: dict[str, str] = {}
        key = ""
        for line in stanza.splitlines():
            if line.startswith("#"):
                continue
            if line[:1].isspace():
                fields[key] = f"{fields.get(key, '')} {line.strip()}"
            else:
                key, _, value = line.partition(":")
                key = key.strip().lower()
                fields[key] = value.strip()
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes") == "no":
            continue
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                yield Entry(uri, suite, tuple(fields.get("components", "").split()))
