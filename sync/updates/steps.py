"""Steps: runs of 32-bit numbers as the differences from each to the next. Pure."""

import sys
from array import array
from itertools import accumulate

from sync.errors import FormatError

WIDTH = 4
_MASK = 0xFFFFFFFF


def steps(data: bytes) -> bytes:
    """The differences (modulo 2³²) of big-endian numbers; the first is the first number itself."""
    numbers = _numbers(data)
    before = array("I", [0, *numbers[:-1]])
    return _bytes(
        array("I", [(one - last) & _MASK for one, last in zip(numbers, before, strict=True)])
    )


def summed(data: bytes) -> bytes:
    """The numbers whose steps ``data`` are; raises FormatError for a broken number."""
    sums = accumulate(_numbers(data), lambda total, step: (total + step) & _MASK)
    return _bytes(array("I", sums))


def _numbers(data: bytes) -> "array[int]":
    if len(data) % WIDTH or not data:
        raise FormatError(f"steps: {len(data)} bytes are no 32-bit numbers")
    numbers = array("I", data)
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers


def _bytes(numbers: "array[int]") -> bytes:
    if sys.byteorder == "little":
        numbers.byteswap()
    return numbers.tobytes()
