"""Numbers and strings inside index pages and the directory (format section 1).

A column keeps the bytes of equal weight of all its numbers together: the high planes are
nearly constant, which costs the codec nothing, and a slice with a step reads a plane at once.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence

from ucompress.codec.pack import split_prefixed
from ucompress.codec.unpack import join_prefixed
from ucompress.codec.varint import write_varint
from ucompress.errors import CorruptArchiveError

_MASK = (1 << 64) - 1


def zigzag(value: int) -> int:
    """A signed 64-bit integer as unsigned: 0, -1, 1, -2, ... become 0, 1, 2, 3, ..."""
    return ((value << 1) ^ (value >> 63)) & _MASK


def unzigzag(value: int) -> int:
    """The signed integer that `zigzag` made unsigned."""
    return (value >> 1) ^ -(value & 1)


def signed(value: int) -> int:
    """The low 64 bits of a sum as a two's complement integer."""
    value &= _MASK
    return value - (1 << 64) if value >> 63 else value


def write_column(values: Iterable[int]) -> bytes:
    """Width and planes of unsigned integers below 2^64."""
    numbers = array("Q", values)
    width = (max(numbers, default=0).bit_length() + 7) // 8
    planes = _little_endian(numbers).tobytes()
    return bytes((width,)) + b"".join([planes[plane::8] for plane in range(width)])


def _little_endian(numbers: array[int]) -> array[int]:
    """The same array, its bytes in the archive's order (or back again)."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def write_blob(data: bytes) -> bytes:
    """Length and bytes."""
    return write_varint(len(data)) + data


def write_strings(strings: Iterable[bytes]) -> bytes:
    """A blob of strings, each closed by a zero byte."""
    return write_blob(b"".join([string + b"\0" for string in strings]))


def shared_prefix(a: bytes, b: bytes) -> int:
    """Number of leading bytes that two strings have in common."""
    return array("Q", split_prefixed((a, b))[0])[1]


def write_prefixed(strings: Sequence[bytes]) -> bytes:
    """Coding 0 of format section 6.4: shared lengths, then what follows them."""
    shared, suffixes = split_prefixed(strings)
    return write_column(array("Q", shared)) + write_blob(suffixes)


class Cursor:
    """Reads fields one after the other, never past the end.

    Args:
        data: the decoded page or directory.
        what: its name in messages.
    """

    def __init__(self, data: bytes, what: str) -> None:
        """Start at the first byte."""
        self._data = data
        self._what = what
        self._at = 0

    def fail(self, why: str) -> CorruptArchiveError:
        """The error for contents that contradict the format."""
        return CorruptArchiveError(f"{self._what} is damaged: {why}")

    @property
    def remaining(self) -> int:
        """Bytes not yet read."""
        return len(self._data) - self._at

    def take(self, length: int) -> bytes:
        """The next bytes."""
        if not 0 <= length <= self.remaining:
            raise self.fail(f"it ends {length - self.remaining} bytes early")
        start = self._at
        self._at += length
        return self._data[start : self._at]

    def byte(self) -> int:
        """The next byte as a number."""
        return self.take(1)[0]

    def varint(self, limit: int = (1 << 63) - 1) -> int:
        """An unsigned base-128 integer of at most `limit`."""
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
            if shift > 63:
                raise self.fail("a number has no end")
        if value > limit:
            raise self.fail(f"the number {value} exceeds {limit}")
        if byte == 0 and shift:
            raise self.fail("a number is longer than it need be")
        return value

    def svarint(self) -> int:
        """A signed base-128 integer of 64 bits."""
        return unzigzag(self.varint(_MASK))

    def column(self, count: int) -> array[int]:
        """`count` unsigned integers; the caller has checked `count` against a limit."""
        width = self.byte()
        if width > 8:
            raise self.fail(f"a column has {width} planes")
        planes = bytearray(8 * count)
        for plane in range(width):
            planes[plane::8] = part = self.take(count)
        if width and part.count(0) == count:
            raise self.fail("a column is wider than it need be")
        return _little_endian(array("Q", planes))

    def numbers(self, count: int, limit: int) -> list[int]:
        """A column as Python integers, all at most `limit`."""
        numbers = self.column(count).tolist()
        if count and max(numbers) > limit:
            raise self.fail(f"the number {max(numbers)} exceeds {limit}")
        return numbers

    def blob(self) -> bytes:
        """A length and as many bytes."""
        return self.take(self.varint())

    def strings(self, count: int) -> list[bytes]:
        """`count` strings, each closed by a zero byte."""
        parts = self.blob().split(b"\0")
        if len(parts) != count + 1 or parts[-1]:
            raise self.fail(f"it has {len(parts) - 1} strings where {count} are expected")
        return parts[:-1]

    def prefixed(self, count: int, limit: int) -> list[bytes]:
        """`count` prefix-coded strings (coding 0 of format section 6.4), of at most `limit` bytes in all."""
        shared = self.column(count)
        strings = self.strings(count)
        if max(shared, default=0) > 65_535 or sum(shared) + sum(map(len, strings)) > limit:
            raise self.fail(f"its names exceed {limit} bytes")
        try:
            return join_prefixed(shared, strings)
        except ValueError as error:
            raise self.fail(str(error)) from error

    def finish(self) -> None:
        """Refuse leftovers."""
        if self.remaining:
            raise self.fail(f"{self.remaining} bytes are left over")
