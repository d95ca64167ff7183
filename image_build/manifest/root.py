"""Reads a built root (squashfs): its packages with their licences, through squashfs-tools-ng."""

import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

from image_build.manifest.licences import licences
from image_build.manifest.packages import MAX_METADATA, MAX_STATUS, Package, debian, wheel
from sync.errors import FormatError
from sync.run import run

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
    infos = [f"{WHEELS}/{name}" for name in _names(root, WHEELS) if _INFO.fullmatch(name)]
    members = dict(_members(root, ["var/lib/dpkg", DOCS, *infos]))
    if STATUS not in members:
        raise FormatError(f"{root.name} has no {STATUS}", hint="is it a root of a box?")
    found = [replace(one, licences=_of(one, members)) for one in debian(members[STATUS].data)]
    for info in infos:
        if (told := members.get(f"{info}/METADATA")) is not None:
            found.append(wheel(told.data))
    return tuple(sorted(found))


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


def _members(root: Path, folders: list[str]) -> Iterator[tuple[str, _Member]]:
    options = [word for folder in folders for word in ("--subdir", folder)]
    told = run(["sqfs2tar", "--no-xattr", *options, root], timeout=_SECONDS)
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
    wanted = name == STATUS or name.endswith(("/copyright", "/METADATA"))
    if not wanted:
        return
    limit = MAX_STATUS if name == STATUS else max(_MAX_DOCUMENT, MAX_METADATA)
    opened = archive.extractfile(member)  # follows hard links
    if opened is not None:
        yield name, _Member(opened.read(limit + 1))
