"""Section 1: numbers, columns, blobs, checks, and the two kinds of failure."""

from __future__ import annotations

from blake3 import blake3


class Corrupt(Exception):  # noqa: N818
    """Bytes contradict their checks, each other or the document."""


class Unsupported(Exception):  # noqa: N818
    """Sound, but needs what this decoder does not have."""


def check(data: bytes, length: int) -> bytes:
    return blake3(data).digest()[:length]


def require(condition: bool, message: str) -> None:
    if not condition:
        raise Corrupt(message)


def reserved(condition: bool, message: str) -> None:
    if not condition:
        raise Unsupported(message)


def number(data: bytes) -> int:
    """u8, u16, u32, u64: little-endian."""
    return int.from_bytes(data, "little")


def unzigzag(value: int) -> int:
    return -(value // 2) - 1 if value % 2 else value // 2


def wrap(value: int) -> int:
    """A sum modulo 2^64 as two's complement."""
    value %= 1 << 64
    return value - (1 << 64) if value >= 1 << 63 else value


class Fields:
    """Reads fields one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, length: int) -> bytes:
        require(length <= len(self.data) - self.at, "a field goes past the end")
        self.at += length
        return self.data[self.at - length : self.at]

    def u8(self) -> int:
        return self.take(1)[0]

    def groups(self, most: int) -> int:
        value = 0
        for position in range(most):
            byte = self.u8()
            value += (byte & 127) << 7 * position
            if byte < 128:
                require(byte != 0 or position == 0, "a varint is longer than it need be")
                return value
        raise Corrupt("a varint is too long")

    def varint(self) -> int:
        return self.groups(9)

    def svarint(self) -> int:
        value = self.groups(10)
        require(value < 1 << 64, "an svarint is too large")
        return unzigzag(value)

    def column(self, count: int) -> list[int]:
        width = self.u8()
        require(width <= 8, "a column has more than 8 planes")
        planes = [self.take(count) for _ in range(width)]
        require(not width or any(planes[-1]), "a column is wider than it need be")
        return [sum(plane[row] << 8 * k for k, plane in enumerate(planes)) for row in range(count)]

    def blob(self) -> bytes:
        return self.take(self.varint())

    def strings(self, count: int) -> list[bytes]:
        """A blob of strings, each closed by a zero byte."""
        *strings, rest = self.blob().split(b"\0")
        require(rest == b"" and len(strings) == count, "a blob has other strings than expected")
        return strings

    def prefixed(self, count: int, limit: int) -> list[bytes]:
        """Section 6.4, coding 0; section 12 limits the names' bytes together."""
        shared = self.column(count)
        suffixes = self.strings(count)
        require(sum(shared) + sum(map(len, suffixes)) <= limit, "names are too long in all")
        names, before = [], b""
        for common, suffix in zip(shared, suffixes, strict=True):
            require(common <= len(before), "a name shares more than there is")
            before = before[:common] + suffix
            names.append(before)
        return names

    def end(self) -> None:
        require(self.at == len(self.data), "bytes are left over")
