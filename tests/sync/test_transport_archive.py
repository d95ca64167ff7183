"""Archives a stranger made: read as the format says, or refused in one line."""

import io
import os
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import FormatError, MediumFailing, NoSource, NotThere
from sync.transport import archive
from sync.transport.archive import ArchiveTransport, Member, end, header, members_of, padding
from tests.kit.sticks import write_archive

GOLDEN = Path(__file__).parents[1] / "golden" / "stick-1.kexia"
PARTS = st.text("abcXYZ019._-", min_size=1, max_size=12).filter(lambda part: part.strip("."))
NAMES = st.lists(PARTS, min_size=1, max_size=6).map("/".join)
LONG = f"KEXIA/{'0' * 16}/targets/roots/{'a' * 64}.430121.root.json"


def indexed(data: bytes) -> dict[str, Member]:
    return archive.read_index(
        lambda length, offset: data[offset : offset + length], size=len(data), label="x.kexia"
    )


def written(files: dict[str, bytes]) -> bytes:
    parts = [header(name, len(data)) + data + padding(len(data)) for name, data in files.items()]
    return b"".join(parts) + end()


def tar(*members: tarfile.TarInfo, form: int = tarfile.USTAR_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as file:
        for member in members:
            file.addfile(member, io.BytesIO(bytes(member.size)) if member.size else None)
    return out.getvalue()


def member(
    name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = ""
) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, link
    return info


def test_golden_file_is_read_and_reproduced() -> None:
    data = GOLDEN.read_bytes()
    files = {"KEXIA/stick.json": b"{}\n", LONG: b"root" * 200, "KEXIA/a/empty": b""}
    members = indexed(data)
    assert {n: data[m.offset : m.offset + m.size] for n, m in members.items()} == files
    assert written(files) == data


@given(st.dictionaries(NAMES, st.binary(max_size=1200), max_size=6))
def test_what_was_written_is_read_here_and_by_others(files: dict[str, bytes]) -> None:
    names = sorted(files)
    folded = {name.lower() for name in names}
    above = {
        "/".join(name.lower().split("/")[:n])
        for name in names
        for n in range(1, name.count("/") + 1)
    }
    data = written(files)
    if len(folded) < len(names) or above & folded:
        with pytest.raises(FormatError):
            indexed(data)
        return
    members = indexed(data)
    assert {n: data[m.offset : m.offset + m.size] for n, m in members.items()} == files
    assert dict(members_of((name, len(body)) for name, body in files.items())) == members
    with tarfile.open(fileobj=io.BytesIO(data)) as file:
        read = {info.name: file.extractfile(info) for info in file.getmembers()}
        assert {name: body.read() for name, body in read.items() if body} == files


def test_a_publisher_s_longest_names_fit() -> None:
    assert len(LONG) > 100
    assert list(indexed(written({LONG: b"root"}))) == [LONG]
    with pytest.raises(FormatError, match="cannot stand in a"):
        header("a/" * 150 + "b", 1)


def test_what_tar_programs_write_is_read(tmp_path: Path) -> None:
    data = tar(member("KEXIA", tarfile.DIRTYPE), member("KEXIA/a", size=700))
    assert indexed(data) == {"KEXIA/a": Member(1024, 700)}
    path = write_archive(tmp_path / "x.kexia", {"KEXIA/a": b"x" * 700})
    assert ArchiveTransport(path).read("KEXIA/a", limit=700) == b"x" * 700


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (tar(member("a", tarfile.SYMTYPE, link="/etc/passwd")), "no regular file"),
        (tar(member("a", tarfile.LNKTYPE, link="b")), "no regular file"),
        (tar(member("a", tarfile.CHRTYPE)), "no regular file"),
        (tar(member("a", tarfile.BLKTYPE)), "no regular file"),
        (tar(member("a", tarfile.FIFOTYPE)), "no regular file"),
        (tar(member("a" * 200), form=tarfile.GNU_FORMAT), "another kind of tar"),
        (tar(member("字"), form=tarfile.PAX_FORMAT), "no regular file"),
        (tar(member("../a")), "no name"),
        (tar(member("/a")), "no name"),
        (tar(member("a/../b")), "no name"),
        (tar(member("a//b")), "no name"),
        (tar(member("a b")), "no name"),
        (tar(member("a\\b")), "no name"),
        (tar(member("CON:")), "no name"),
        (tar(member("a"), member("a")), "stands twice"),
        (tar(member("a"), member("A")), "stands twice"),
        (tar(member("a"), member("a", tarfile.DIRTYPE)), "stands twice"),
        (tar(member("a/b"), member("A")), "stands twice"),
        (tar(member("a"), member("A/b")), "lies below a file"),
        (b"PK\x03\x04" + bytes(2000), "another kind of tar"),
    ],
    ids=range(20),
)
def test_what_a_kexia_file_may_not_hold_is_refused(data: bytes, what: str) -> None:
    with pytest.raises(FormatError, match=what) as caught:
        indexed(data)
    assert caught.value.hint


def test_a_header_that_was_altered_is_refused() -> None:
    data = bytearray(written({"a/b": b"x" * 10}))
    for at in (0, 130, 150, 300, 400, 505):
        data[at] ^= 1
        with pytest.raises(FormatError):
            indexed(bytes(data))
        data[at] ^= 1
    assert indexed(bytes(data))


@pytest.mark.parametrize("left", [0, 1, 511, 512, 700, 1023, 1024, 1536, 2047])
def test_a_file_that_was_cut_off_is_told_apart(left: int) -> None:
    data = written({"a": b"x" * 700})
    assert len(data) == 2560
    with pytest.raises(NoSource, match="ends early") as caught:
        indexed(data[:left])
    assert not isinstance(caught.value, NotThere)


def test_a_length_beyond_the_end_is_a_cut(tmp_path: Path) -> None:
    path = tmp_path / "x.kexia"
    path.write_bytes(header("a", 8**11 - 1) + bytes(2048))
    with pytest.raises(NoSource, match="ends early"):
        ArchiveTransport(path).read("a", limit=10)


def test_members_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBERS", 50)
    assert len(indexed(written({f"f{number}": b"" for number in range(50)}))) == 50
    with pytest.raises(FormatError, match="more than 50 files and folders"):
        indexed(written({f"f{number}": b"" for number in range(51)}))
    deep = {"/".join("abcdefghij") + f"/{number}": b"" for number in range(45)}
    with pytest.raises(FormatError):
        indexed(written(deep))


def test_one_that_shrank_since_it_was_listed_says_so(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "x.kexia", {"a": b"x" * 5000})
    transport = ArchiveTransport(path)
    assert transport.read("a", limit=5000)
    os.truncate(path, 1000)
    with pytest.raises(NoSource, match="ends early"):
        transport.read("a", limit=5000)
    path.unlink()
    with pytest.raises(NoSource):
        transport.read("a", limit=5000)


def test_a_folder_is_no_archive(tmp_path: Path) -> None:
    with pytest.raises((NoSource, MediumFailing)):
        ArchiveTransport(tmp_path).read("a", limit=1)
