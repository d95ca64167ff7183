"""What a builder wrote of its image."""

import json

import pytest

from appliance.system.image import read_image
from sync.errors import FormatError

VALUE = {
    "version": "2026.11.26.1",
    "built": "2026-11-26T00:00:00Z",
    "board": "amd64",
    "suite": "bookworm",
    "compatible": "kexia-amd64",
    "floor": "2026.11.01.1",
}


def test_an_image_says_what_it_is() -> None:
    image = read_image(json.dumps({**VALUE, "later": 1}).encode())
    assert (image.version, image.compatible, image.floor) == (
        "2026.11.26.1",
        "kexia-amd64",
        "2026.11.01.1",
    )


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"[" * 99_999, b"{}", json.dumps({**VALUE, "floor": 3}).encode(), b"\xff\xfe"],
)
def test_what_says_less_is_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        read_image(data)
