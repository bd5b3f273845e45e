"""Coding of what all members share: dictionary, index pages, directory; always without a dictionary."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from ucompress.archive.format.layout import CODED_SLACK
from ucompress.codec.block import BlockCompressor, BlockDecompressor, compressor_memory
from ucompress.codec.filters import split_id
from ucompress.codec.levels import MIX, estimating_level, shared_level
from ucompress.codec.proving import ProvingCompressor
from ucompress.errors import CorruptArchiveError

if TYPE_CHECKING:
    from ucompress.codec.priming import Primed

_PAGE_BYTES, _PAGE_COLUMNS_BYTES = 1 << 20, 16 << 20
"""A page of the index before it is coded, and what it is made from."""


@cache
def _compressor(level: int, *, pages: bool) -> ProvingCompressor:
    return ProvingCompressor(BlockCompressor(level, pages=pages))


@cache
def _estimating_compressor(level: int) -> BlockCompressor:
    return BlockCompressor(level)


@cache
def _decompressor() -> BlockDecompressor:
    return BlockDecompressor()


def code_shared(data: bytes, level: int) -> tuple[int, bytes]:
    """Codec id and coded bytes of an index page or the directory of an archive of a level."""
    return _compressor(shared_level(level), pages=True).compress(data)


def code_dictionary(dictionary: bytes, level: int) -> tuple[int, bytes]:
    """Codec id and coded bytes of the dictionary, too large for the parse that zstd has for pages."""
    return _compressor(shared_level(level), pages=False).compress(dictionary)


def size_estimate(data: bytes, level: int) -> int:
    """About how many bytes `code_shared` makes of some data, in a quarter of its time; good for comparing."""
    return len(_estimating_compressor(estimating_level(level)).compress(data)[1])


def release_coders() -> None:
    """Free what coding and reading dictionary and index took, tens of megabytes; made again when needed."""
    _compressor.cache_clear()
    _estimating_compressor.cache_clear()
    _decompressor.cache_clear()


def head_memory(level: int, dictionary_size: int) -> int:
    """Bytes that coding the dictionary takes at most, or else a page of the index."""
    estimating = sum(compressor_memory(estimating_level(level), 0, _PAGE_BYTES))
    page = sum(ProvingCompressor.memory(shared_level(level), 0, _PAGE_BYTES))
    dictionary = sum(ProvingCompressor.memory(shared_level(level), 0, dictionary_size))
    return max(dictionary, estimating + page + _PAGE_COLUMNS_BYTES)


def decode_shared(codec: int, coded: bytes, size: int) -> bytes:
    """The decoded bytes; the caller has compared `size` with the part's limit."""
    _check_shared(codec, coded, size)
    return _decompressor().decompress(codec, coded, size)


def decode_and_prime(codec: int, coded: bytes, size: int, level: int) -> tuple[bytes, Primed | None]:
    """The dictionary as `decode_shared` gives it, and what decodes LZ blocks with it if that saves time."""
    _check_shared(codec, coded, size)
    return _decompressor().decompress_and_prime(codec, coded, size, level)


def _check_shared(codec: int, coded: bytes, size: int) -> None:
    if len(coded) > size + CODED_SLACK:
        raise CorruptArchiveError(f"{len(coded)} coded bytes are too many for {size}")
    if split_id(codec)[0] == MIX:
        raise CorruptArchiveError("what all members share is mixed, which only blocks may be")
