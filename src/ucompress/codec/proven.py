"""Coding that is proven: every payload is decoded again before it is used.

An archive may become the only copy of its files. A defect of a codec, or of the machine's
memory, is then found while the bytes are still there, and the block is stored as it is.
Decoding takes 2 to 5 % of the time of coding. Mixed blocks are not proven: one function codes and decodes
them, and doing it again would take as long as the first time.
"""

from __future__ import annotations

from ucompress.codec.block import (
    MIX,
    STORED,
    BlockCompressor,
    BlockDecompressor,
    Reference,
    coding_memory,
    decoding_memory,
)
from ucompress.codec.filters import FILTER_SHIFT
from ucompress.errors import CorruptArchiveError


class ProvenCompressor:
    """A `BlockCompressor` whose payloads have been decoded and compared; for any number of threads.

    Parameters:
        compressor: codes.
        dictionary: the dictionary it codes with.
    """

    def __init__(self, compressor: BlockCompressor, dictionary: bytes = b"") -> None:
        """Prepare the decoder beside the compressor."""
        self._compressor = compressor
        self._decompressor = BlockDecompressor(dictionary)

    @classmethod
    def for_level(cls, level: int, dictionary: bytes = b"") -> ProvenCompressor:
        """The compressor of a level, proven."""
        return cls(BlockCompressor(level, dictionary), dictionary)

    def prove(self, data: bytes, reference: Reference | None = None) -> tuple[int, bytes, bool]:
        """Code one block, after its reference if it has one.

        Returns:
            Codec id, payload, and whether the codec's payload gave the bytes back; where it did
            not, the block is stored.
        """
        codec_id, payload = self._compressor.compress(data, reference)
        if reference is not None and not reference.serves(codec_id):
            reference = None
        try:
            taken = codec_id & (1 << FILTER_SHIFT) - 1 in (STORED, MIX)
            if taken or self._decompressor.decompress(codec_id, payload, len(data), reference) == data:
                return codec_id, payload, True
        except CorruptArchiveError:
            pass
        return STORED, data, False

    def compress(self, data: bytes) -> tuple[int, bytes]:
        """Codec id and payload; stored where coding gains nothing or does not give the bytes back."""
        codec_id, payload, _ = self.prove(data)
        return codec_id, payload

    @staticmethod
    def memory(level: int, dictionary_size: int, block_size: int, reference_size: int = 0) -> tuple[int, int]:
        """Bytes that all threads share, and bytes for each thread."""
        shared, each = coding_memory(level, dictionary_size, block_size, reference_size)
        if level > 6:
            return shared, each
        return shared, each + decoding_memory(level, dictionary_size, block_size, reference_size)
