"""Packages before anything is built: lists, which versions, and their bytes, in a kept cache.

An apt of our own, with lists and archives in the cache folder and no word of what this machine has
installed. What it says is proved before it is used: lists by Debian's signature, packages by lists.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from image_build.builder.boards import Suite
from image_build.builder.release import prove_lists
from image_build.builder.sources import find_mirror, sources_list
from image_build.builder.spec import Mirror
from image_build.builder.surroundings import Network, Surroundings
from sync.errors import KexiaError, NoSource, ProofFailed, UsageError
from sync.files import make_folder, write_durably
from sync.run import ProgramFailed, Watching, follow, run

_ESSENTIAL = ("?essential", "?priority(required)")
"""What mmdebstrap brings without being asked."""
_URI = re.compile(r"'(?P<uri>[^']+)' (?P<file>\S+) (?P<size>\d+)")
_SETTING = re.compile(
    r'Acquire::(http|https|ftp|Check-|Retries|ForceIPv|Queue-Mode|Proxy)[^"]* "[^"]+";'
)
_DEADLINE = 3600.0


@dataclass(frozen=True, slots=True)
class Deb:
    """One package to install: which, and what its file is."""

    name: str
    version: str
    architecture: str
    file: str
    """Its name in the cache."""
    size: int
    sha256: str
    source: str = ""
    """Source package and its version, where they differ from its own."""

    @property
    def line(self) -> str:
        """``name version architecture``, for lists of packages."""
        return f"{self.name} {self.version} {self.architecture}"


@dataclass(frozen=True)
class Apt:
    """Apt for one release and architecture, below ``folder``."""

    folder: Path
    suite: Suite
    arch: str
    around: Surroundings

    @property
    def debs(self) -> Path:
        """Where package files are kept."""
        return self.folder / "debs"

    @property
    def lists(self) -> Path:
        """What apt knows there is."""
        return self.folder / "lists"

    @property
    def sources(self) -> Path:
        """The ``sources.list`` the lists belong to."""
        return self.folder / "sources.list"

    def renew(self, mirror: Mirror) -> None:
        """Ask the mirror what there is now; without network take what is kept.

        Raises NoSource when the mirror does not answer, or when nothing is kept.
        """
        if self.around.network is Network.OFF:
            if not self.sources.exists():
                raise NoSource(
                    f"--offline, and {self.folder} holds no list of packages",
                    hint="build once with network, or: kexia image cache import FILE",
                )
            self._settle()
            prove_lists(self.lists)
            return
        found = find_mirror(_configured(), mirror)
        write_durably(self.sources, sources_list(found, self.suite.name).encode())
        self._settle()
        self.around.progress.step(f"lists of {self.suite.name} {self.arch}")
        try:
            self._follow("apt-get", "update", "--error-on=any", watching=Watching())
        except ProgramFailed as error:
            raise NoSource(
                f"the mirror {found.debian} gives no lists: {error.fact}",
                hint="check the network, or build from what is kept: --offline",
            ) from error
        prove_lists(self.lists)

    def plan(self, packages: Iterable[str], *, essential: bool = True) -> tuple[Deb, ...]:
        """Which packages that comes to, dependencies and all, sorted by name.

        Raises UsageError when a package is unknown.
        """
        asked = (*(_ESSENTIAL if essential else ()), *packages)
        # with an empty archive, for what is at hand is not printed
        words = ("-o", f"Dir::Cache::archives={self.folder / 'none'}/", "--print-uris", "-y")
        how = "install" if essential else "download"
        try:
            said = self._ask("apt-get", *words, how, *asked).decode()
        except ProgramFailed as error:
            raise UsageError(
                f"{self.suite.name} {self.arch}: {error.fact}",
                hint="mend packages in the spec; or the kept lists are of another day",
            ) from error
        files = {match["file"]: int(match["size"]) for match in _URI.finditer(said)}
        return tuple(sorted(self._described(files), key=lambda deb: deb.name))

    def fetch(self, debs: Sequence[Deb]) -> None:
        """Bring the files of ``debs`` into the cache and prove each.

        Raises NoSource naming what is missing when there is no network, ProofFailed for a file
        that is not what the lists promise.
        """
        missing = [deb for deb in debs if not self._has(deb)]
        if missing and self.around.network is Network.OFF:
            names = ", ".join(f"{deb.name} {deb.version}" for deb in missing[:5])
            more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            raise NoSource(
                f"--offline, and {self.debs} lacks {names}{more}",
                hint="build once with network, or: kexia image cache import FILE",
            )
        if missing:
            self._download(missing)
        self.around.progress.step("packages proved", total=sum(deb.size for deb in debs))
        for deb in debs:
            self._prove(deb)
            self.around.progress.advance(deb.size)

    def newest(self, debs: Sequence[Deb]) -> int:
        """When the newest of ``debs`` was made, in seconds since 1970, as its file says.

        No file in them is newer; Python's compiled files know the times of their sources, so a root
        must not say that it is older.
        """
        return max(_made_at(self.debs / deb.file) for deb in debs)

    def unpack(self, debs: Sequence[Deb], folder: Path) -> None:
        """Take packages apart into ``folder``; nothing in them is run."""
        make_folder(folder)
        for deb in debs:
            path = self.debs / deb.file
            run(["dpkg-deb", "-x", path, folder], timeout=300)

    def _download(self, missing: Sequence[Deb]) -> None:
        make_folder(self.debs / "partial")
        total = sum(deb.size for deb in missing)
        self.around.progress.step(f"{len(missing)} packages", total=total)
        files = [path for deb in missing for path in self._places(deb)]
        before = done = _bytes_in(files)

        def tick() -> None:
            nonlocal done
            now = _bytes_in(files)
            self.around.progress.advance(max(0, now - done))
            done = max(done, now)

        exact = [f"{deb.name}={deb.version}" for deb in missing]
        try:
            self._follow("apt-get", "download", *exact, watching=Watching(tick=tick), into=True)
        except ProgramFailed as error:
            came = _bytes_in(files) - before
            raise NoSource(
                f"packages did not all come ({came} of {total} bytes): {error.fact}",
                hint="run the same command again: it goes on where it was",
            ) from error
        tick()

    def _places(self, deb: Deb) -> tuple[Path, Path]:
        return self.debs / deb.file, self.debs / "partial" / deb.file

    def _has(self, deb: Deb) -> bool:
        path = self.debs / deb.file
        return path.is_file() and path.stat().st_size == deb.size

    def _prove(self, deb: Deb) -> None:
        path = self.debs / deb.file
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != deb.sha256:
            path.unlink()
            raise ProofFailed(
                f"{path} is not what Debian's lists say; it was removed",
                hint="run the same command again with network",
            )

    def _described(self, files: dict[str, int]) -> Iterator[Deb]:
        """What the lists say of the packages in these files."""
        names = []
        for file in files:
            name, version, _ = file.removesuffix(".deb").split("_")
            names.append(f"{name}={version.replace('%3a', ':')}")
        known = {}
        for stanza in self._ask("apt-cache", "show", *names).decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in stanza.splitlines() if ": " in line)
            if "Package" in fields:
                deb = _deb(fields)
                known[deb.file] = deb
        for file, size in files.items():
            if file not in known or known[file].size != size:
                raise KexiaError(f"apt names {file} but its lists do not describe it")
            yield known[file]

    def _settle(self) -> None:
        """Write apt's configuration: lists and archives here, nothing of this machine's state."""
        for name in (
            "none/partial",
            "lists/partial",
            "debs/partial",
            "etc/apt.conf.d",
            "etc/preferences.d",
            "cache",
        ):
            make_folder(self.folder / name)
        (self.folder / "status").touch()
        settings = [
            'Dir::State "."',
            f'Dir::State::lists "{self.lists}/"',
            f'Dir::State::status "{self.folder / "status"}"',
            f'Dir::Cache "{self.folder / "cache"}"',
            f'Dir::Cache::archives "{self.debs}/"',
            f'Dir::Etc "{self.folder / "etc"}"',
            f'Dir::Etc::sourcelist "{self.sources}"',
            'Dir::Etc::netrc "/etc/apt/auth.conf"',
            'Dir::Etc::netrcparts "/etc/apt/auth.conf.d"',
            f'APT::Architecture "{self.arch}"',
            f'APT::Architectures {{"{self.arch}";}}',
            'APT::Sandbox::User ""',
            'APT::Install-Recommends "false"',
            'Acquire::Languages "none"',
            *machine_settings(),
        ]
        text = f'Dir "{self.folder}";\n' + "".join(f"{line.rstrip(';')};\n" for line in settings)
        write_durably(self.folder / "apt.conf", text.encode())

    def _environment(self) -> dict[str, str]:
        return self.around.for_programs(APT_CONFIG=str(self.folder / "apt.conf"))

    def _ask(self, *arguments: str) -> bytes:
        return run(arguments, timeout=300, environment=self._environment()).stdout

    def _follow(self, *arguments: str, watching: Watching, into: bool = False) -> None:
        follow(
            arguments,
            timeout=_DEADLINE,
            environment=self._environment(),
            watching=watching,
            folder=self.debs if into else None,
        )


def machine_settings() -> tuple[str, ...]:
    """How this machine's own apt reaches the network: proxies, dates, retries."""
    said = run(["apt-config", "dump", "Acquire"], timeout=60).stdout.decode()
    return tuple(line for line in said.splitlines() if _SETTING.fullmatch(line))


def _configured() -> Iterator[tuple[str, str]]:
    """This machine's lists of sources, Debian's own file first."""
    folder = Path("/etc/apt/sources.list.d")
    parts = sorted(folder.glob("*")) if folder.is_dir() else []
    for path in (Path("/etc/apt/sources.list"), *parts):
        if path.is_file() and (path.suffix in (".list", ".sources")):
            yield path.name, path.read_text(encoding="utf-8", errors="replace")


def _deb(fields: dict[str, str]) -> Deb:
    version = fields["Version"]
    name, arch = fields["Package"], fields["Architecture"]
    file = f"{name}_{version.replace(':', '%3a')}_{arch}.deb"
    source = fields.get("Source", "")
    return Deb(name, version, arch, file, int(fields["Size"]), fields["SHA256"], source)


def _bytes_in(files: Iterable[Path]) -> int:
    total = 0
    for path in files:
        try:
            total += path.stat().st_size
        except FileNotFoundError:
            continue
    return total


def _made_at(path: Path) -> int:
    """The time in the header of an ar archive's first member (deb(5))."""
    with path.open("rb") as file:
        head = file.read(68)
    if not head.startswith(b"!<arch>\n"):
        raise KexiaError(f"{path} is no Debian package")
    return int(head[24:36])
