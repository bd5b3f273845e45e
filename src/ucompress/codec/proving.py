"""Coding with proof: what zstd and the LZ codec coded is decoded again before it is used.

An archive may become the only copy of its files. A defect of a codec, or of the machine's
memory, is then found while the bytes are still there, and the block is stored as it is.
Decoding takes 2 to 5 % of the time of coding; who reads the whole archive back later may leave it out.

Mixed blocks, those of levels 7 to 9, are taken unproven: decoding takes as long as coding. One function of
the kernels does both, so that a wrong model is wrong both ways and the bytes come back; a defect of the
memory is found by reading the finished archive only (`--verify`).
"""

from __future__ import annotations

import threading
from contextlib import contextmanager, nullcontext
from enum import Enum
from typing import TYPE_CHECKING

from ucompress.codec.block import (
    BlockCompressor,
    BlockDecompressor,
    Reference,
    compressor_memory,
    shared_decoding_memory,
)
from ucompress.codec.filters import split_id
from ucompress.codec.levels import LZ, MIX, STORED, ZSTD, codec_of
from ucompress.errors import CorruptArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Proof(Enum):
    """What is known of a payload before it is used."""

    DECODED = "the payload gave the bytes back, or they are stored as they are"
    UNTRIED = "the payload has not been decoded: that of a mixed block, or of one that is read back later"
    FAILED = "the codec's payload did not give the bytes back, which are stored instead"


CODERS_FOR_A_DECODER = 4
"""So many threads that code with the LZ codec ask for one decoder at a time, most of the time."""


class _Turns:
    """Lets few threads at a time decode: one, and one more for each `CODERS_FOR_A_DECODER` that code."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._coding = self._most = self._decoding = 0

    @contextmanager
    def coding(self) -> Iterator[None]:
        """Around what a thread does with a block."""
        with self._changed:
            self._coding += 1
            self._most = max(self._most, self._coding)
        try:
            yield
        finally:
            with self._changed:
                self._coding -= 1

    @contextmanager
    def decoding(self) -> Iterator[None]:
        """Around decoding it."""
        with self._changed:
            self._changed.wait_for(lambda: self._decoding <= self._most // CODERS_FOR_A_DECODER)
            self._decoding += 1
        try:
            yield
        finally:
            with self._changed:
                self._decoding -= 1
                self._changed.notify()


class ProvingCompressor:
    """A `BlockCompressor` with a decoder beside it, which proves all codecs but the mixing one.

    One object serves any number of threads.

    Args:
        compressor: codes.
        dictionary: the dictionary it codes with.
        largest_reference: bytes of the largest reference that is expected; 0 for none.
    """

    def __init__(
        self, compressor: BlockCompressor, dictionary: bytes = b"", largest_reference: int = 0
    ) -> None:
        """Prepare the decoder beside the compressor."""
        self._compressor = compressor
        self._decompressor = BlockDecompressor(dictionary, largest_reference=largest_reference)
        self._turns = _Turns()

    @classmethod
    def for_level(cls, level: int, dictionary: bytes = b"", largest_reference: int = 0) -> ProvingCompressor:
        """The compressor of a level, with what proves it."""
        return cls(BlockCompressor(level, dictionary, largest_reference), dictionary, largest_reference)

    def prove(
        self, data: bytes, reference: Reference | None = None, *, decode: bool = True
    ) -> tuple[int, bytes, Proof]:
        """Code one block, after its reference if it has one, and decode it unless it is mixed.

        Args:
            data: the block.
            reference: the block before it in the archive that it is coded after.
            decode: False for a block that is decoded later, before its bytes may be gone.

        Returns:
            Codec id, payload, and what is known of the payload.
        """
        with self._turns.coding():
            codec_id, payload = self._compressor.compress(data, reference)
            if reference is not None and not reference.serves(codec_id):
                reference = None
            codec, _ = split_id(codec_id)
            if codec == STORED:
                return codec_id, payload, Proof.DECODED
            if codec == MIX or not decode:
                return codec_id, payload, Proof.UNTRIED
            with self._turns.decoding() if codec == LZ else nullcontext():
                gives_back = self._gives_back(codec_id, payload, data, reference)
        return (codec_id, payload, Proof.DECODED) if gives_back else (STORED, data, Proof.FAILED)

    def _gives_back(self, codec_id: int, payload: bytes, data: bytes, reference: Reference | None) -> bool:
        try:
            return self._decompressor.decompress(codec_id, payload, len(data), reference) == data
        except CorruptArchiveError:
            return False

    def compress(self, data: bytes) -> tuple[int, bytes]:
        """Codec id and payload of `prove`."""
        codec_id, payload, _ = self.prove(data)
        return codec_id, payload

    @staticmethod
    def memory(level: int, dictionary_size: int, block_size: int, reference_size: int = 0) -> tuple[int, int]:
        """Bytes that all threads share, and bytes for each thread."""
        shared, each = compressor_memory(level, dictionary_size, block_size, reference_size)
        codec = codec_of(level)
        if codec == MIX:
            return shared, each
        primed, decoder = shared_decoding_memory(level, dictionary_size, block_size, reference_size)
        if codec == ZSTD:
            return shared + primed, each + decoder
        return shared + primed + decoder, each + decoder // CODERS_FOR_A_DECODER
