"""Numbers of few bytes: LEB128, written and read within bounds. Pure."""

from sync.errors import FormatError

LONGEST = 9
"""Bytes of the longest number: below 2⁶³."""


def write(number: int) -> bytes:
    """``number`` (0 to 2⁶³−1), seven bits a byte, the lowest first."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def fold(number: int) -> int:
    """A signed number as an unsigned one, small ones small (zigzag)."""
    return number << 1 if number >= 0 else (-number << 1) - 1


def unfold(number: int) -> int:
    """What ``fold`` was given."""
    return -((number + 1) >> 1) if number & 1 else number >> 1


class Reader:
    """Reads numbers and bytes one after the other; raises FormatError at a false end."""

    def __init__(self, data: bytes, *, what: str) -> None:
        self._data = data
        self._at = 0
        self._what = what

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self._data) - self._at

    def number(self) -> int:
        """The next number; an overlong spelling is refused, so that each has one."""
        result = shift = 0
        for _ in range(LONGEST):
            byte = self._byte()
            result |= (byte & 0x7F) << shift
            if not byte & 0x80:
                if not byte and shift:
                    break
                return result
            shift += 7
        raise self.broken("a number has no lawful spelling")

    def take(self, length: int) -> bytes:
        """The next ``length`` bytes."""
        if length > self.left:
            raise self.broken(f"ends {length - self.left} bytes too early")
        start, self._at = self._at, self._at + length
        return self._data[start : self._at]

    def inner(self) -> "Reader":
        """A reader of the next record, which tells its own length first."""
        return Reader(self.take(self.number()), what=self._what)

    def count(self, *, each: int = 1) -> int:
        """A number of records to come, each at least ``each`` bytes long."""
        found = self.number()
        if found * each > self.left:
            raise self.broken(f"promises {found} records, and {self.left} bytes are left")
        return found

    def broken(self, why: str) -> FormatError:
        """The error for what is being read."""
        return FormatError(f"{self._what}: {why}")

    def _byte(self) -> int:
        if self._at >= len(self._data):
            raise self.broken("ends in the middle of a number")
        self._at += 1
        return self._data[self._at - 1]
