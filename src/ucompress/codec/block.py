"""One block in, one payload out: which filter and codec, and back again under fixed limits."""

from __future__ import annotations

import threading
from typing import NamedTuple, Protocol

from ucompress.codec.filters import (
    FILTER_SHIFT,
    NONE,
    SCRATCH_MEMORY,
    TABLE_MEMORY,
    FilterChooser,
    read_filter,
    split_id,
)
from ucompress.codec.levels import DICTIONARY_LIMIT, LEVELS, LZ, MIX, REFERRING, STORED, ZSTD, codec_of
from ucompress.codec.lz import LzCompressor, LzDecompressor
from ucompress.codec.mix import MixCompressor, MixDecompressor
from ucompress.codec.priming import Primed, primed_for, primed_on_the_way
from ucompress.codec.zstd import PAGES, FrameCompressor, FrameDecompressor
from ucompress.errors import CorruptArchiveError, UnsupportedArchiveError

_FILTER_PRICES = {ZSTD: 5, LZ: 3, MIX: 5}
"""How many targets a branch filter must find for each repeat that it breaks, for each codec."""

BLOCK_LIMIT = 8 << 20
"""The largest decoded block, in bytes: a decoder never allocates more for one."""


class Reference(NamedTuple):
    """A block that was coded without a reference, as the further past of another one.

    Attributes:
        codec_id: how it is coded.
        payload: its coded bytes.
        size: its decoded bytes.
    """

    codec_id: int
    payload: bytes
    size: int

    @property
    def coded(self) -> bytes | memoryview:
        """What its codec coded: the payload without its filter's parameters."""
        return read_filter(split_id(self.codec_id)[1], self.payload)[1]

    def serves(self, codec_id: int) -> bool:
        """Whether a block of a codec may have it as its past."""
        return can_refer(codec_id, self.codec_id)


def can_refer(codec_id: int, reference_codec_id: int) -> bool:
    """Whether a block of one codec may have one of another as its reference; filters do not matter."""
    codec, _ = split_id(codec_id)
    return codec == split_id(reference_codec_id)[0] and codec in REFERRING


class _Coder(Protocol):
    def compress(self, data: bytes | memoryview) -> bytes: ...


class _Decoder(Protocol):
    def decompress(self, frame: bytes | memoryview, size: int, first: int | None = None) -> bytes: ...


class BlockCompressor:
    """Codes blocks, each alone or after one other; one object serves any number of threads.

    Args:
        level: one of `LEVELS`, which name its codec.
        dictionary: bytes that every block may refer to; empty for none.
        largest_reference: bytes of the largest reference that is expected; 0 for none.
        pages: with zstd, code index pages: smaller, and slower, than blocks.
    """

    def __init__(
        self, level: int, dictionary: bytes = b"", largest_reference: int = 0, *, pages: bool = False
    ) -> None:
        """Prepare the level's codec; ValueError for a level that does not exist."""
        if len(dictionary) > DICTIONARY_LIMIT:
            raise ValueError(f"a dictionary has at most {DICTIONARY_LIMIT} bytes, not {len(dictionary)}")
        self._codec, self._coder = _make_coder(level, dictionary, largest_reference, pages=pages)
        self._filters = FilterChooser(dictionary, _FILTER_PRICES[self._codec], self._coder.compress)

    def compress(self, data: bytes | memoryview, reference: Reference | None = None) -> tuple[int, bytes]:
        """Code one block.

        Args:
            data: at most `BLOCK_LIMIT` bytes.
            reference: its further past, if any; what does not serve this codec is left out.

        Returns:
            Codec id, with the filter's, and payload: a function of data, reference, level and dictionary
            alone; stored where coding gains nothing. The reference is needed to decode it where it
            `serves` that codec.
        """
        if len(data) > BLOCK_LIMIT:
            raise ValueError(f"a block has at most {BLOCK_LIMIT} bytes, not {len(data)}")
        chosen, coder = self._filters.choose(data), self._coder
        filtered = chosen.apply(data)
        if reference is not None and isinstance(coder, LzCompressor) and reference.serves(self._codec):
            payload = chosen.parameters + coder.compress(filtered, (reference.coded, reference.size))
        else:
            payload = chosen.parameters + coder.compress(filtered)
        if len(payload) >= len(data):
            return STORED, bytes(data)
        return self._codec | chosen.id << FILTER_SHIFT, payload


def compressor_memory(
    level: int, dictionary_size: int, block_size: int, reference_size: int = 0
) -> tuple[int, int]:
    """Bytes that coding at a level takes: what all threads share, and what each takes for itself.

    Args:
        level: 1 to 9.
        dictionary_size: bytes of the dictionary.
        block_size: bytes of the largest block.
        reference_size: bytes of the largest reference; 0 without any.
    """
    codec = codec_of(level)
    if codec == LZ:
        shared, each = LzCompressor.memory(level, dictionary_size, block_size, reference_size)
    else:
        coder = MixCompressor if codec == MIX else FrameCompressor
        shared, each = coder.memory(level, dictionary_size, block_size)
    return shared + TABLE_MEMORY, each + SCRATCH_MEMORY + block_size


def decoding_memory(level: int, dictionary_size: int, block_size: int, reference_size: int = 0) -> int:
    """Bytes that decoding one block of a level, and its reference, takes in one thread."""
    return sum(shared_decoding_memory(level, dictionary_size, block_size, reference_size))


def decoding_threads(
    bound: int, level: int, dictionary_size: int, block_size: int, reference_size: int = 0
) -> int:
    """How many threads may decode blocks of a level at the same time.

    Args:
        bound: bytes that all of them take together at most; what they share counts once.
        level, dictionary_size, block_size, reference_size: as of `decoding_memory`.

    Returns:
        One at least: that one block is not too much, its reader sees to.
    """
    shared, each = shared_decoding_memory(level, dictionary_size, block_size, reference_size)
    return max(1, (bound - shared) // each)


def shared_decoding_memory(
    level: int, dictionary_size: int, block_size: int, reference_size: int
) -> tuple[int, int]:
    """Bytes that all decoding threads share, and what each takes for itself, two blocks included."""
    return _shared_decoding_memory(codec_of(level), level, dictionary_size, block_size, reference_size)


def _shared_decoding_memory(
    codec: int, level: int, dictionary_size: int, block_size: int, reference_size: int
) -> tuple[int, int]:
    """The same by codec; the level matters to mixed blocks only."""
    if codec == MIX:
        shared, each = MixDecompressor.memory(level, dictionary_size, block_size)
    elif codec == LZ:
        shared, each = LzDecompressor.memory(dictionary_size, block_size, reference_size)
    else:
        shared, each = FrameDecompressor.memory(dictionary_size, block_size)
    return shared, each + 2 * block_size


def memory_of_codec(
    codec_id: int, level: int, dictionary_size: int, block_size: int, reference_size: int = 0
) -> int:
    """`decoding_memory` of a block of whatever codec, in an archive of a level; 0 for what is not decoded."""
    codec, _ = split_id(codec_id)
    if codec not in (ZSTD, LZ, MIX):
        return 0
    if codec == MIX and (level not in LEVELS or codec_of(level) != MIX):
        return 0
    return sum(_shared_decoding_memory(codec, level, dictionary_size, block_size, reference_size))


class BlockDecompressor:
    """Decodes blocks of any codec; one object serves any number of threads.

    Args:
        dictionary: the bytes that the blocks were coded with.
        level: the level that mixed blocks must have, so that the models of one suffice; None for any.
        largest_reference: bytes of the largest reference that is expected; 0 for none.
        primed: the dictionary made ready for LZ blocks, as `decompress_and_prime` gives it, if it is.
    """

    def __init__(
        self,
        dictionary: bytes = b"",
        level: int | None = None,
        largest_reference: int = 0,
        primed: Primed | None = None,
    ) -> None:
        """Decoders are made when the first block asks for one."""
        if len(dictionary) > DICTIONARY_LIMIT:
            raise CorruptArchiveError(
                f"the dictionary has {len(dictionary)} bytes; the limit is {DICTIONARY_LIMIT}"
            )
        self._dictionary = dictionary
        self._level = level
        self._largest_reference = largest_reference
        self._primed = primed
        self._decoders: dict[int, _Decoder] = {}
        self._lock = threading.Lock()

    def decompress(
        self,
        codec_id: int,
        payload: bytes | memoryview,
        decoded_size: int,
        reference: Reference | None = None,
        first: int | None = None,
    ) -> bytes:
        """The block's bytes, exactly `decoded_size` of them, or at least the `first`.

        Args:
            codec_id, payload: as `BlockCompressor.compress` gave them.
            decoded_size: bytes.
            reference: the block that it was coded after, if any.
            first: decode no further than this many bytes, where the filter allows it: damage behind them
                goes unseen. None: all.

        Raises:
            CorruptArchiveError: payload or reference is damaged, the reference is of another codec, or a
                size over the limit.
            UnsupportedArchiveError: the codec is not one of ours.
        """
        if not 0 <= decoded_size <= BLOCK_LIMIT:
            raise CorruptArchiveError(f"a block claims {decoded_size} bytes; the limit is {BLOCK_LIMIT}")
        if reference is not None and not reference.serves(codec_id):
            raise CorruptArchiveError(
                f"a block of codec {codec_id} cannot have one of codec {reference.codec_id} as its reference"
            )
        if codec_id == STORED:
            if len(payload) != decoded_size:
                raise CorruptArchiveError(
                    f"a stored block has {len(payload)} bytes where {decoded_size} are expected"
                )
            return bytes(payload)
        codec, filter_id = split_id(codec_id)
        used, coded = read_filter(filter_id, payload)
        decoder = self._decoder(codec, coded)
        if used.id != NONE or (first is not None and first >= decoded_size):
            first = None
        if reference is not None and isinstance(decoder, LzDecompressor):
            data = decoder.decompress(coded, decoded_size, first, (reference.coded, reference.size))
        else:
            data = decoder.decompress(coded, decoded_size, first)
        return used.undo(data)

    def decompress_and_prime(
        self, codec_id: int, payload: bytes | memoryview, decoded_size: int, level: int
    ) -> tuple[bytes, Primed | None]:
        """A dictionary, and what decodes LZ blocks with it; None for that where it saves no time now.

        Args:
            codec_id, payload, decoded_size: as of `decompress`, which tells of errors, too.
            level: of the blocks that the dictionary is for.
        """
        codec, filter_id = split_id(codec_id)
        if codec != LZ or filter_id != NONE or not 0 < decoded_size <= BLOCK_LIMIT:
            return self.decompress(codec_id, payload, decoded_size), None
        decoder = self._decoder(codec, payload)
        assert isinstance(decoder, LzDecompressor)
        return primed_on_the_way(decoder.pieces(payload, decoded_size), decoded_size, level)

    def forget(self) -> None:
        """Let go of what is kept of references: the next block that names one decodes it again."""
        with self._lock:
            decoders = list(self._decoders.values())
        for decoder in decoders:
            if isinstance(decoder, LzDecompressor):
                decoder.forget()

    def _decoder(self, codec_id: int, coded: bytes | memoryview) -> _Decoder:
        """The codec's decoder, made for what comes first, and once however many threads ask at a moment."""
        with self._lock:
            decoder = self._decoders.get(codec_id)
            if decoder is None:
                decoder = self._decoders[codec_id] = self._make_decoder(codec_id, coded)
            return decoder

    def _make_decoder(self, codec_id: int, coded: bytes | memoryview) -> _Decoder:
        if codec_id == ZSTD:
            return FrameDecompressor(self._dictionary, BLOCK_LIMIT)
        if codec_id == LZ:
            primed = self._primed or primed_for(self._dictionary, coded)
            return LzDecompressor(primed, self._largest_reference)
        if codec_id == MIX:
            return MixDecompressor(self._dictionary, self._level)
        raise UnsupportedArchiveError(f"a block uses codec {codec_id}, which this version does not have")


def _make_coder(level: int, dictionary: bytes, largest_reference: int, *, pages: bool) -> tuple[int, _Coder]:
    """The codec id and coder of a level."""
    codec = codec_of(level)
    if codec == ZSTD:
        return codec, FrameCompressor(PAGES if pages else level, dictionary)
    if codec == LZ:
        return codec, LzCompressor(level, dictionary, largest_reference)
    return codec, MixCompressor(level, dictionary)
