"""What tablets can open, told from a file's bytes and from what ffprobe says."""

import io
import shutil
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.model import Role
from catalog.sheets import media
from catalog.sheets.media import Media, Stream
from sync.run import run

PICTURE = Stream("video", "h264", "High", "yuv420p", "avc1")
SOUND = Stream("audio", "aac", "LC", "", "mp4a")
MP4 = "mov,mp4,m4a,3gp,3g2,mj2"


def box(name: str, content: bytes = b"", *, large: bool = False) -> bytes:
    if large:
        return (
            (1).to_bytes(4, "big")
            + name.encode()
            + (16 + len(content)).to_bytes(8, "big")
            + content
        )
    return (8 + len(content)).to_bytes(4, "big") + name.encode() + content


FTYP = box("ftyp", b"isom\0\0\2\0isomavc1")


def what(path: Path, data: bytes, format_: str) -> str:
    path.write_bytes(data)
    return "; ".join(problem.what for problem in media.check_file(path, format_))


@pytest.mark.parametrize(
    ("name", "format_"),
    [("a.MP4", "mp4"), ("x/b.JPEG", "jpg"), ("c.tar.gz", "gz"), ("d", ""), (".htaccess", "")],
)
def test_the_format_is_the_suffix(name: str, format_: str) -> None:
    assert media.format_of(name) == format_


@pytest.mark.parametrize(
    ("role", "format_", "cure"),
    [
        (Role.COURSEWARE, "pptx", "PDF"),
        (Role.LESSON_PLAN, "doc", "PDF"),
        (Role.VIDEO, "avi", "libx264"),
        (Role.AUDIO, "wav", "-c:a aac"),
        (Role.SUBTITLE, "srt", "WebVTT"),
        (Role.INTERACTIVE, "html", "index.html"),
        (Role.INTERACTIVE, "zip", "unpack"),
        (Role.COURSEWARE, "gif", "PNG"),
        (Role.VIDEO, "pdf", "mp4"),
        (Role.TEXTBOOK, "", "pdf"),
    ],
)
def test_a_format_that_a_role_cannot_have_is_told_with_its_cure(
    role: Role, format_: str, cure: str
) -> None:
    problem = media.check_format(role, format_)
    assert problem is not None
    assert cure in problem.cure


def test_every_allowed_format_is_allowed() -> None:
    for role in Role:
        for format_ in media.ALLOWED[role]:
            assert media.check_format(role, format_) is None


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (FTYP + box("moov") + box("mdat", b"x"), ""),
        (FTYP + box("free") + box("moov") + box("mdat", b"x", large=True), ""),
        (FTYP + box("mdat", b"x" * 100) + box("moov"), "index stands at the end"),
        (FTYP + box("mdat", b"x" * 100, large=True) + box("moov"), "index stands at the end"),
        (FTYP + (0).to_bytes(4, "big") + b"mdat" + b"x" * 50, "(moov) is missing"),
        (FTYP + box("moov") + (0).to_bytes(4, "big") + b"mdat" + b"x" * 50, ""),
        (FTYP + box("free"), "(moov) is missing"),
        (FTYP, "(moov) is missing"),
        (FTYP + (2**31).to_bytes(4, "big") + b"free", "bytes are missing"),
        (FTYP + box("moov") + box("mdat", b"x" * 50)[:-7], "its last 7 bytes are missing"),
        (FTYP + box("moov") + (4).to_bytes(4, "big") + b"free", ""),
        (b"RIFF\0\0\0\0AVI LIST", "no MP4"),
        (b"\0\0", "no MP4"),
        (b"", "empty"),
    ],
)
def test_the_index_of_an_mp4_must_stand_before_the_data(
    tmp_path: Path, data: bytes, said: str
) -> None:
    found = what(tmp_path / "a.mp4", data, "mp4")
    assert (said in found) if said else not found


@given(st.binary(max_size=200))
def test_boxes_of_any_bytes_come_to_an_end(data: bytes) -> None:
    assert len(list(media.boxes(io.BytesIO(data)))) <= 25


def test_a_chain_of_empty_boxes_is_not_followed_for_ever() -> None:
    names = list(media.boxes(io.BytesIO(box("free") * 20_000)))
    assert len(names) == media.MAX_BOXES


@pytest.mark.parametrize(
    ("video", "said"),
    [
        ((PICTURE, SOUND), ""),
        ((PICTURE,), ""),
        ((Stream("video", "h264", "Constrained Baseline", "yuvj420p", "avc1"),), ""),
        ((SOUND,), "no picture"),
        ((Stream("video", "hevc", "Main", "yuv420p", "hvc1"),), "unplayable codec hevc"),
        ((Stream("video", "h264", "High", "yuv420p", "avc3"),), "unplayable codec"),
        ((Stream("video", "h264", "High 10", "yuv420p10le", "avc1"),), "pixel format"),
        ((Stream("video", "h264", "High 4:4:4 Predictive", "yuv420p", "avc1"),), "profile"),
        ((PICTURE, Stream("audio", "mp3", "", "", "mp4a")), "unplayable codec mp3, not aac"),
        ((PICTURE, SOUND, Stream("audio", "ac3", "", "", "ac-3")), "unplayable codec ac3"),
        ((PICTURE, Stream("data", "bin_data", "", "", "text")), ""),
    ],
)
def test_what_a_tablet_cannot_play(video: tuple[Stream, ...], said: str) -> None:
    problems = list(media.check_media(Media(MP4, 1.0, video), "mp4"))
    assert [said in problem.what for problem in problems] == ([True] if said else [])


@pytest.mark.parametrize(
    ("probed", "format_", "said"),
    [
        (Media("mp3", 1.0, (Stream("audio", "mp3", "", "", ""),)), "mp3", ""),
        (Media(MP4, 1.0, (SOUND,)), "m4a", ""),
        (Media("wav", 1.0, (Stream("audio", "pcm_s16le", "", "", ""),)), "mp3", "inside it is wav"),
        (Media(MP4, 1.0, (Stream("audio", "alac", "", "", "alac"),)), "m4a", "alac"),
        (Media(MP4, 1.0, ()), "m4a", "no sound"),
        (Media("", 0.0, (), problem="moov atom not found"), "mp4", "moov atom not found"),
    ],
)
def test_what_cannot_be_heard(probed: Media, format_: str, said: str) -> None:
    problems = list(media.check_media(probed, format_))
    assert [said in problem.what for problem in problems] == ([True] if said else [])


GOOD_CUES = (
    "WEBVTT - 字幕\n\nNOTE hi\n\n1\n00:01.000 --> 00:02.500 line:0\n你好\n\n"
    "01:00:00.000 --> 01:00:01.000\n再见\n"
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD_CUES, ""),
        ("\ufeff" + GOOD_CUES, ""),
        (GOOD_CUES.replace("\n", "\r\n"), ""),
        ("1\n00:00:01,000 --> 00:00:02,000\n你好\n", "not WEBVTT"),
        ("WEBVTTx\n", "not WEBVTT"),
        ("WEBVTT\n\n你好\n", "no subtitles"),
        ("WEBVTT\n\n00:01,000 --> 00:02,000\n你好\n", "line 3 is no cue time"),
        ("WEBVTT\n\n00:03.000 --> 00:02.000\n你好\n", "line 3 is no cue time"),
        ("WEBVTT\n\n00:61.000 --> 00:62.000\n你好\n", "line 3 is no cue time"),
    ],
)
def test_subtitles_are_webvtt_whose_times_run_forward(tmp_path: Path, text: str, said: str) -> None:
    found = what(tmp_path / "a.vtt", text.encode(), "vtt")
    assert (said in found) if said else not found


def test_subtitles_of_another_encoding_or_without_end_are_refused(tmp_path: Path) -> None:
    assert "UTF-8" in what(tmp_path / "a.vtt", GOOD_CUES.encode("gbk"), "vtt")
    endless = GOOD_CUES.encode() + b"x" * media.MAX_SUBTITLE
    assert "longer than" in what(tmp_path / "a.vtt", endless, "vtt")


PDF = b"%PDF-1.7\n1 0 obj <</Type /Pages /Count 1>> endobj 2 0 obj <</Type /Page>> endobj\n%%EOF\n"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (PDF, ""),
        (b"<html>", "does not begin with %PDF-"),
        (PDF.replace(b"%%EOF", b""), "end is missing"),
        (PDF.replace(b"/Type /Page>", b"/Type /Font>"), "no pages"),
        (PDF.replace(b"%%EOF", b"trailer <</Encrypt 9 0 R>> %%EOF"), "encrypted"),
    ],
)
def test_a_pdf_is_whole_open_and_has_pages(tmp_path: Path, data: bytes, said: str) -> None:
    found = what(tmp_path / "a.pdf", data, "pdf")
    assert (said in found) if said else not found


@pytest.mark.parametrize(
    ("format_", "data"),
    [
        ("jpg", b"\xff\xd8\xff\xe0JFIF"),
        ("png", b"\x89PNG\r\n\x1a\n"),
        ("webp", b"RIFF\n\0\0\0WEBPVP8 "),
        ("svg", b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'),
        ("svg", b'\xef\xbb\xbf\n<svg xmlns="http://www.w3.org/2000/svg"/>'),
    ],
)
def test_pictures_are_what_their_suffix_says(tmp_path: Path, format_: str, data: bytes) -> None:
    assert not what(tmp_path / "a", data, format_)
    assert "no" in what(tmp_path / "a", b"<html>" + data, format_)


@pytest.mark.e2e
def test_real_files_through_ffprobe(tmp_path: Path) -> None:
    source = ("-f", "lavfi", "-i", "testsrc=size=64x48:rate=5:duration=1")
    sound = ("-f", "lavfi", "-i", "sine=duration=1")
    good, late, other, mp3, m4a = (
        tmp_path / name for name in ("好 %20.mp4", "late.mp4", "mpeg4.mp4", "a.mp3", "a.m4a")
    )
    h264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac")
    make = ("ffmpeg", "-v", "error")
    run([*make, *source, *sound, *h264, "-movflags", "+faststart", good], timeout=60)
    run([*make, *source, *h264, late], timeout=60)
    run([*make, *source, "-c:v", "mpeg4", "-movflags", "+faststart", other], timeout=60)
    run([*make, *sound, mp3], timeout=60)
    run([*make, *sound, m4a], timeout=60)
    probed = media.probe(good)
    assert 0.9 < probed.seconds < 1.2
    assert {stream.kind for stream in probed.streams} == {"video", "audio"}
    assert not list(media.check_file(good, "mp4"))
    assert not list(media.check_media(probed, "mp4"))
    assert ["end" in problem.what for problem in media.check_file(late, "mp4")] == [True]
    assert not list(media.check_media(media.probe(late), "mp4"))
    assert "mpeg4" in next(media.check_media(media.probe(other), "mp4")).what
    assert not list(media.check_media(media.probe(mp3), "mp3"))
    assert not list(media.check_media(media.probe(m4a), "m4a"))
    good.write_bytes(good.read_bytes()[:-9])
    assert "9 bytes are missing" in next(media.check_file(good, "mp4")).what
    good.write_bytes(b"no video")
    assert "ffprobe failed" in next(media.check_media(media.probe(good), "mp4")).what


@pytest.mark.e2e
def test_a_pdf_whose_page_objects_are_compressed_is_counted_by_poppler(tmp_path: Path) -> None:
    assert shutil.which("pdfinfo")
    broken = PDF.replace(b"/Type /Page>", b"/Type /ObjStm>")
    assert "no pages" in what(tmp_path / "a.pdf", broken, "pdf")
    assert not what(tmp_path / "b.pdf", compressed_pdf(), "pdf")


def compressed_pdf() -> bytes:
    """A PDF 1.5 of one page whose objects all lie in an object stream."""
    objects = {
        1: b"<</Type/Catalog/Pages 2 0 R>>",
        2: b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        3: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
    }
    numbers, offset = [], 0
    for number, text in objects.items():
        numbers.append(f"{number} {offset}")
        offset += len(text) + 1
    first = " ".join(numbers).encode() + b" "
    stream = zlib.compress(first + b" ".join(objects.values()))
    head = b"%PDF-1.5\n"
    body = (
        b"4 0 obj<</Type/ObjStm/N 3/First %d/Filter/FlateDecode/Length %d>>stream\n"
        % (len(first), len(stream))
        + stream
        + b"\nendstream endobj\n"
    )
    at = len(head) + len(body)
    entries = [(0, 0, 255), (2, 4, 0), (2, 4, 1), (2, 4, 2), (1, len(head), 0), (1, at, 0)]
    table = b"".join(
        bytes([kind]) + where.to_bytes(2, "big") + bytes([extra]) for kind, where, extra in entries
    )
    xref = (
        b"5 0 obj<</Type/XRef/Size 6/W[1 2 1]/Root 1 0 R/Length %d>>stream\n" % len(table)
        + table
        + b"\nendstream endobj\n"
    )
    return head + body + xref + b"startxref\n%d\n%%%%EOF\n" % at
