"""Blocks: every codec's round trip, and every kind of damage refused."""

import random
import struct
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ucompress.codec.block import (
    BLOCK_LIMIT,
    BlockCompressor,
    BlockDecompressor,
    compressor_memory,
    decoding_memory,
    decoding_threads,
)
from ucompress.codec.levels import LZ, MIX, STORED, ZSTD, shared_level
from ucompress.errors import CorruptArchiveError, UnsupportedArchiveError

LEVELS = (1, 2, 3, 4, 6)
WORDS = [bytes(random.Random(seed).choices(b"abcdefgh ,;\n", k=9)) for seed in range(300)]


def text(seed: int, size: int) -> bytes:
    chooser = random.Random(seed)
    return b"".join(chooser.choices(WORDS, k=size // 9 + 1))[:size]


DICTIONARY = text(1, 60_000)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("dictionary", [b"", b"abc", DICTIONARY])
@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=300), st.integers(0, 40))
def test_round_trip(level, dictionary, piece, repeats):
    data = piece * repeats + DICTIONARY[5000 : 5000 + 7 * repeats]
    codec_id, payload = BlockCompressor(level, dictionary).compress(data)
    assert codec_id in (STORED, ZSTD if level <= 3 else LZ)
    assert len(payload) <= len(data)
    assert BlockDecompressor(dictionary).decompress(codec_id, payload, len(data)) == data


@pytest.mark.parametrize("level", LEVELS)
def test_dictionary_is_used_and_needed(level):
    data = text(2, 3000) + DICTIONARY[1000:9000]
    with_dictionary = BlockCompressor(level, DICTIONARY).compress(data)[1]
    without = BlockCompressor(level).compress(data)[1]
    assert len(with_dictionary) * 2 < len(without)
    with pytest.raises(CorruptArchiveError):
        BlockDecompressor().decompress(ZSTD if level <= 3 else LZ, with_dictionary, len(data))


def test_noise_is_stored():
    noise = random.Random(3).randbytes(100_000)
    assert BlockCompressor(3, DICTIONARY).compress(noise) == (STORED, noise)


@pytest.mark.parametrize("level", LEVELS)
def test_threads_change_nothing(level):
    blocks = [text(seed, 30_000 + 1000 * seed) for seed in range(24)]
    alone = [BlockCompressor(level, DICTIONARY).compress(block) for block in blocks]
    shared = BlockCompressor(level, DICTIONARY)
    reader = BlockDecompressor(DICTIONARY)
    with ThreadPoolExecutor(4) as pool:
        coded = list(pool.map(shared.compress, blocks))
        decoded = list(
            pool.map(lambda pair: reader.decompress(*pair[0], len(pair[1])), zip(coded, blocks, strict=True))
        )
    assert coded == alone
    assert decoded == blocks


@pytest.mark.parametrize("level", (1, 2, 3))
def test_damage_never_passes_as_another_size(level):
    data = text(5, 20_000)
    codec_id, payload = BlockCompressor(level, DICTIONARY).compress(data)
    reader = BlockDecompressor(DICTIONARY)
    chooser = random.Random(level)
    for _ in range(300):
        broken = bytearray(payload)
        broken[chooser.randrange(len(broken))] ^= 1 << chooser.randrange(8)
        with suppress(CorruptArchiveError):
            assert len(reader.decompress(codec_id, bytes(broken), len(data))) == len(data)
    for wrong in (payload[:-1], payload[:10], b"", payload + b"x", payload + payload):
        with pytest.raises(CorruptArchiveError):
            reader.decompress(codec_id, wrong, len(data))
    for size in (0, len(data) - 1, len(data) + 1, BLOCK_LIMIT + 1, -1):
        with pytest.raises(CorruptArchiveError):
            reader.decompress(codec_id, payload, size)


def test_limits_and_names():
    with pytest.raises(ValueError, match="level 0"):
        BlockCompressor(0)
    with pytest.raises(ValueError, match="at most"):
        BlockCompressor(1, bytes(BLOCK_LIMIT + 1))
    with pytest.raises(ValueError, match="at most"):
        BlockCompressor(1).compress(bytes(BLOCK_LIMIT + 1))
    with pytest.raises(CorruptArchiveError):
        BlockDecompressor(bytes(BLOCK_LIMIT + 1))
    with pytest.raises(UnsupportedArchiveError):
        BlockDecompressor().decompress(9, b"x", 1)
    with pytest.raises(CorruptArchiveError):
        BlockDecompressor().decompress(STORED, b"x", 2)
    assert BlockDecompressor().decompress(STORED, memoryview(b"xy"), 2) == b"xy"


def test_mixed_blocks_of_another_level_are_refused():
    data = text(7, 2000)
    codec_id, payload = BlockCompressor(8).compress(data)
    assert BlockDecompressor(level=8).decompress(codec_id, payload, len(data)) == data
    for broken in (payload, b"", b"\x05" + payload[1:]):
        with pytest.raises(CorruptArchiveError, match="mixed"):
            BlockDecompressor(level=7).decompress(codec_id, broken, len(data))
    with pytest.raises(CorruptArchiveError, match="level 5"):
        BlockDecompressor().decompress(codec_id, b"\x05" + payload[1:], len(data))


@pytest.mark.parametrize("level", [3, 6, 8])
def test_damage_is_told_in_one_sentence(level):
    """Who asked for the block says that it is damaged; what is said here is why."""
    data = text(7, 20_000)
    codec_id, payload = BlockCompressor(level).compress(data)
    broken = payload[:1000] + bytes(len(payload) - 1000)
    with pytest.raises(CorruptArchiveError) as raised:
        BlockDecompressor(level=level).decompress(codec_id, broken, len(data))
    assert str(raised.value).count("damaged") == 1


def test_a_mixed_block_may_be_stored():
    for level in (None, 7):
        reader = BlockDecompressor(level=level)
        assert reader.decompress(MIX, b"\0abc", 3) == b"abc"
        for broken in (b"\0abc", b"\x10abc"):
            with pytest.raises(CorruptArchiveError, match="mixed"):
                reader.decompress(MIX, broken, 2)


@pytest.mark.parametrize("level", [1, 3, 4, 6, 7, 8])
def test_a_block_can_be_decoded_in_part(level):
    data, reader = text(8, 30_000), BlockDecompressor(DICTIONARY, level)
    codec_id, payload = BlockCompressor(level, DICTIONARY).compress(data)
    for first in (0, 1, 17, 9000, 29_999, 30_000, 40_000, None):
        part = reader.decompress(codec_id, payload, len(data), first=first)
        assert part == (data if first is None else data[:first])
    with pytest.raises(CorruptArchiveError, match="damaged"):
        reader.decompress(codec_id, payload[:40], len(data), first=29_000)


def test_a_filtered_block_is_decoded_whole():
    records = b"".join(struct.pack("<IHHd", 7 * k, k % 5, 3, k / 8) for k in range(4000))
    codec_id, payload = BlockCompressor(6).compress(records)
    assert codec_id >> 4
    assert BlockDecompressor().decompress(codec_id, payload, len(records), first=10) == records


@pytest.mark.parametrize("level", range(1, 10))
def test_shared_data(level):
    data = text(7, 200_000)
    codec_id, payload = BlockCompressor(shared_level(level)).compress(data)
    assert codec_id == (ZSTD if level <= 3 else LZ)
    assert len(payload) * 2 < len(data)
    assert BlockDecompressor().decompress(codec_id, payload, len(data)) == data


@pytest.mark.parametrize("level", range(1, 10))
@pytest.mark.parametrize("size", [0, 100_000])
def test_memory_is_told(level, size):
    shared, each = compressor_memory(level, size, 1 << 20)
    assert shared >= size
    assert 1 << 20 < each < 1 << 27
    one = decoding_memory(level, size, 1 << 20)
    assert one > size
    assert decoding_threads(one - 1, level, size, 1 << 20) == decoding_threads(one, level, size, 1 << 20) == 1
    assert decoding_threads(2 * one, level, size, 1 << 20) >= 2
    assert 64 <= decoding_threads(64 * one, level, size, 1 << 20) < 64 * one >> 21
