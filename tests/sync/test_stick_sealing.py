from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.errors import FormatError, KexiaError, TrustRefused, UsageError
from sync.stick import sealing
from sync.stick.sealing import Kind

GOLDEN = Path(__file__).parents[1] / "golden"
SEED = bytes(range(32))
LIMIT = 2**16
PRIVATE = bytes(range(64, 96))
"""A recipient's; the golden sealed text is for it and for one more."""
OTHERS = tuple(sealing.new_recipient() for _ in range(4))
COUNTS = st.integers(0, 2**63 - 1)


def paper(body: bytes = b"body", kind: Kind = Kind.HAVE) -> bytes:
    return sealing.sign(kind, body, seed=SEED, epoch=5, sequence=17)


def test_the_golden_paper_is_read_and_reproduced() -> None:
    data = (GOLDEN / "paper-1.bin").read_bytes()
    assert paper(b"what the box says") == data
    found = sealing.open_paper(data, kind=Kind.HAVE, limit=LIMIT)
    assert found == sealing.Paper(Kind.HAVE, sealing.public_of(SEED), 5, 17, b"what the box says")
    assert found.box == "56475aa75463474c"


def test_the_golden_sealed_text_is_read() -> None:
    data = (GOLDEN / "sealed-1.bin").read_bytes()
    assert sealing.unseal(data, PRIVATE) == b"what only two may read"
    assert len(data) == sealing.sealed_size(22, 2)


@given(
    st.binary(max_size=300),
    st.sampled_from(Kind),
    COUNTS,
    COUNTS,
    st.binary(min_size=32, max_size=32),
)
def test_what_was_signed_is_read(
    body: bytes, kind: Kind, epoch: int, sequence: int, seed: bytes
) -> None:
    data = sealing.sign(kind, body, seed=seed, epoch=epoch, sequence=sequence)
    found = sealing.open_paper(data, kind=kind, limit=LIMIT)
    assert found == sealing.Paper(kind, sealing.public_of(seed), epoch, sequence, body)
    assert len(data) == len(body) + sealing.PAPER_BYTES


@given(st.integers(0, 8 * (sealing.PAPER_BYTES + 4) - 1))
def test_no_bit_of_a_paper_can_be_changed(bit: int) -> None:
    data = bytearray(paper())
    data[bit // 8] ^= 1 << bit % 8
    with pytest.raises(TrustRefused):
        sealing.open_paper(bytes(data), kind=Kind.HAVE, limit=LIMIT)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.HAVE])
def test_a_paper_does_not_pass_for_one_of_another_kind(kind: Kind) -> None:
    with pytest.raises(FormatError, match="kind 1"):
        sealing.open_paper(paper(), kind=kind, limit=LIMIT)
    renamed = bytearray(paper())
    renamed[9] = kind
    with pytest.raises(TrustRefused, match="signature"):
        sealing.open_paper(bytes(renamed), kind=kind, limit=LIMIT)


@pytest.mark.parametrize("public", [bytes(32), b"\x01" + bytes(31), b"\xff" * 32])
def test_keys_that_everybody_can_sign_for_are_refused(public: bytes) -> None:
    data = bytearray(paper())
    data[10:42] = public
    data[58:122] = b"\x01" + bytes(63)
    with pytest.raises(TrustRefused):
        sealing.open_paper(bytes(data), kind=Kind.HAVE, limit=LIMIT)


def test_papers_too_long_or_too_short_are_refused() -> None:
    with pytest.raises(FormatError):
        sealing.open_paper(paper(bytes(100)), kind=Kind.HAVE, limit=200)
    for length in range(sealing.PAPER_BYTES):
        with pytest.raises(FormatError):
            sealing.open_paper(paper()[:length], kind=Kind.HAVE, limit=LIMIT)


@given(st.binary(max_size=500), st.sets(st.integers(0, 3), min_size=1), st.integers(0, 3))
def test_readable_only_by_its_recipients(text: bytes, chosen: set[int], reader: int) -> None:
    sealed = sealing.seal(text, [OTHERS[one][1] for one in chosen])
    assert len(sealed) == sealing.sealed_size(len(text), len(chosen))
    if reader in chosen:
        assert sealing.unseal(sealed, OTHERS[reader][0]) == text
    else:
        with pytest.raises(TrustRefused, match="other recipients"):
            sealing.unseal(sealed, OTHERS[reader][0])
    assert len(text) < 8 or text not in sealed


@given(st.data())
def test_no_bit_of_what_is_sealed_can_be_changed(data: st.DataObject) -> None:
    sealed = bytearray(sealing.seal(b"health", [OTHERS[0][1]]))
    bit = data.draw(st.integers(0, 8 * len(sealed) - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(TrustRefused):
        sealing.unseal(bytes(sealed), OTHERS[0][0])


def test_the_same_text_is_never_sealed_the_same_way() -> None:
    assert sealing.seal(b"x", [OTHERS[0][1]]) != sealing.seal(b"x", [OTHERS[0][1]])


@pytest.mark.parametrize("public", [b"", bytes(31), bytes(33), bytes(32), b"\x01" + bytes(31)])
def test_keys_that_are_none_are_refused(public: bytes) -> None:
    with pytest.raises(UsageError):
        sealing.seal(b"x", [public])


def test_nothing_is_sealed_for_nobody_or_for_too_many() -> None:
    for keys in ([], [sealing.new_recipient()[1] for _ in range(17)]):
        with pytest.raises(UsageError, match="recipients"):
            sealing.seal(b"x", keys)


def test_a_pair_belongs_together() -> None:
    private, public = sealing.new_recipient()
    assert sealing.recipient_of(private) == public
    with pytest.raises(KexiaError):
        sealing.sign(Kind.HAVE, b"", seed=b"short", epoch=0, sequence=0)
