"""A decoder at work in the middle of a guarded buffer."""

from typing import Protocol

GUARD = 64
"""Bytes before and behind that must stay as they are."""


class _Decoder(Protocol):
    def decode_into(self, payload: bytes, out: memoryview) -> None: ...


def decode_guarded(decoder: _Decoder, payload: bytes, size: int) -> bytes | None:
    """What a payload decodes to, with no byte outside touched; None for damage that was noticed."""
    buffer = bytearray(b"\xa5" * (size + 2 * GUARD))
    try:
        decoder.decode_into(payload, memoryview(buffer)[GUARD : GUARD + size])
    except ValueError as error:
        assert "damaged" in str(error)
        assert buffer == b"\xa5" * len(buffer)
        return None
    assert buffer[:GUARD] == buffer[-GUARD:] == b"\xa5" * GUARD
    return bytes(buffer[GUARD : GUARD + size])
