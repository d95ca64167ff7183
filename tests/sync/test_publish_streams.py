import gzip
import random
import struct
import zipfile
import zlib
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.deflate import Parameters, Wrap, deflate
from sync.digest import sha256
from sync.publish.packs import streams
from sync.publish.packs.streams import MAX_PLAIN, PATIENCE, Producer, Trials, find_streams
from sync.updates.parts import MAX_DEPTH
from tests.kit.editions import archive, gzipped, tarred
from tests.kit.packed import noise, text

PARTS = {f"part{number}.xml": text(number, 5000 * number) for number in range(1, 5)}


def remade(data: bytes) -> list[bytes]:
    """What each stream that can be made again holds; that it can is proved here."""
    found = []
    producer = Producer()
    for stream in find_streams(data):
        how = producer.find_parameters(data, stream)
        if how is not None:
            made = b"".join(deflate([stream.plain], how))
            assert made == data[stream.start : stream.start + stream.length]
            found.append(stream.plain)
    return found


@pytest.mark.parametrize("level", range(1, 10))
def test_every_member_of_an_archive_is_opened_and_made_again(level: int) -> None:
    assert remade(archive(PARTS, level=level)) == list(PARTS.values())


def test_members_with_a_data_descriptor_and_without_central_directory() -> None:
    """As a program writes them that cannot seek; and as a cut copy has them."""

    class Pipe(BytesIO):
        def seekable(self) -> bool:
            return False

        def tell(self) -> int:
            raise OSError

    out = Pipe()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in PARTS.items():
            file.writestr(name, data)
    data = out.getvalue()
    assert remade(data) == list(PARTS.values())
    assert remade(data[: data.index(b"PK\1\2")]) == list(PARTS.values())


def test_an_archive_within_an_archive_is_opened() -> None:
    inner = archive(PARTS)
    stored = archive({"a.docx": inner, "picture.png": noise(1, 5000)}, stored=True)
    assert remade(stored) == list(PARTS.values())
    packed = archive({"a.docx": inner})
    assert remade(packed) == [inner]


def test_what_a_stream_holds_is_looked_through() -> None:
    """A compressed TAR, as its magic says and not its name, in a ZIP; a DOCX in that TAR."""
    inner = archive(PARTS)
    kit = gzipped(tarred({"a.docx": inner, "a.js.gz": gzipped(PARTS["part4.xml"])}))
    for stored in (False, True):
        [outer] = find_streams(archive({"kit": kit}, stored=stored))
        [tar] = [outer] if stored else outer.streams
        assert [one.plain for one in tar.streams] == [*PARTS.values(), PARTS["part4.xml"]]
        assert all(one.streams == () for one in tar.streams)


def test_a_pdf_that_is_stored_in_an_archive_is_looked_through_to_its_end() -> None:
    data = archive(
        {"a.pdf": pdf(PARTS["part2.xml"]), "b.pdf": pdf(PARTS["part3.xml"])}, stored=True
    )
    assert remade(data) == [PARTS["part2.xml"], PARTS["part3.xml"]]


@pytest.mark.parametrize("size", ["", "9" * 11, "-0000000001", "77777777777"])
def test_a_tar_whose_sizes_lie_is_followed_no_further(size: str) -> None:
    data = bytearray(tarred({"a.gz": gzipped(PARTS["part4.xml"]), "b.gz": gzipped(b"x" * 300)}))
    data[124:136] = size.encode().ljust(12, b"\0")
    assert len(remade(bytes(data))) == (size == "77777777777")


def test_documents_within_each_other_are_followed_so_far() -> None:
    """Without a limit thousands of them would end in a RecursionError."""
    data = gzipped(PARTS["part4.xml"])
    for _ in range(streams.MAX_LEVELS):
        data = tarred({"inner": data})
    assert remade(data) == [PARTS["part4.xml"]]
    assert remade(tarred({"one more": data})) == []


def test_a_nest_is_followed_so_deep() -> None:
    data = PARTS["part4.xml"]
    for _ in range(5):
        data = gzipped(archive({"inner": data}, stored=True))
    depth = 0
    found = list(find_streams(data))
    while found:
        [one] = found
        found = list(one.streams)
        depth += 1
    assert depth == MAX_DEPTH


@pytest.mark.parametrize("name", ["", "lesson.txt"])
def test_gzip(name: str) -> None:
    out = BytesIO()
    with gzip.GzipFile(name, "wb", 9, out, mtime=0) as file:
        file.write(PARTS["part4.xml"])
    assert remade(out.getvalue()) == [PARTS["part4.xml"]]
    assert remade(out.getvalue()[:-30]) == []


def pdf(*contents: bytes, level: int = 6, memory: int = 8, line: bytes = b"\n") -> bytes:
    parts = [b"%PDF-1.4\n"]
    for number, plain in enumerate(contents):
        how = Parameters(Wrap.ZLIB, level, memory)
        made = b"".join(deflate([plain], how))
        parts.append(b"%d 0 obj <</Length %d>> stream" % (number, len(made)) + line + made)
        parts.append(b"\nendstream endobj\n")
    return b"".join([*parts, b"%%EOF"])


@pytest.mark.parametrize("line", [b"\n", b"\r\n"])
@pytest.mark.parametrize(("level", "memory"), [(1, 8), (6, 8), (9, 9), (5, 9)])
def test_pdf(line: bytes, level: int, memory: int) -> None:
    contents = [text(1, 9000), text(2, 300_000), noise(3, 900)]
    assert remade(pdf(*contents, level=level, memory=memory, line=line)) == contents


def test_pictures_stay_closed() -> None:
    assert list(find_streams(b"\x89PNG\r\n\x1a\n" + zlib.compress(text(1, 9000)))) == []
    assert list(find_streams(text(1, 9000))) == []


def test_a_stream_nobody_makes_again_stays_closed() -> None:
    """Made in pieces, as no parameters alone make it."""
    maker = zlib.compressobj(6, zlib.DEFLATED, -15)
    made = maker.compress(PARTS["part2.xml"][:3000]) + maker.flush(zlib.Z_FULL_FLUSH)
    made += maker.compress(PARTS["part2.xml"][3000:]) + maker.flush()
    data = b"\x1f\x8b\x08\0\0\0\0\0\0\3" + made + bytes(8)
    [stream] = find_streams(data)
    assert stream.plain == PARTS["part2.xml"]
    assert Producer().find_parameters(data, stream) is None


def foreign(plain: bytes) -> bytes:
    """A stream as no parameters alone make it."""
    maker = zlib.compressobj(6, zlib.DEFLATED, 15)
    half = len(plain) // 2
    return (
        maker.compress(plain[:half]) + maker.flush(zlib.Z_FULL_FLUSH) + _rest(maker, plain[half:])
    )


def _rest(maker: Any, plain: bytes) -> bytes:
    made: bytes = maker.compress(plain) + maker.flush()
    return made


def usual(plain: bytes, level: int) -> bytes:
    return b"".join(deflate([plain], Parameters(Wrap.ZLIB, level, 8)))


def test_a_producer_that_is_not_zlib_is_soon_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is usual is tried all the same: documents may be of several hands."""
    plains = [text(number, 3000) for number in range(30)]
    strange = [foreign(plain) for plain in plains]
    made = [*strange, usual(text(50, 3000), 6), usual(text(51, 3000), 1)]
    data = b"%PDF" + b"".join(b"stream\n" + one + b"\nendstream " for one in made)
    tried: list[object] = []
    real = streams._makes

    def counted(*given: Any) -> bool:
        tried.append(given)
        return real(*given)

    monkeypatch.setattr(streams, "_makes", counted)
    assert remade(data) == [text(50, 3000)]
    assert len(tried) <= PATIENCE * len(streams._EFFORTS) + 2 * len(made)


def test_what_a_producer_did_once_it_does_again_however_rare() -> None:
    plains = [text(number, 3000) for number in range(30)]
    made = [usual(plain, 3) for plain in plains]
    made[1:1] = [foreign(plains[0])] * (PATIENCE + 1)
    data = b"%PDF" + b"".join(b"stream\n" + one + b"\nendstream " for one in made)
    assert remade(data) == plains


def test_what_is_too_long_too_short_or_too_empty_stays_closed() -> None:
    assert list(find_streams(archive({"a": noise(1, MAX_PLAIN + 1)}))) == []
    assert list(find_streams(archive({"a": b"short"}))) == []
    assert list(find_streams(archive({"a": bytes(1_000_000)}))) == []


TAR = bytes(257) + b"ustar"


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"%PDF", b"\x1f\x8b\x08", b"", TAR])
@given(st.binary(max_size=300))
def test_any_bytes_are_looked_through(start: bytes, data: bytes) -> None:
    remade(start + data)


@pytest.mark.parametrize(
    "whole",
    [
        archive(PARTS),
        pdf(*PARTS.values()),
        gzip.compress(PARTS["part4.xml"], mtime=0),
        archive({"kit": gzipped(tarred(PARTS | {"a.docx": archive(PARTS)}))}, stored=True),
    ],
)
def test_damaged_documents_are_looked_through(whole: bytes) -> None:
    rng = random.Random(1)
    for _ in range(60):
        changed = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        at = rng.randrange(len(changed))
        end = 0
        for stream in find_streams(bytes(changed[: rng.choice([at, len(changed)])])):
            assert stream.start >= end
            end = stream.start + stream.length


def test_a_hostile_document_costs_no_more_than_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every header leads to one long broken stream, so each would be opened to its end."""
    opened = 0
    real = zlib.decompressobj

    class Counting:
        def __init__(self, *arguments: Any) -> None:
            self._real = real(*arguments)

        def __getattr__(self, name: str) -> object:
            return getattr(self._real, name)

        def decompress(self, block: bytes, limit: int) -> bytes:
            nonlocal opened
            plain = self._real.decompress(block, limit)
            opened += len(block) + len(plain)
            return plain

    monkeypatch.setattr(zlib, "decompressobj", Counting)
    monkeypatch.setattr(streams, "MAX_WORK", 2**21)
    header = b"PK\x03\x04" + bytes(4) + b"\x08\0" + bytes(20)
    stored = b"\0" + struct.pack("<HH", len(header), len(header) ^ 0xFFFF)
    hostile = (header + stored) * 4000
    assert list(find_streams(hostile)) == []
    assert 2**20 < opened < 2**22


def test_what_was_tried_is_not_tried_again() -> None:
    plain = text(1, 5000)
    raw = memoryview(zlib.compress(plain, 6))
    digest, how = sha256(raw), Parameters(Wrap.ZLIB, 6, 8)
    trials = Trials()
    assert trials.make(digest, raw, plain, how)
    assert trials.make(digest, raw, b"not looked at", how)
    assert not trials.make(sha256(b"another"), raw, b"looked at", how)
