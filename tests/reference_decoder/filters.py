"""Sections 11.1 and 11.2: what a filter did to a block's bytes is undone."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate

from .conventions import Unsupported, require

COMMON = bytes.fromhex("03 2B 39 3B 63 80 83 89 8B 8D C6 C7")


def split(filter_id: int, payload: bytes) -> tuple[bytes, Callable[[bytes], bytes]]:
    """What of a payload the codec coded, and how to undo the filter."""
    if filter_id == 0:
        return payload, bytes
    if filter_id == 1:
        return payload, displacements
    if filter_id in (2, 3):
        require(len(payload) >= 1 and payload[0] > 0, "records without a length")
        return payload[1:], lambda data: records(data, payload[0], filter_id == 3)
    raise Unsupported(f"filter {filter_id}")


def records(data: bytes, stride: int, differences: bool) -> bytes:
    """Filters 2 and 3 undone."""
    rows = len(data) // stride
    planes = [data[k * rows : (k + 1) * rows] for k in range(stride)]
    if differences:
        planes = [bytes(value % 256 for value in accumulate(plane)) for plane in planes]
    return bytes(byte for row in zip(*planes, strict=True) for byte in row) + data[rows * stride :]


def displacements(data: bytes) -> bytes:
    """Filter 1 undone."""
    out = bytearray(data)
    before, at = 0, 1
    while at + 4 <= len(out):
        if not ends_an_opcode(out[before:at]):
            at += 1
            continue
        value = int.from_bytes(out[at : at + 4], "little", signed=True)
        if -(1 << 24) <= value < 1 << 24:
            moved = (value - at + (1 << 24)) % (1 << 25) - (1 << 24)
            out[at : at + 4] = moved.to_bytes(4, "little", signed=True)
        before, at = at + 4, at + 5
    return bytes(out)


def ends_an_opcode(seen: bytes) -> bool:
    """Whether an operand follows these bytes, which begin where the operand before ended."""
    if seen[-1] == 0xE8:
        return True
    if seen[-1] & 0xC7 != 0x05:
        return False
    if len(seen) >= 3 and seen[-3] == 0x0F:
        return seen[-2] & 0xF0 != 0x80
    return (
        (len(seen) >= 2 and seen[-2] in COMMON)
        or (len(seen) >= 4 and seen[-4] == 0x0F and seen[-3] in (0x38, 0x3A))
        or (len(seen) >= 4 and seen[-4] == 0xC5)
        or (len(seen) >= 5 and seen[-5] == 0xC4)
    )
