"""Can a tablet open it? What a file is, by its bytes, against what its lesson says it is.

Rules: video is H.264 (avc1, 8 bit 4:2:0, up to High profile) with AAC or without sound, in MP4
with its index (moov) before the data; audio is MP3 or AAC; pages are PDF or pictures; subtitles are
WebVTT. What else a sheet may name is refused with the way to convert it.
"""

import json
import mmap
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from catalog import codes
from catalog.model import Role
from sync import canonical
from sync.run import ProgramFailed, run

RULES = 1
"""Grows with every change of what is checked: whoever remembers old answers asks again."""
PROBE_SECONDS = 60.0
"""How long one file may be looked at."""
MAX_BOXES = 10_000
"""Most top-level boxes of an MP4 that are walked through."""
MAX_SUBTITLE = 4 * 2**20
"""Longest subtitle file, in bytes."""
_HEAD = 1024

PROBED = frozenset({"mp4", "m4a", "mp3"})
"""Formats that ffprobe looks at."""
PICTURES = frozenset({"jpg", "png", "webp", "svg"})
PAGES = frozenset({"pdf", *PICTURES})
ALLOWED: dict[Role, frozenset[str]] = {
    Role.VIDEO: frozenset({"mp4"}),
    Role.COURSEWARE: PAGES | {"mp4", "site"},
    Role.LESSON_PLAN: PAGES | {"site"},
    Role.TASK_SHEET: PAGES | {"site"},
    Role.EXERCISE: PAGES | {"site"},
    Role.AUDIO: frozenset({"mp3", "m4a"}),
    Role.TEXTBOOK: PAGES | {"site"},
    Role.INTERACTIVE: frozenset({"site"}),
    Role.SUBTITLE: frozenset({"vtt"}),
}
"""What a resource of each role may be."""

_SAME = {"jpeg": "jpg", "htm": "html"}
_VIDEO_CURE = (
    "convert it: ffmpeg -i IN -c:v libx264 -profile:v high -pix_fmt yuv420p -c:a aac "
    "-movflags +faststart OUT.mp4"
)
_AUDIO_CURE = "convert it: ffmpeg -i IN -c:a aac OUT.m4a"
_CURES = {
    "tablets cannot open it; render it to PDF": (
        "ppt pptx pps ppsx doc docx xls xlsx rtf wps dps et odt odp ods"
    ),
    _VIDEO_CURE: "avi wmv flv mkv mov mpg mpeg rmvb rm 3gp webm m4v ts vob f4v",
    _AUDIO_CURE: "wav wma flac ogg aac amr ape opus",
    "convert it to WebVTT: ffmpeg -i IN OUT.vtt": "srt ass ssa sub",
    "put it into a folder with an index.html and name the folder": "html xhtml swf js css",
    "unpack it; a folder with an index.html is shown as a site": "zip rar 7z h5p",
    "save it as JPG, PNG, WebP or SVG": "bmp tif tiff gif heic heif psd",
}
_CURE_OF = {suffix: cure for cure, suffixes in _CURES.items() for suffix in suffixes.split()}


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a file cannot be published as it is, and how to mend it."""

    what: str
    cure: str


@dataclass(frozen=True, slots=True)
class Stream:
    """One stream of a media file, in ffprobe's words."""

    kind: str
    codec: str
    profile: str
    pixels: str
    tag: str


@dataclass(frozen=True, slots=True)
class Media:
    """What ffprobe says of a media file."""

    container: str
    """Comma-separated names: ``mov,mp4,m4a,3gp,3g2,mj2``."""
    seconds: float
    streams: tuple[Stream, ...]
    problem: str = ""
    """Why it cannot be read at all; empty if it can."""


Prober = Callable[[Path], Media]
"""Looks into a media file: ``probe``, or something that remembers what ``probe`` said."""


def format_of(name: str) -> str:
    """The format of a file by its name: the suffix in lower case, one of several spellings."""
    suffix = os.path.splitext(name)[1].lower().removeprefix(".")  # noqa: PTH122 - a name, no path
    return _SAME.get(suffix, suffix)


def probe(path: Path) -> Media:
    """Ask ffprobe about a file; raises UsageError if it is not installed."""
    command = ("ffprobe", "-v", "error", "-protocol_whitelist", "file", "-of", "json")
    try:
        done = run(
            [*command, "-show_entries", _ENTRIES, f"file:{path}"],
            timeout=PROBE_SECONDS,
        )
        return _media(canonical.as_object(json.loads(done.stdout)))
    except ProgramFailed as error:
        return Media("", 0.0, (), problem=error.fact)
    except (ValueError, KeyError, TypeError) as error:
        return Media("", 0.0, (), problem=f"ffprobe's answer makes no sense ({error})")


_ENTRIES = (
    "format=format_name,duration"
    ":stream=codec_type,codec_name,profile,pix_fmt,codec_tag_string:stream_disposition=attached_pic"
)


def _media(answer: dict[str, object]) -> Media:
    container = canonical.as_object(answer["format"])
    streams = [canonical.as_object(stream) for stream in canonical.as_list(answer["streams"])]
    return Media(
        container=canonical.as_text(container["format_name"]),
        seconds=float(canonical.as_text(container.get("duration", "0"))),
        streams=tuple(_stream(fields) for fields in streams if not _is_cover(fields)),
    )


def _stream(fields: dict[str, object]) -> Stream:
    names = ("codec_type", "codec_name", "profile", "pix_fmt", "codec_tag_string")
    return Stream(*(canonical.as_text(fields.get(name, "")) for name in names))


def _is_cover(fields: dict[str, object]) -> bool:
    return canonical.as_object(fields.get("disposition", {})).get("attached_pic") == 1


def check_format(role: Role, format_: str) -> Problem | None:
    """Whether a resource of that role may be a file of that format."""
    if format_ in ALLOWED[role]:
        return None
    allowed = ", ".join(sorted(ALLOWED[role]))
    called = f".{format_} file" if format_ else "file without a suffix"
    cure = _CURE_OF.get(format_, f"{_called(role)} is one of: {allowed}")
    return Problem(f"a {called} cannot be shown as {_called(role)} ({role})", cure)


def _called(role: Role) -> str:
    """Chinese name of a role."""
    return codes.name("role", role)


def check_file(path: Path, format_: str) -> Iterator[Problem]:
    """What is wrong with a file's own bytes; media files need ``check_media`` besides."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
        if not head:
            yield Problem("the file is empty", "copy it again")
        elif format_ == "pdf":
            yield from _check_pdf(path, head)
        elif format_ == "vtt":
            yield from _check_subtitle(head + file.read(MAX_SUBTITLE))
        elif format_ in ("mp4", "m4a"):
            yield from _check_index(file, format_)
        elif format_ in PICTURES and not _MAGIC[format_].match(head):
            yield Problem(f"it is no {format_.upper()} picture", "save it as the suffix says")


_MAGIC = {
    "jpg": re.compile(rb"\xff\xd8\xff"),
    "png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "webp": re.compile(rb"RIFF....WEBP", re.DOTALL),
    "svg": re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:\?xml|!DOCTYPE svg|!--|svg)"),
}
_PAGE = re.compile(rb"/Type\s*/Page\b(?!s)")


def _check_pdf(path: Path, head: bytes) -> Iterator[Problem]:
    cure = "open it and save it as PDF again"
    if not head.startswith(b"%PDF-"):
        yield Problem("it does not begin with %PDF-", cure)
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data.rfind(b"%%EOF", max(0, len(data) - 2 * _HEAD)) < 0:
            yield Problem("its end is missing", "copy or download it again")
        elif data.rfind(b"/Encrypt", max(0, len(data) - 2 * _HEAD)) >= 0:
            yield Problem("it is encrypted", "save it without a password")
        elif not _PAGE.search(data) and (data.find(b"/ObjStm") < 0 or not _pages(path)):
            yield Problem("it has no pages", cure)


def _pages(path: Path) -> int:
    """Pages that poppler counts, for files whose page objects are compressed."""
    try:
        said = run(["pdfinfo", path], timeout=PROBE_SECONDS).stdout
    except ProgramFailed:
        return 0
    found = re.search(rb"^Pages:\s+(\d+)", said, re.MULTILINE)
    return int(found[1]) if found else 0


def _check_index(file: BinaryIO, format_: str) -> Iterator[Problem]:
    """``moov`` stands before ``mdat``, or a tablet must load all to begin; nothing is cut off."""
    found = list(boxes(file))
    names = [name for name, _ in found if name in ("ftyp", "moov", "mdat")]
    if names[:1] != ["ftyp"]:
        yield Problem("it is no MP4 file", _VIDEO_CURE if format_ == "mp4" else _AUDIO_CURE)
    elif (missing := found[-1][1] - file.seek(0, 2)) > 0:
        yield Problem(f"its last {missing} bytes are missing", "copy it again")
    elif "moov" not in names:
        yield Problem("its index (moov) is missing", "export or copy it again")
    elif "mdat" in names[: names.index("moov")]:
        cure = "ffmpeg -i IN -c copy -movflags +faststart OUT.mp4"
        yield Problem("its index stands at the end, so that it cannot be played at once", cure)


def boxes(file: BinaryIO) -> Iterator[tuple[str, int]]:
    """Name and end of an MP4's top-level boxes (ISO/IEC 14496-12, 4.2), at most ``MAX_BOXES``.

    The end, in bytes from the file's beginning, may lie behind the end of a file cut off.
    """
    size = file.seek(0, 2)
    at = 0
    for _ in range(MAX_BOXES):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            return
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        end = at + length if length else size
        yield head[4:8].decode("latin-1"), end
        if end < at + 8 or end >= size:
            return
        at = end


def check_media(media: Media, format_: str) -> Iterator[Problem]:
    """What a tablet cannot play of a probed file."""
    video = [stream for stream in media.streams if stream.kind == "video"]
    audio = [stream for stream in media.streams if stream.kind == "audio"]
    cure = _VIDEO_CURE if format_ == "mp4" else _AUDIO_CURE
    if media.problem:
        yield Problem(f"unplayable: {media.problem}", cure)
    elif format_ not in media.container.split(","):
        yield Problem(f"unplayable: inside it is {media.container}", cure)
    elif format_ == "mp4":
        yield from _check_video(video, cure)
        yield from _check_audio(audio, ("aac",), cure)
    elif not audio:
        yield Problem("unplayable: there is no sound in it", cure)
    else:
        yield from _check_audio(audio, ("aac", "mp3"), cure)


def _check_video(streams: list[Stream], cure: str) -> Iterator[Problem]:
    if not streams:
        yield Problem("unplayable: there is no picture in it", cure)
    for stream in streams:
        if stream.codec != "h264" or stream.tag != "avc1":
            yield Problem(f"unplayable codec {stream.codec} ({stream.tag}), not H.264", cure)
        elif stream.pixels not in ("yuv420p", "yuvj420p"):
            yield Problem(f"unplayable pixel format {stream.pixels}, not yuv420p", cure)
        elif stream.profile not in _PROFILES:
            yield Problem(f"unplayable H.264 profile {stream.profile}, above High", cure)


_PROFILES = frozenset({"Constrained Baseline", "Baseline", "Main", "High"})


def _check_audio(streams: list[Stream], codecs: tuple[str, ...], cure: str) -> Iterator[Problem]:
    for stream in streams:
        if stream.codec not in codecs:
            yield Problem(f"unplayable codec {stream.codec}, not {' or '.join(codecs)}", cure)


_TIMING = re.compile(
    r"(?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3})[ \t]+-->[ \t]+"
    r"(?:(\d{2,}):)?([0-5]\d):([0-5]\d)\.(\d{3})(?:[ \t].*)?",
    re.ASCII,
)


def _check_subtitle(data: bytes) -> Iterator[Problem]:
    """WebVTT (W3C): the signature, then cues whose times can be read and do not run backwards."""
    cure = "convert it to WebVTT in UTF-8: ffmpeg -i IN OUT.vtt"
    if len(data) > MAX_SUBTITLE:
        yield Problem(f"longer than {MAX_SUBTITLE} bytes", "split it")
        return
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        yield Problem("subtitles are not UTF-8", cure)
        return
    if not lines or not re.match(r"WEBVTT(?:[ \t]|$)", lines[0]):
        yield Problem("its first line is not WEBVTT", cure)
        return
    yield from _check_cues(lines)


def _check_cues(lines: list[str]) -> Iterator[Problem]:
    cues = [(number, line) for number, line in enumerate(lines, start=1) if "-->" in line]
    if not cues:
        yield Problem("there are no subtitles in it", "name a file with cues, or drop the row")
    for number, line in cues:
        found = _TIMING.fullmatch(line.strip())
        times = [int(part or 0) for part in found.groups()] if found else []
        if not times or times[:4] >= times[4:]:
            cure = "write 00:00:01.000 --> 00:00:04.000"
            yield Problem(f"line {number} is no cue time: {line[:60]!r}", cure)
            return
