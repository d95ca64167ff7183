"""A step is taken as done only if its inputs, its note and its files are what they were."""

from pathlib import Path

from image_build.builder.stamps import Stamp, digest_of


def test_a_step_that_was_done(tmp_path: Path) -> None:
    made, stamp = tmp_path / "root.tar", Stamp(tmp_path, "root")
    assert not stamp.holds("key", ())
    made.write_bytes(b"root")
    stamp.write("key", (made,))
    assert stamp.holds("key", (made,))
    assert not stamp.holds("another", (made,))


def test_a_file_that_was_changed_or_lost(tmp_path: Path) -> None:
    made, stamp = tmp_path / "root.tar", Stamp(tmp_path, "root")
    made.write_bytes(b"root")
    stamp.write("key", (made,))
    made.write_bytes(b"rooT")
    assert not stamp.holds("key", (made,))
    made.unlink()
    assert not stamp.holds("key", (made,))


def test_a_note_that_is_none(tmp_path: Path) -> None:
    stamp = Stamp(tmp_path, "root")
    for text in (b"", b"[]", b"{", b'{"key": "key"}', b'{"key": "key", "files": 3}'):
        stamp.path.write_bytes(text)
        assert not stamp.holds("key", ())


def test_a_key_hangs_on_values_not_on_their_order_in_memory() -> None:
    assert digest_of({"a": 1, "b": (1, 2)}) == digest_of({"b": [1, 2], "a": 1})
    assert digest_of("ab", "c") != digest_of("a", "bc")
