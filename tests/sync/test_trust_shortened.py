"""The directory comes by the fewest bytes, and by the next form when one fails; always proved."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sync import compression, directory
from sync.digest import sha256
from sync.directory import Directory, Stored
from sync.errors import FormatError, KexiaError, NoSource, NotThere, ProofFailed
from sync.shortened import Delta, Shortened, custom_value, delta_path, frame_path
from sync.transport.http import HttpTransport
from sync.trust import Trusted
from tests.kit.faults import CutAfter, Fault, Flip, Portal, Replace, Status
from tests.kit.server import ALWAYS, FolderServer
from tests.kit.trustbox import TrustBox
from tests.kit.tufrepo import TufRepo, entry

OLD = Directory("43", "湖南省", tuple(entry(f"43/music-{number:02}") for number in range(30)))
NEW = replace(OLD, collections=(entry("43/music-00", edition=2), *OLD.collections[1:]))


@pytest.fixture
def repo(tmp_path: Path) -> TufRepo:
    """A publisher whose newest directory can be had in three forms; a box holds the one before."""
    repo = TufRepo(tmp_path / "repo")
    repo.offer(OLD)
    repo.publish()
    return repo


@pytest.fixture
def box(repo: TufRepo, tmp_path: Path) -> TrustBox:
    box = TrustBox(tmp_path / "box", repo.first_root)
    box.refresh(repo.folder)
    repo.offer(NEW)
    repo.shorten(OLD)
    repo.publish()
    return box


@pytest.fixture
def server(repo: TufRepo) -> Iterator[FolderServer]:
    with FolderServer(repo.folder) as server:
        yield server


def asked(box: TrustBox, server: FolderServer) -> tuple[Trusted, list[str]]:
    """What the box learns, and the endings of the directory's names it asked for."""
    server.reset()
    trusted = box.refresh(HttpTransport(server.url))
    return trusted, [
        name.partition(".")[2] for name in server.requests if name.startswith("targets/")
        and ".directory" in name
    ]  # fmt: skip


def test_who_has_the_one_before_fetches_the_delta(box: TrustBox, server: FolderServer) -> None:
    trusted, names = asked(box, server)
    assert trusted.directory == NEW
    assert names == ["directory.delta"]
    assert (box.folder / "directory").read_bytes() == directory.encode(NEW)
    assert box.load() == trusted
    assert asked(box, server) == (trusted, [])
    assert server.requests == ["metadata/2.root.json", "metadata/timestamp.json"]


def test_a_new_box_fetches_the_frame(
    repo: TufRepo, box: TrustBox, server: FolderServer, tmp_path: Path
) -> None:
    new = TrustBox(tmp_path / "new", repo.first_root)
    assert asked(new, server)[1] == ["directory.zst"]
    assert new.files() == box_after(box, server)


def box_after(box: TrustBox, server: FolderServer) -> dict[str, bytes]:
    box.refresh(HttpTransport(server.url))
    return box.files()


def test_without_forms_the_directory_is_fetched_as_it_is(
    repo: TufRepo, box: TrustBox, server: FolderServer
) -> None:
    repo.custom = None
    repo.publish()
    assert asked(box, server)[1] == ["directory"]
    assert box.load().directory == NEW


def test_who_has_another_one_fetches_the_frame(
    repo: TufRepo, box: TrustBox, server: FolderServer
) -> None:
    repo.shorten(replace(OLD, name="other"))
    repo.publish()
    assert asked(box, server)[1] == ["directory.zst"]


FAULTS: dict[str, Fault] = {
    "lost": Status(404),
    "flipped": Flip(-1),
    "empty": Replace(b""),
    "cut": CutAfter(10),
    "page": Portal(),
    "long": Replace(bytes(100_000)),
    "server error": Status(500),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_form_that_fails_costs_one_request(
    box: TrustBox, server: FolderServer, fault: str
) -> None:
    server.fail("targets/*.delta", FAULTS[fault], times=ALWAYS)
    trusted, names = asked(box, server)
    assert trusted.directory == NEW
    assert (names[0], names[-1]) == ("directory.delta", "directory.zst")
    assert box.load() == trusted


@pytest.mark.parametrize("fault", FAULTS)
def test_two_forms_that_fail_leave_the_directory_itself(
    box: TrustBox, server: FolderServer, fault: str
) -> None:
    server.fail("targets/*.delta", FAULTS[fault], times=ALWAYS)
    server.fail("targets/*.zst", FAULTS[fault], times=ALWAYS)
    trusted, names = asked(box, server)
    assert trusted.directory == NEW
    assert names[-1] == "directory"
    assert box.load() == trusted


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("lost", NotThere), ("flipped", ProofFailed), ("page", NoSource), ("server error", NoSource)],
)
def test_when_no_form_holds_nothing_is_changed(
    box: TrustBox, server: FolderServer, fault: str, kind: type[KexiaError]
) -> None:
    before = box.files()
    server.fail("targets/*.directory*", FAULTS[fault], times=ALWAYS)
    with pytest.raises(kind):
        box.refresh(HttpTransport(server.url))
    assert box.files() == before
    server.heal()
    assert asked(box, server)[1] == ["directory.delta"]


def stored(data: bytes) -> Stored:
    return Stored(sha256(data), len(data))


PLAIN, BASE = directory.encode(NEW), directory.encode(OLD)
SIGNED: dict[str, Callable[[], bytes]] = {
    "not zstd": lambda: b"nothing of the kind",
    "of other bytes": lambda: compression.compress_with(b"", PLAIN.replace(b"music", b"maths")),
    "of another base": lambda: compression.compress_with(BASE[::-1] + BASE, PLAIN[::-1]),
    "a bomb": lambda: compression.compress_with(BASE, bytes(60 * 2**20), level=1)[:2000],
    "one byte more": lambda: compression.compress_with(BASE, PLAIN + b" "),
    "two frames": lambda: compression.compress_with(BASE, PLAIN) * 2,
    "empty": lambda: b"",
}


@pytest.mark.parametrize("what", SIGNED)
def test_a_signed_form_that_is_no_form(
    repo: TufRepo, box: TrustBox, server: FolderServer, what: str
) -> None:
    """Even what the editor signed by a mistake, or with a stolen key, is only another detour."""
    data = SIGNED[what]()
    repo.custom = custom_value(Shortened(stored(data), (Delta(sha256(BASE)[:16], stored(data)),)))
    for path in (frame_path(stored(data)), delta_path(stored(data))):
        (repo.folder / "targets" / path).write_bytes(data)
    repo.publish()
    trusted, names = asked(box, server)
    assert trusted.directory == NEW
    assert names == ["directory.delta", "directory.zst", "directory"]


@pytest.mark.parametrize("custom", [{}, {"deltas": 7, "zstd": "x"}, {"deltas": [[[], {}, None]]}])
def test_signed_nonsense_is_passed_over(
    repo: TufRepo, box: TrustBox, server: FolderServer, custom: dict[str, object]
) -> None:
    repo.custom = custom
    repo.publish()
    assert asked(box, server)[1] == ["directory"]


def test_what_only_the_reviewer_says_of_forms_counts_nothing(
    repo: TufRepo, box: TrustBox, server: FolderServer
) -> None:
    """The editor's list is the one; the reviewer vouches for the plain bytes."""
    repo.custom = None
    repo.publish()
    path = repo.metadata(f"{repo.version}.reviewer.json")
    assert b"custom" not in path.read_bytes()
    assert asked(box, server)[1] == ["directory"]


def test_a_damaged_directory_is_mended_by_the_frame(
    box: TrustBox, server: FolderServer, repo: TufRepo
) -> None:
    trusted, _ = asked(box, server)
    path = box.folder / "directory"
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    mended, names = asked(box, server)
    assert names == ["directory.zst"]
    assert mended == replace(trusted, repaired=("directory",))


def test_a_damaged_base_without_a_floor_makes_nothing_false(
    repo: TufRepo, box: TrustBox, server: FolderServer
) -> None:
    """What the floor would have noticed, the digest of the result does."""
    (box.folder / "floor.json").unlink()
    path = box.folder / "directory"
    path.write_bytes(path.read_bytes().replace(b"music", b"maths"))
    assert asked(box, server)[0].directory == NEW


def test_a_directory_longer_than_a_box_reads_is_not_even_asked_for(
    box: TrustBox, server: FolderServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.trust.listing.MAX_SIZE", len(PLAIN) - 1)
    with pytest.raises(FormatError, match="longer than"):
        box.refresh(HttpTransport(server.url))
    assert not [name for name in server.requests if ".directory" in name]


def test_from_a_stick_too(repo: TufRepo, box: TrustBox) -> None:
    for path in (repo.folder / "targets").glob("*.directory"):
        path.unlink()
    for path in (repo.folder / "targets").glob("*.zst"):
        path.unlink()
    assert box.refresh(repo.folder).directory == NEW
    shutil.rmtree(repo.folder / "targets")
    assert box.refresh(repo.folder).directory == NEW
