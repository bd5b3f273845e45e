"""Changes bytes, a few at a time: what a decoder should meet, however unlikely."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

EDGES = (0, 1, 2, 7, 15, 16, 31, 32, 63, 64, 127, 128, 254, 255)
WIDE_EDGES = (0, 1, 255, 256, 4095, 4096, 65535, 65536, (1 << 24) - 1, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)


def mutate(pick: Random, data: bytes, others: Sequence[bytes] = ()) -> bytes:
    """One to four changes, most often one; `others` are data that parts may be taken from."""
    changed = bytearray(data)
    for _ in range(pick.choice((1, 1, 1, 2, 4))):
        pick.choice(_CHANGES)(pick, changed, others)
    return bytes(changed)


def odd_size(pick: Random, size: int, limit: int) -> int:
    """A size near the right one, or far from it, within 0 and `limit`."""
    near = (size, size, size, size - 1, size + 1, size // 2, 2 * size, 0, 1, limit, pick.randrange(limit + 1))
    return min(max(pick.choice(near), 0), limit)


def odd_bytes(pick: Random, most: int) -> bytes:
    """Up to `most` bytes: runs, noise, repeats, words, records, and mixtures of these."""
    size = pick.choice((0, 1, 2, 3, 4, 15, 16, 17, 63, 64, 65, 255, 256, 257, pick.randrange(most + 1)))
    size = min(size, most)
    parts = bytearray()
    while len(parts) < size:
        parts += pick.choice(_PIECES)(pick, bytes(parts))
    return bytes(parts[:size])


def _span(pick: Random, data: bytearray) -> tuple[int, int]:
    start = pick.randrange(len(data) + 1)
    length = pick.choice((1, 1, 2, 4, 8, 16, pick.randrange(len(data) + 1)))
    return start, min(start + length, len(data))


def _flip(pick: Random, data: bytearray, others: Sequence[bytes]) -> None:
    if data:
        data[pick.randrange(len(data))] ^= 1 << pick.randrange(8)


def _set(pick: Random, data: bytearray, others: Sequence[bytes]) -> None:
    if data:
        data[pick.randrange(min(len(data), pick.choice((4, 64, len(data)))))] = pick.choice(
            (*EDGES, pick.randrange(256))
        )


def _number(pick: Random, data: bytearray, others: Sequence[bytes]) -> None:
    width = pick.choice((2, 4, 8))
    if len(data) >= width:
        at = pick.randrange(len(data) - width + 1)
        value = int.from_bytes(data[at : at + width], "little")
        value = pick.choice((value + 1, value - 1, value * 2, pick.choice(WIDE_EDGES), -value))
        data[at : at + width] = (value % (1 << 8 * width)).to_bytes(width, "little")


def _delete(pick: Random, data: bytearray, others: Sequence[bytes]) -> None:
    start, end = _span(pick, data)
    del data[start:end]


def _truncate(pick: Random, data: bytearray, others: Sequence[bytes]) -> None:
    del data[pick.randrange(len(data) + 1) :]


def _insert(pick: Random, data: bytearray, others: Sequence[bytes]) -> None:
    at = pick.randrange(len(data) + 1)
    data[at:at] = pick.choice((pick.randbytes(pick.randrange(1, 20)), bytes(8), b"\xff" * 8))


def _repeat(pick: Random, data: bytearray, others: Sequence[bytes]) -> None:
    start, end = _span(pick, data)
    data[start:start] = data[start:end] * pick.choice((1, 1, 2, 20))
    del data[1 << 20 :]


def _fill(pick: Random, data: bytearray, others: Sequence[bytes]) -> None:
    start, end = _span(pick, data)
    data[start:end] = pick.choice((b"\0", b"\xff", pick.randbytes(1))) * (end - start)


def _splice(pick: Random, data: bytearray, others: Sequence[bytes]) -> None:
    other = bytearray(pick.choice(others)) if others else bytearray(data)
    start, end = _span(pick, other)
    at = pick.randrange(len(data) + 1)
    data[at : at + pick.choice((0, end - start, len(data)))] = other[start:end]


_CHANGES = (_flip, _flip, _set, _set, _number, _delete, _truncate, _insert, _repeat, _fill, _splice)

_PIECES = (
    lambda pick, before: pick.randbytes(pick.randrange(1, 200)),
    lambda pick, before: pick.randbytes(1) * pick.randrange(1, 5000),
    lambda pick, before: pick.randbytes(pick.randrange(1, 9)) * pick.randrange(1, 300),
    lambda pick, before: before[-pick.randrange(1, 4200) :] or b"x",
    lambda pick, before: b" ".join(pick.choices((b"return", b"static", b"value", b"\n", b"if"), k=40)),
    lambda pick, before: b"".join(
        n.to_bytes(4, "little") for n in range(0, pick.randrange(4, 4000), pick.randrange(1, 9))
    ),
    lambda pick, before: b"\xe8" + pick.randrange(1 << 24).to_bytes(4, "little") + b"\x48\x8b\x05",
)
