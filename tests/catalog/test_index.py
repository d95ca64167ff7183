import hashlib
import json
import shutil
from array import array
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import CatalogueError, IndexDamaged
from catalog.model import Lessons
from catalog.search.analysis import pack, unpack
from catalog.search.index import MANY_SEGMENTS, Index, build_index
from catalog.search.linked import bring_index
from catalog.search.seal import FORMAT, SEAL, check_seal, write_seal
from catalog.search.searcher import Results, open_searcher
from catalog.tables.browse import Selection, open_catalogue
from catalog.tables.ingest import Changes, EditionContent, ingest
from sync.errors import NoRoom
from tests.kit.lessons import (
    CLASSROOM,
    MATH,
    MUSIC,
    classroom,
    digest,
    lesson,
    math,
    music,
    without,
)

GOLDEN_SEAL = Path(__file__).parents[1] / "golden" / "index-seal-1.json"

QUERIES = [
    "分数",
    "名字",
    "拉勾勾",
    "xiaoxingxing",
    "lgg",
    "三年级数学",
    "李明",
    "family",
    "新课",
    "བོད",
]


def edition(lessons: Lessons, number: int = 1) -> EditionContent:
    return EditionContent("43", number, lessons)


class Box:
    """Generations of a catalogue and its index, one after another."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.number = 0

    def folder(self, number: int) -> Path:
        return self.root / str(number)

    @property
    def index(self) -> Path:
        return self.folder(self.number) / "index"

    def next(self, *content: EditionContent, removed: tuple[str, ...] = ()) -> Path:
        before = self.folder(self.number) if self.number else None
        self.number += 1
        now = self.folder(self.number)
        now.mkdir()
        ingested = ingest(
            before and before / "catalog.db", now / "catalog.db", Changes(content, removed)
        )
        bring_index(
            now / "catalog.db", before and before / "index", now / "index", ingested.changed
        )
        return now

    def answers(self) -> dict[str, list[str]]:
        return answers(self.index, self.folder(self.number) / "catalog.db")


def answers(index: Path, catalogue_path: Path) -> dict[str, list[str]]:
    catalogue = open_catalogue(catalogue_path)
    searcher = open_searcher(index, catalogue)
    found = {query: searcher.search(query, selection=Selection()) for query in QUERIES}
    searcher.close()
    catalogue.close()
    return {query: sorted(keys(results)) for query, results in found.items()}


def keys(results: Results) -> list[str]:
    return [hit.card.key for hit in results.hits]


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.fixture
def box(tmp_path: Path) -> Box:
    made = Box(tmp_path)
    made.next(edition(music()), edition(math()), edition(classroom()))
    return made


def from_nothing(box: Box) -> dict[str, list[str]]:
    """What an index made in one go finds over the newest catalogue."""
    catalogue = box.folder(box.number) / "catalog.db"
    target = box.root / "fresh"
    build_index(catalogue, None, target, [])
    found = answers(target, catalogue)
    shutil.rmtree(target)
    return found


def test_a_whole_index_is_sealed_and_finds(box: Box) -> None:
    assert set(check_seal(box.index, FORMAT).collections) == {MUSIC, MATH, CLASSROOM}
    assert box.answers()["拉勾勾"] == [f"{MUSIC}/l2"]


def test_the_next_index_finds_what_one_from_nothing_does(box: Box) -> None:
    box.next(edition(Lessons(MATH, "", (), (), (lesson("l9", "新课"),)), 2), removed=(CLASSROOM,))
    assert box.answers() == from_nothing(box)
    assert box.answers()["新课"] == [f"{MATH}/l9"]
    assert box.answers()["family"] == []


def test_files_of_the_previous_index_stay_as_they_were(box: Box) -> None:
    first, before = box.index, hashes(box.index)
    box.next(edition(without(math(), "l1"), 2))
    assert hashes(first) == before
    shared = {path.name for path in first.iterdir() if (box.index / path.name).exists()} - {SEAL}
    assert any(name.endswith(".pst") for name in shared)
    assert all((first / name).samefile(box.index / name) for name in shared)


def commits(folder: Path) -> int:
    """How often Whoosh has committed to the index: its table of contents says so by its name."""
    [contents] = folder.glob("_MAIN_*.toc")
    return int(contents.stem.rpartition("_")[2])


def test_what_goes_and_what_comes_is_one_commit(box: Box) -> None:
    before = commits(box.index)
    box.next(edition(without(math(), "l1"), 2), edition(classroom(), 2), removed=(MUSIC,))
    assert commits(box.index) == before + 1
    assert box.answers() == from_nothing(box)


def test_lessons_whose_files_alone_changed_leave_the_index_as_it_was(box: Box) -> None:
    first = box.index
    changed = []
    for one in math().lessons:
        [video] = one.resources
        changed.append(replace(one, resources=(replace(video, digest=digest(f"{one.id} anew")),)))
    box.next(edition(replace(math(), lessons=tuple(changed)), 2))
    assert hashes(box.index) == hashes(first)
    assert box.answers() == from_nothing(box)


def test_nothing_changed_is_only_links(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the search engine is not asked for."""
    first = box.index
    monkeypatch.delattr("catalog.search.index.build_index")
    box.next()
    assert hashes(first) == hashes(box.index)
    assert all((first / path.name).samefile(path) for path in box.index.iterdir())


def one(number: int) -> EditionContent:
    found = (lesson("a", f"分数第{number}课"), lesson("b", f"名字第{number}课"))
    return edition(Lessons(f"43/one-{number}", "", (), (), found), number)


def test_many_small_segments_become_one(box: Box) -> None:
    most = segments = 0
    for number in range(2, MANY_SEGMENTS + 4):
        box.next(one(number), edition(math(), number))
        segments = len(list(box.index.glob("*.pst")))
        assert segments <= MANY_SEGMENTS
        assert box.answers() == from_nothing(box)
        most = max(most, segments)
    assert most > segments
    with closing(Index(box.index)) as opened:
        numbers = [number for number in opened.lessons if number]
    assert len(numbers) == len(set(numbers)) == 12 + 2 * (MANY_SEGMENTS + 2)


def test_an_emptied_segment_goes(box: Box) -> None:
    box.next(edition(without(math(), "l4"), 2))
    segments = {path.name for path in box.index.glob("*.pst")}
    box.next(edition(math(), 3))
    assert len(segments) == len(list(box.index.glob("*.pst"))) == 2


def test_postings_are_sorted_through_files_where_memory_is_short(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = box.answers()
    monkeypatch.setattr("catalog.search.index.WRITER_MEMORY", 0.005)
    assert from_nothing(box) == expected


def test_long_texts_make_several_segments(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = box.answers()
    monkeypatch.setattr("catalog.search.index.PART", 100)
    monkeypatch.setattr("catalog.search.index.SMALL_SEGMENT", 1)
    target = box.root / "parts"
    build_index(box.folder(1) / "catalog.db", None, target, [])
    assert len(list(target.glob("*.pst"))) > 2
    assert answers(target, box.folder(1) / "catalog.db") == expected


def test_a_failed_building_leaves_nothing(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(folder: Path) -> None:
        raise NoRoom(f"{folder}: no room left")

    monkeypatch.setattr("catalog.search.index.sync_tree", no_room)
    with pytest.raises(NoRoom):
        build_index(box.folder(1) / "catalog.db", box.index, box.root / "index", [MATH])
    assert not (box.root / "index").exists()
    Index(box.index).close()


def test_a_file_system_without_links_gets_copies(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(f"{target}: links are not supported")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    first = box.index
    box.next()
    assert hashes(first) == hashes(box.index)
    assert not any((first / path.name).samefile(path) for path in box.index.iterdir())


@pytest.mark.parametrize("build", [build_index, bring_index])
def test_a_collection_nobody_named_is_noticed(
    box: Box, tmp_path: Path, build: Callable[[Path, Path, Path, list[str]], None]
) -> None:
    """The caller's list is a hint: what fits is decided by the rows themselves."""
    path = tmp_path / "other.db"
    ingest(None, path, Changes([edition(math(), 5), edition(without(music(), "l2"))]))
    build(path, box.index, tmp_path / "index", [])
    assert answers(tmp_path / "index", path)["拉勾勾"] == []
    assert answers(tmp_path / "index", path)["分数"] == [f"{MATH}/l1", f"{MATH}/l2"]


def test_a_damaged_previous_index_is_passed_over(box: Box) -> None:
    victim = next(box.index.glob("*.pst"))
    victim.write_bytes(victim.read_bytes()[:-1])
    box.next(edition(math(), 2))  # although no lesson reads otherwise
    assert box.answers() == from_nothing(box)
    assert not (box.index / victim.name).exists()


def test_a_missing_previous_index_is_passed_over(box: Box) -> None:
    shutil.rmtree(box.index)
    box.next()
    assert box.answers() == from_nothing(box)


def test_an_empty_catalogue_has_an_index(tmp_path: Path) -> None:
    empty = Box(tmp_path)
    empty.next()
    assert empty.answers() == {query: [] for query in QUERIES}


def test_no_catalogue_no_index(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError):
        build_index(tmp_path / "none.db", None, tmp_path / "index", [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("harm", ["cut", "flip", "gone", "more"])
def test_damage_is_noticed_at_every_file(box: Box, harm: str) -> None:
    for path in sorted(box.index.iterdir()):
        whole = path.read_bytes()
        if harm == "cut":
            path.write_bytes(whole[: len(whole) // 2])
        elif harm == "flip" and whole:
            path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        elif harm == "gone":
            path.unlink()
        else:
            (box.index / f"{path.name}.more").write_bytes(b"")
        if harm in ("gone", "more") or path.read_bytes() != whole:
            with pytest.raises(IndexDamaged) as told:
                Index(box.index)
            assert "rebuilt" in told.value.hint
        (box.index / f"{path.name}.more").unlink(missing_ok=True)
        path.write_bytes(whole)
    Index(box.index).close()


def test_a_file_that_cannot_be_read_is_damage(box: Box) -> None:
    victim = next(box.index.glob("*.trm"))
    victim.unlink()
    victim.mkdir()
    with pytest.raises(IndexDamaged, match="cannot be read"):
        Index(box.index)


def test_an_index_of_another_format_is_refused(box: Box) -> None:
    write_seal(box.index, {}, "kexia-index-0")
    with pytest.raises(IndexDamaged, match="kexia-index-0"):
        Index(box.index)


def test_an_index_of_another_catalogue_is_refused(box: Box, tmp_path: Path) -> None:
    ingest(None, tmp_path / "other.db", Changes([edition(music())]))
    with pytest.raises(IndexDamaged, match="another catalogue"):
        open_searcher(box.index, open_catalogue(tmp_path / "other.db"))


def test_the_seal_is_the_golden_one(tmp_path: Path) -> None:
    (tmp_path / "_MAIN_1.toc").write_bytes(b"contents")
    (tmp_path / "MAIN_a.pst").write_bytes(b"postings" * 100)
    write_seal(tmp_path, {MUSIC: "12ab"}, "kexia-index-1")
    assert (tmp_path / SEAL).read_bytes() == GOLDEN_SEAL.read_bytes()
    assert check_seal(tmp_path, "kexia-index-1").collections == {MUSIC: "12ab"}
    assert json.loads(GOLDEN_SEAL.read_bytes())["format"] == FORMAT


@given(
    st.dictionaries(st.integers(0, 2**32 - 1), st.integers(1, 255), min_size=1, max_size=50),
)
def test_postings_are_read_as_written(found: dict[int, int]) -> None:
    documents, counts = array("I", sorted(found)), bytes(found[d] for d in sorted(found))
    read = unpack(pack(documents, counts), len(found))
    assert (list(read.documents), bytes(read.counts)) == (list(documents), counts)


@pytest.mark.parametrize(
    ("documents", "counts", "packed"),
    [
        ([1, 2], [1, 1], "01000200"),
        ([1, 2], [1, 3], "010002000103"),
        ([1, 65536], [1, 1], "0100000000000100"),
        ([1, 65536], [2, 1], "01000000000001000201"),
    ],
)
def test_postings_are_packed_as_documented(
    documents: list[int], counts: list[int], packed: str
) -> None:
    assert pack(array("I", documents), bytes(counts)).hex() == packed


def test_words_one_slip_away(box: Box) -> None:
    with closing(Index(box.index)) as opened:
        for slip in ("famly", "familly", "famoly", "faimly"):
            assert opened.like("title", slip) == ("family",)
        assert opened.like("title", "family") == ()


def test_the_cache_keeps_within_its_bound(box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog.search.index.CACHED_POSTINGS", 6)
    with closing(Index(box.index)) as opened:
        for token in ("分数", "数", "的", "认识", "分数"):
            first = opened.postings("title", token)
            assert opened.postings("title", token) == first
            assert opened.cached <= 6
