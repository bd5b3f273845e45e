"""Payloads that do not give their bytes back are found out before they are used."""

from __future__ import annotations

import pytest

from ucompress.codec.block import LZ, MIX, STORED, ZSTD, BlockCompressor
from ucompress.codec.proven import ProvenCompressor

TEXT = b"the same words again and again, and then some others; " * 40


@pytest.mark.parametrize("level", [1, 3, 4, 6, 7, 9])
@pytest.mark.parametrize("dictionary", [b"", TEXT[:700]])
def test_a_sound_codec_is_proven(level: int, dictionary: bytes) -> None:
    compressor = ProvenCompressor.for_level(level, dictionary)
    expected = BlockCompressor(level, dictionary).compress(TEXT)
    assert compressor.prove(TEXT) == (*expected, True)
    assert compressor.compress(TEXT) == expected
    assert compressor.prove(b"") == (STORED, b"", True)


class Faulty(BlockCompressor):
    """Codes other bytes than those it is given."""

    def compress(self, data):
        return super().compress(data[:-1] + b"?")


class Garbled(BlockCompressor):
    """Hands out payloads that no decoder takes."""

    def compress(self, data):
        codec_id, payload = super().compress(data)
        return codec_id, payload[: len(payload) // 2]


@pytest.mark.parametrize(("level", "codec_id"), [(3, ZSTD), (6, LZ)])
@pytest.mark.parametrize("kind", [Faulty, Garbled])
def test_what_does_not_give_its_bytes_back_is_stored(level, codec_id, kind) -> None:
    assert kind(level).compress(TEXT)[0] == codec_id
    assert ProvenCompressor(kind(level)).prove(TEXT) == (STORED, TEXT, False)


def test_mixed_blocks_are_taken_as_they_are() -> None:
    codec_id, payload = Garbled(8).compress(TEXT)
    assert codec_id == MIX
    assert ProvenCompressor(Garbled(8)).prove(TEXT) == (MIX, payload, True)


@pytest.mark.parametrize("level", [1, 6, 8])
def test_memory_covers_both_ways(level: int) -> None:
    shared, each = ProvenCompressor.memory(level, 1 << 20, 1 << 20)
    assert shared >= 1 << 20
    assert each > 2 << 20
