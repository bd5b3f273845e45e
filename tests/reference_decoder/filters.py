"""Section 11.1: what a filter did to a block's bytes is undone."""

from __future__ import annotations

from .conventions import Unsupported

COMMON = bytes.fromhex("03 2B 39 3B 63 80 83 89 8B 8D C6 C7")


def undo(filter_id: int, data: bytes) -> bytes:
    if filter_id == 0:
        return data
    if filter_id == 1:
        return displacements(data)
    raise Unsupported(f"filter {filter_id}")


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
