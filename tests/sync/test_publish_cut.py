"""Cutting editions: a box makes each of them byte for byte, and only what is new is cut."""

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync import directory, feed, pack
from sync.errors import InputRefused
from sync.library import Store
from sync.progress import Silent
from sync.publish.packs.cut import CutRequest, Previous, cut
from sync.transport.volume import VolumeTransport
from tests.kit.packed import bring, holds, noise, text
from tests.kit.province import Edition, Province

NAME = "43/a"


def request(
    folder: Path, resources: Mapping[str, bytes], block: bytes = b"lessons\n"
) -> CutRequest:
    province = Province.__new__(Province)  # its way of writing sources, without its keys
    province.folder = folder
    return province.request(NAME, Edition(resources, block=block))


def previous(out: Path, entry: directory.CollectionEntry) -> Previous:
    stored = (out / directory.feed_name(entry.feed)).read_bytes()
    tables = tuple(
        pack.decode_table((out / directory.table_name(ref.table)).read_bytes())
        for ref in entry.packs
    )
    return Previous(entry, feed.decode(stored, entry.feed), tables)


class Series:
    """Editions of one collection, each cut after the one before."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out = folder, folder / "out"
        self.entry: directory.CollectionEntry | None = None

    def cut(self, resources: Mapping[str, bytes]) -> directory.CollectionEntry:
        asked = request(self.folder, resources)
        if self.entry is not None:
            asked = replace(asked, previous=previous(self.out, self.entry))
        self.entry = cut(asked, self.out, Silent())
        return self.entry

    def new_bytes(self, resources: Mapping[str, bytes]) -> int:
        before = {ref.pack for ref in self.entry.packs} if self.entry else set()
        return sum(ref.pack.size for ref in self.cut(resources).packs if ref.pack not in before)


def made_by_box(series: Series, scratch: Path, resources: Mapping[str, bytes]) -> bool:
    assert series.entry is not None
    store = Store(scratch)
    bring(series.entry, VolumeTransport(series.out), store)
    return holds(store, resources.values())


def test_an_inserted_line_costs_its_chunk_only(tmp_path: Path) -> None:
    series, big = Series(tmp_path), noise(1, 3_000_000)
    series.cut({"l1.mp4": big, "l1.pdf": text(2, 200_000)})
    changed = {"l1.mp4": big[:1_000_000] + b"new" + big[1_000_000:], "l1.pdf": text(2, 200_000)}
    assert series.new_bytes(changed) < 600_000
    assert made_by_box(series, tmp_path / "box", changed)


def test_a_new_lesson_made_of_old_pieces_costs_no_content(tmp_path: Path) -> None:
    series, one, two = Series(tmp_path), noise(1, 900_000), noise(2, 900_000)
    series.cut({"l1.mp4": one + two})
    again = {"l1.mp4": one + two, "l2.mp4": one + two + one}
    assert series.new_bytes(again) < 700_000
    assert made_by_box(series, tmp_path / "box", again)


def test_only_new_words_need_no_pack(tmp_path: Path) -> None:
    series = Series(tmp_path)
    first = series.cut({"l1.pdf": text(1, 50_000)})
    asked = replace(
        request(tmp_path, {"l1.pdf": text(1, 50_000)}, block=b"other\n"),
        previous=previous(series.out, first),
    )
    second = cut(asked, series.out, Silent())
    assert (second.packs, second.edition) == (first.packs, 2)


def test_packs_that_nothing_needs_are_not_listed_any_more(tmp_path: Path) -> None:
    series = Series(tmp_path)
    first = series.cut({"l1.pdf": noise(1, 100_000)})
    second = series.cut({"l1.pdf": noise(1, 100_000), "l2.pdf": noise(2, 100_000)})
    third = series.cut({"l2.pdf": noise(2, 100_000)})
    assert set(first.packs) < set(second.packs)
    assert third.packs == second.packs[1:]


def test_a_lesson_comes_back_after_half_of_its_packs_have_gone(tmp_path: Path) -> None:
    series, old, tail = Series(tmp_path), noise(1, 400_000), noise(2, 400_000)
    series.cut({"l1.mp4": old})
    series.cut({"l1.mp4": old, "l2.mp4": old + tail})  # its recipe lies here, half of it above
    series.cut({"l3.mp4": tail + noise(3, 300_000)})  # needs the second pack, not the first
    back = {"l2.mp4": old + tail}
    series.cut(back)
    assert made_by_box(series, tmp_path / "box", back)


def test_an_empty_file_is_a_resource_too(tmp_path: Path) -> None:
    series = Series(tmp_path)
    resources = {"l1.txt": b"", "l2.txt": b"x"}
    entry = series.cut(resources)
    assert series.cut(resources).packs == entry.packs
    assert made_by_box(series, tmp_path / "box", resources)


def test_the_same_request_gives_the_same_bytes(tmp_path: Path) -> None:
    asked = request(tmp_path, {"l1.mp4": noise(1, 700_000), "l1.pdf": text(1, 90_000)})
    assert cut(asked, tmp_path / "1", Silent()) == cut(asked, tmp_path / "2", Silent())
    one, two = (
        {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}
        for out in (tmp_path / "1", tmp_path / "2")
    )
    assert one == two


@pytest.mark.parametrize(
    "change", [lambda path: path.write_bytes(noise(2, 1000)), lambda path: path.unlink()]
)
def test_a_file_that_changed_since_it_was_compiled_is_named(tmp_path: Path, change) -> None:  # type: ignore[no-untyped-def]  # a lambda of one line
    asked = request(tmp_path, {"l1.pdf": noise(1, 1000)})
    change(asked.sources[0].path)
    with pytest.raises(InputRefused) as refused:
        cut(asked, tmp_path / "out", Silent())
    assert str(asked.sources[0].path) in refused.value.faults[0].where


def test_a_full_pack_is_followed_by_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pack, "MAX_PACK", 900_000)
    series, resources = Series(tmp_path), {"l1.mp4": noise(1, 2_000_000), "l2.pdf": b"end"}
    entry = series.cut(resources)
    assert len(entry.packs) > 2
    assert all(ref.pack.size <= 900_000 for ref in entry.packs)
    assert made_by_box(series, tmp_path / "box", resources)


def test_unchanged_means_resources_lessons_title_and_dimensions(tmp_path: Path) -> None:
    series = Series(tmp_path)
    before = previous(series.out, series.cut({"l1.pdf": b"one"}))
    same = replace(request(tmp_path, {"l1.pdf": b"one"}), previous=before)
    assert same.unchanged
    assert not replace(same, previous=None).unchanged
    assert not replace(same, block=b"other\n").unchanged
    assert not replace(same, title="other").unchanged
    assert not replace(same, dimensions={"grade": ("g2",)}).unchanged
    assert not replace(same, sources=()).unchanged


BLOCKS = [noise(number, 90_000) for number in range(4)] + [b"", b"small", text(9, 40_000)]
FILES = st.lists(st.sampled_from(range(len(BLOCKS))), max_size=4).map(
    lambda parts: b"".join(BLOCKS[part] for part in parts)
)
EDITIONS = st.lists(
    st.dictionaries(st.sampled_from(["l1.mp4", "l2.pdf", "l3.bin"]), FILES), min_size=1, max_size=4
)


@settings(max_examples=25, deadline=None)
@given(EDITIONS)
def test_every_edition_can_be_made_by_a_new_box(editions: list[dict[str, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        series = Series(Path(folder))
        for number, resources in enumerate(editions):
            series.cut(resources)
            assert made_by_box(series, Path(folder, f"box{number}"), resources)
