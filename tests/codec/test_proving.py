"""Payloads that do not give their bytes back are found out before they are used."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import create_machine_code
from ucompress._core import Encoder
from ucompress.codec import lz
from ucompress.codec.block import (
    BlockCompressor,
    BlockDecompressor,
    Reference,
    compressor_memory,
    shared_decoding_memory,
)
from ucompress.codec.levels import LZ, MIX, STORED, ZSTD
from ucompress.codec.proving import CODERS_FOR_A_DECODER, Proof, ProvingCompressor
from ucompress.errors import CorruptArchiveError

TEXT = b"the same words again and again, and then some others; " * 40


@pytest.mark.parametrize("level", [1, 3, 4, 6, 7, 9])
@pytest.mark.parametrize("dictionary", [b"", TEXT[:700]])
def test_what_a_sound_codec_codes_stays_as_it_is(level: int, dictionary: bytes) -> None:
    compressor = ProvingCompressor.for_level(level, dictionary)
    expected = BlockCompressor(level, dictionary).compress(TEXT)
    assert compressor.prove(TEXT) == (*expected, Proof.UNTRIED if expected[0] == MIX else Proof.DECODED)
    assert compressor.compress(TEXT) == expected
    assert compressor.prove(b"") == (STORED, b"", Proof.DECODED)


class Faulty(BlockCompressor):
    """Codes other bytes than those it is given."""

    def compress(self, data, reference=None):
        return super().compress(data[:-1] + b"?", reference)


class Garbled(BlockCompressor):
    """Hands out payloads that no decoder takes."""

    def compress(self, data, reference=None):
        codec_id, payload = super().compress(data, reference)
        return codec_id, payload[: len(payload) // 2]


@pytest.mark.parametrize(("level", "codec_id"), [(3, ZSTD), (6, LZ)])
@pytest.mark.parametrize("kind", [Faulty, Garbled])
def test_what_does_not_give_its_bytes_back_is_stored(level, codec_id, kind) -> None:
    assert kind(level).compress(TEXT)[0] == codec_id
    assert ProvingCompressor(kind(level)).prove(TEXT) == (STORED, TEXT, Proof.FAILED)


def test_mixed_blocks_are_taken_untried() -> None:
    codec_id, payload = Garbled(8).compress(TEXT)
    assert codec_id == MIX
    assert ProvingCompressor(Garbled(8)).prove(TEXT) == (MIX, payload, Proof.UNTRIED)


@pytest.mark.parametrize("kind", [BlockCompressor, Faulty, Garbled])
def test_a_block_after_another_is_proven_through_it(kind) -> None:
    codec_id, payload = BlockCompressor(6).compress(TEXT)
    reference = Reference(codec_id, payload, len(TEXT))
    found = ProvingCompressor(kind(6)).prove(TEXT, reference)
    if kind is BlockCompressor:
        assert found == (*BlockCompressor(6).compress(TEXT, reference), Proof.DECODED)
        assert len(found[1]) < len(payload)
        assert BlockDecompressor().decompress(*found[:2], len(TEXT), reference) == TEXT
    else:
        assert found == (STORED, TEXT, Proof.FAILED)


@pytest.mark.parametrize("level", [3, 6])
def test_a_reference_of_another_codec_is_left_out(level) -> None:
    compressor = BlockCompressor(level)
    codec_id, payload = compressor.compress(TEXT)
    other = Reference(ZSTD + LZ - codec_id, payload, len(TEXT))
    assert compressor.compress(TEXT, other) == (codec_id, payload)
    with pytest.raises(CorruptArchiveError, match="cannot have one of codec"):
        BlockDecompressor().decompress(codec_id, payload, len(TEXT), other)
    with pytest.raises(CorruptArchiveError, match="cannot have one of codec"):
        BlockDecompressor().decompress(STORED, TEXT, len(TEXT), other)


@pytest.mark.parametrize("level", [1, 6, 8])
def test_memory_covers_both_ways(level: int) -> None:
    shared, each = ProvingCompressor.memory(level, 1 << 20, 1 << 20)
    assert shared >= 1 << 20
    assert each > 2 << 20


def test_filtered_blocks_may_refer_to_each_other() -> None:
    code, other = create_machine_code(40_000, seed=1), create_machine_code(40_000, seed=2)
    compressor = ProvingCompressor.for_level(6)
    codec_id, payload, _ = compressor.prove(code)
    reference = Reference(codec_id, payload, len(code))
    assert codec_id == LZ | 1 << 4
    for data in (code, other, TEXT):
        found, coded, proof = compressor.prove(data, reference)
        assert proof is Proof.DECODED and reference.serves(found)
        assert BlockDecompressor().decompress(found, coded, len(data), reference) == data


@pytest.mark.parametrize(("threads", "decoders"), [(1, 1), (3, 1), (9, 3)])
def test_few_threads_decode_at_the_same_time(threads: int, decoders: int, monkeypatch) -> None:
    compressor = ProvingCompressor.for_level(4)
    at_once, most, lock = 0, 0, threading.Lock()
    decompress = BlockDecompressor.decompress

    def counted(*arguments):
        nonlocal at_once, most
        with lock:
            at_once += 1
            most = max(most, at_once)
        try:
            return decompress(*arguments)
        finally:
            with lock:
                at_once -= 1

    monkeypatch.setattr(BlockDecompressor, "decompress", counted)
    with ThreadPoolExecutor(threads) as executor:
        found = list(executor.map(compressor.prove, [TEXT + bytes([n]) for n in range(60)]))
    assert found == [(*BlockCompressor(4).compress(TEXT + bytes([n])), Proof.DECODED) for n in range(60)]
    assert 1 <= most <= decoders


def test_memory_of_one_decoder_serves_few_threads() -> None:
    coders = compressor_memory(6, 1 << 20, 1 << 20, 1 << 20)
    primed, decoder = shared_decoding_memory(6, 1 << 20, 1 << 20, 1 << 20)
    shared, each = ProvingCompressor.memory(6, 1 << 20, 1 << 20, 1 << 20)
    assert shared == coders[0] + primed + decoder
    assert each == coders[1] + decoder // CODERS_FOR_A_DECODER


def test_a_context_has_room_for_the_references_that_will_come(monkeypatch) -> None:
    made = []

    def encoder(primed, block, reference):
        made.append((block, reference))
        return Encoder(primed, block, reference)

    monkeypatch.setattr(lz, "Encoder", encoder)
    first = BlockCompressor(6).compress(TEXT)
    reference = Reference(*first, len(TEXT))
    for largest, rooms in ((0, [(1 << 20, 0), (1 << 20, 1 << 20)]), (len(TEXT), [(1 << 20, 1 << 20)])):
        compressor = BlockCompressor(6, b"", largest)
        made.clear()
        assert compressor.compress(TEXT) == first
        payload = compressor.compress(TEXT, reference)
        assert made == rooms
        assert BlockDecompressor().decompress(*payload, len(TEXT), reference) == TEXT
