"""Numbers of any size as bytes: base 128, least significant group first (format section 1)."""

from __future__ import annotations


def write_varint(value: int) -> bytes:
    """A number that is not negative: seven bits a byte, the high bit set in all bytes but the last."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
