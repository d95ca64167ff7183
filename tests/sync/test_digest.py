import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.digest import parse_digest, prove, sha256, sharded
from sync.errors import FormatError, ProofFailed

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, B.1


def test_known_answer() -> None:
    assert sha256(b"abc") == ABC
    assert sha256(memoryview(b"xabc")[1:]) == ABC


def test_proof_returns_the_data() -> None:
    assert prove(b"abc", parse_digest(ABC), what="x") == b"abc"


def test_failed_proof_names_the_file_and_a_cure() -> None:
    with pytest.raises(ProofFailed, match="pack 7: content has digest") as caught:
        prove(b"abd", parse_digest(ABC), what="pack 7")
    assert caught.value.exit_code == 5
    assert caught.value.hint


@pytest.mark.parametrize(
    "bad", ["", ABC[:-1], ABC + "0", ABC.upper(), ABC[:-1] + "g", ABC + "\n", None, 7, ABC.encode()]
)
def test_anything_else_is_no_digest(bad: object) -> None:
    with pytest.raises(FormatError, match="not a SHA-256"):
        parse_digest(bad)


@given(st.binary())
def test_every_digest_parses_and_shards(data: bytes) -> None:
    digest = parse_digest(hashlib.sha256(data).hexdigest())
    assert sharded(digest) == f"{digest[0:2]}/{digest}"
