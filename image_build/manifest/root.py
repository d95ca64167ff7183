"""Reads a built root (squashfs): its packages with their licences, through squashfs-tools-ng."""

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

from image_build.manifest.licences import licences
from image_build.manifest.packages import Package, debian, wheel
from sync.errors import FormatError
from sync.run import ProgramFailed, run

STATUS = "var/lib/dpkg/status"
DOCS = "usr/share/doc"
WHEELS = "usr/lib/kexia"
_INFO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,120}\.dist-info")
_SECONDS = 600.0
_MAX_DOCUMENT = 2**21
_MAX_FILES = 50_000


@dataclass(frozen=True, slots=True)
class _Member:
    """A file of the root, or a link to another one."""

    data: bytes = b""
    link: str = ""


def packages_in(root: Path) -> tuple[Package, ...]:
    """Every package of a squashfs, sorted, with licences; raises FormatError, ProgramFailed."""
    status, documents = _file(root, STATUS), dict(_documents(root))
    found = [replace(one, licences=_of(one, documents)) for one in debian(status)]
    infos = [name for name in _names(root, WHEELS) if _INFO.fullmatch(name)]
    found += [wheel(_file(root, f"{WHEELS}/{name}/METADATA")) for name in infos]
    return tuple(sorted(set(found)))


def _of(package: Package, members: dict[str, _Member]) -> tuple[str, ...]:
    """Licences by a package's copyright file, through the links Debian makes between folders."""
    name = package.name.partition(":")[0]
    path = f"{DOCS}/{name}/copyright"
    for _ in range(4):
        folder = members.get(path.rpartition("/")[0])
        if folder is not None and folder.link:
            path = f"{DOCS}/{folder.link.rpartition('/')[2]}/copyright"
            continue
        member = members.get(path)
        if member is None:
            return ()
        if not member.link:
            return licences(member.data)
        path = _joined(path.rpartition("/")[0], member.link)
    return ()


def _joined(folder: str, link: str) -> str:
    if link.startswith("/"):
        return link.lstrip("/")
    parts = folder.split("/")
    for part in link.split("/"):
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/".join(parts)


def _names(root: Path, folder: str) -> list[str]:
    """What lies in ``folder``; nothing if there is no such folder."""
    told = run(["rdsquashfs", "--list", folder, root], timeout=_SECONDS, accept=(0, 1))
    lines = told.stdout.decode("utf-8", "replace").splitlines()
    return sorted(line.split()[-1] for line in lines if line.strip())


def _file(root: Path, path: str) -> bytes:
    try:
        return run(["rdsquashfs", "--cat", path, root], timeout=_SECONDS).stdout
    except ProgramFailed as error:
        raise FormatError(f"{root.name} has no {path}", hint="is it a root of a box?") from error


def _documents(root: Path) -> Iterator[tuple[str, _Member]]:
    """Copyright files and links below usr/share/doc.

    One folder at a time: sqfs2tar 1.2 crashes when it is asked for several.
    """
    words = ["--no-xattr", "--keep-as-dir", "--subdir", DOCS]
    told = run(["sqfs2tar", *words, root], timeout=_SECONDS)
    try:
        with tarfile.open(fileobj=BytesIO(told.stdout), mode="r:") as archive:
            for number, member in enumerate(archive):
                if number > _MAX_FILES:
                    raise FormatError(f"{root.name} has more papers than any root we know")
                yield from _member(archive, member)
    except tarfile.TarError as error:
        raise FormatError(f"{root.name}: sqfs2tar gives no archive ({error})") from error


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[tuple[str, _Member]]:
    name = member.name.removeprefix("./").rstrip("/")
    if member.issym():
        yield name, _Member(link=member.linkname)
        return
    if not name.endswith("/copyright"):
        return
    opened = archive.extractfile(member)  # follows hard links
    if opened is not None:
        yield name, _Member(opened.read(_MAX_DOCUMENT))
