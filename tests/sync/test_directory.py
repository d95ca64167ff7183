from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync import canonical, directory
from sync.digest import sha256
from sync.directory import CollectionEntry, Directory, FeedRef, PackRef, Stored, UpdateRef
from sync.errors import FormatError

GOLDEN = Path(__file__).parents[1] / "golden" / "directory-1.json"


def stored(seed: str) -> Stored:
    return Stored(sha256(seed.encode()), len(seed))


def entry(collection: str = "43/math-1a", packs: int = 2) -> CollectionEntry:
    return CollectionEntry(
        id=collection,
        title="数学 一年级上册",
        dimensions={"stage": ("primary",), "grade": ("g1", "g2"), "subject": ("math",)},
        edition=3,
        lessons=24,
        size=123_456_789,
        feed=FeedRef(stored("feed"), stored("plain feed")),
        packs=tuple(PackRef(stored(f"pack {n}"), stored(f"table {n}")) for n in range(packs)),
        updates=tuple(UpdateRef(n, stored(f"update {n}"), stored("head")) for n in range(packs)),
        routes=stored("routes") if packs else None,
    )


def sample() -> Directory:
    return Directory("43", "湖南省", (entry("43/art-1a", packs=0), entry()), (2, 7))


def test_golden_directory_is_read_and_reproduced() -> None:
    data = GOLDEN.read_bytes()
    assert directory.decode(data) == sample()
    assert directory.encode(sample()) == data


@given(
    st.lists(
        st.from_regex(r"43/[a-z0-9][a-z0-9.-]{0,20}", fullmatch=True), unique=True, max_size=5
    ),
    st.text(max_size=30),
    st.sets(st.integers(1, 2**31), max_size=5),
)
def test_what_was_written_is_read(ids: list[str], name: str, reinstated: set[int]) -> None:
    entries = tuple(replace(entry(), id=collection, title=name) for collection in sorted(ids))
    value = Directory("43", name, entries, tuple(sorted(reinstated)))
    assert directory.decode(directory.encode(value)) == value


def test_order_of_collections_does_not_matter() -> None:
    value = sample()
    turned = replace(value, collections=value.collections[::-1], reinstated=(7, 2))
    assert directory.encode(turned) == directory.encode(value)


def test_entries_are_found_by_id() -> None:
    assert sample().entry("43/math-1a") == entry()
    assert sample().entry("43/none") is None


def spelled(**changes: object) -> bytes:
    value = canonical.loads(directory.encode(sample()), what="x")
    return canonical.dumps({**value, **changes})


def changed_entry(**changes: object) -> list[object]:
    return [{**directory.entry_value(entry()), **changes}]


def test_unknown_fields_are_ignored() -> None:
    value = directory.decode(spelled(motto="x", collections=changed_entry(shoe_size=43)))
    assert value.collections == (entry(),)


def test_unknown_format_asks_for_a_newer_box() -> None:
    with pytest.raises(FormatError, match="kexia-directory-2") as caught:
        directory.decode(spelled(format="kexia-directory-2"))
    assert "update" in caught.value.hint


@pytest.mark.parametrize(
    "changes",
    [
        {"code": "4"},
        {"code": "43/"},
        {"code": None},
        {"name": 7},
        {"reinstated": [-1]},
        {"reinstated": None},
        {"collections": {}},
        {"collections": [None]},
        {"collections": changed_entry() * 2},
        {"collections": changed_entry(id="44/math-1a")},
        {"collections": changed_entry(id="43/../x")},
        {"collections": changed_entry(id="43")},
        {"collections": changed_entry(edition="3")},
        {"collections": changed_entry(size=-1)},
        {"collections": changed_entry(dimensions={"grade": "g1"})},
        {"collections": changed_entry(feed={})},
        {"collections": changed_entry(feed={"stored": ["ab", 1], "plain": ["ab", 1]})},
        {"collections": changed_entry(packs=[{"pack": [sha256(b""), 1]}])},
        {"collections": changed_entry(packs=[{"pack": [sha256(b"")], "table": []}])},
        {"collections": changed_entry(updates=[{"base": -1}])},
        {"collections": changed_entry(updates=[{"base": 1, "pack": [sha256(b""), 1]}])},
        {"collections": changed_entry(routes=[sha256(b"")])},
        {"collections": changed_entry(routes=None)},
    ],
    ids=str,
)
def test_broken_fields_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(FormatError):
        directory.decode(spelled(**changes))


def test_a_missing_field_is_named() -> None:
    fields = directory.entry_value(entry())
    del fields["lessons"]
    with pytest.raises(FormatError, match="lessons"):
        directory.decode(spelled(collections=[fields]))


def test_names_of_files() -> None:
    digest = sha256(b"feed")
    assert directory.feed_name(entry().feed) == f"feeds/{digest[:2]}/{digest}"
    table, pack = stored("t"), stored("p")
    assert directory.table_name(table) == f"tables/{table.digest[:2]}/{table.digest}"
    assert directory.pack_name(pack) == f"packs/{pack.digest[:2]}/{pack.digest}.pack"


def test_a_directory_that_would_not_fit_in_memory_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(directory, "MAX_SIZE", 100)
    with pytest.raises(FormatError, match="at most 100"):
        directory.decode(directory.encode(sample()))
