"""The cache as one file: carried whole, and nothing else than a cache gets in."""

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest

from image_build.builder.cachefile import (
    CONTENTS,
    FORMAT,
    export_cache,
    import_cache,
    parse_contents,
)
from sync.errors import FormatError, InputRefused, KexiaError, ProofFailed

GOLDEN = Path(__file__).parents[1] / "golden"
FILES = {
    "debian/bookworm-amd64/sources.list": b"deb http://mirror.example/debian bookworm main\n",
    "debian/bookworm-amd64/lists/mirror.example_debian_dists_bookworm_InRelease": b"signed",
    "debian/bookworm-amd64/debs/libc6_2.36-9%2bdeb12u13_amd64.deb": b"!<arch>\n" * 999,
    "debian/bookworm-amd64/debs/fdisk_2.38.1-5+deb12u3~x_amd64.deb": b"deb",
    "wheels/python3.11-x86_64/idna-3.20-py3-none-any.whl": b"PK",
}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache with packages, lists and a wheel, and what is none of its business beside."""
    root = tmp_path / "cache"
    for name, data in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    (root / "debian/bookworm-amd64/apt.conf").write_text("of this machine")
    (root / "debian/bookworm-amd64/lists/lock").touch()
    (root / "debian/bookworm-amd64/debs/partial").mkdir()
    return root


def packed(listed: dict[str, object], members: dict[str, bytes]) -> bytes:
    """A cache file as somebody else might write it."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        contents = json.dumps({"format": FORMAT, "files": listed}).encode()
        for name, data in {CONTENTS: contents, **members}.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return file.getvalue()


def entry(data: bytes) -> dict[str, object]:
    """What the list says of a file."""
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def test_there_and_back(cache: Path, tmp_path: Path) -> None:
    done = export_cache(cache, tmp_path / "cache.tar")
    assert done.files == len(FILES)
    assert done.bytes == sum(map(len, FILES.values()))
    other = tmp_path / "other"
    assert import_cache(tmp_path / "cache.tar", other).new == len(FILES)
    assert {
        path.relative_to(other).as_posix(): path.read_bytes()
        for path in other.rglob("*")
        if path.is_file()
    } == FILES
    assert import_cache(tmp_path / "cache.tar", other).new == 0
    export_cache(other, tmp_path / "again.tar")
    assert (tmp_path / "again.tar").read_bytes() == (tmp_path / "cache.tar").read_bytes()


def test_the_golden_list_is_read_as_ever() -> None:
    listed = parse_contents((GOLDEN / "image-cache-1.json").read_bytes())
    assert [(name.rpartition("/")[2], each.size) for name, each in listed.items()] == [
        ("libc6_2.36-9%2bdeb12u13_amd64.deb", 2756892),
        ("idna-3.20-py3-none-any.whl", 70442),
    ]


def test_an_empty_cache_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputRefused) as refusal:
        export_cache(tmp_path, tmp_path / "x.tar")
    assert "build an image first" in refusal.value.hint
    assert not (tmp_path / "x.tar").exists()


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "debian/bookworm-amd64/debs/../../../x",
        "debian/bookworm-amd64/apt.conf",
        "debian/bookworm-amd64/debs/.hidden",
        "wheels/x/y.py",
        "wheels/x/-y.whl",
    ],
)
def test_only_names_of_a_cache(tmp_path: Path, name: str) -> None:
    (tmp_path / "c.tar").write_bytes(packed({name: entry(b"x")}, {name: b"x"}))
    with pytest.raises(FormatError):
        import_cache(tmp_path / "c.tar", tmp_path / "into" / "cache")
    assert not (tmp_path / "into").exists()


WHEEL = "wheels/python3.11-x86_64/a-1-py3-none-any.whl"


def test_bytes_that_are_not_those_listed_do_not_stay(tmp_path: Path) -> None:
    (tmp_path / "c.tar").write_bytes(packed({WHEEL: entry(b"good")}, {WHEEL: b"evil"}))
    with pytest.raises(ProofFailed):
        import_cache(tmp_path / "c.tar", tmp_path / "cache")
    assert not (tmp_path / "cache" / WHEEL).exists()


def test_a_member_nobody_listed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.tar").write_bytes(packed({}, {WHEEL: b"x"}))
    with pytest.raises(FormatError):
        import_cache(tmp_path / "c.tar", tmp_path / "cache")


def test_links_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "c.tar"
    file.write_bytes(packed({WHEEL: {"size": 0, "sha256": "0" * 64}}, {}))
    with tarfile.open(file, "a") as tar:
        member = tarfile.TarInfo(WHEEL)
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(member)
    with pytest.raises(FormatError):
        import_cache(file, tmp_path / "cache")


def test_a_file_that_was_cut_keeps_what_came_whole(cache: Path, tmp_path: Path) -> None:
    export_cache(cache, tmp_path / "c.tar")
    data = (tmp_path / "c.tar").read_bytes()
    for cut in (0, 100, 600, 4000, len(data) - 11_000):
        (tmp_path / "cut.tar").write_bytes(data[:cut])
        with pytest.raises(KexiaError):
            import_cache(tmp_path / "cut.tar", tmp_path / "into")
    import_cache(tmp_path / "c.tar", tmp_path / "into")
    assert not list((tmp_path / "into").rglob("*.partial"))


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{", b"[]", b'{"format": "kexia-image-cache-2", "files": {}}',
        b'{"format": "kexia-image-cache-1", "files": {"x": {}}}', b"[" * 100_000,
        b'{"format": "kexia-image-cache-1", "files": {"wheels/a/b.whl": {"size": true, "sha256": "'
        + b"a" * 64 + b'"}}}',
    ],
)  # fmt: skip
def test_lists_that_are_none(text: bytes) -> None:
    with pytest.raises(FormatError):
        parse_contents(text)
