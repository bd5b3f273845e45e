"""Coding of what all members share: dictionary, index pages, directory; always without a dictionary."""

from __future__ import annotations

from functools import cache

from ucompress.archive.layout import CODED_SLACK
from ucompress.codec.block import MIX, SHARED_LEVEL, BlockCompressor, BlockDecompressor, coding_memory
from ucompress.codec.proven import ProvenCompressor
from ucompress.errors import CorruptArchiveError

_QUICK_LEVEL = 4

_PAGE_BYTES, _PAGE_COLUMNS_BYTES = 1 << 20, 16 << 20
"""A page of the index before it is coded, and what it is made from."""


@cache
def _compressor(level: int = SHARED_LEVEL) -> ProvenCompressor:
    return ProvenCompressor.for_level(level)


@cache
def _estimating_compressor() -> BlockCompressor:
    return BlockCompressor(_QUICK_LEVEL)


@cache
def _quick_compressor(level: int) -> ProvenCompressor:
    return ProvenCompressor(BlockCompressor.for_shared(level))


@cache
def _decompressor() -> BlockDecompressor:
    return BlockDecompressor()


def code_shared(data: bytes) -> tuple[int, bytes]:
    """Codec id and coded bytes: our LZ codec where it gains, else stored."""
    return _compressor().compress(data)


def code_index(data: bytes, level: int) -> tuple[int, bytes]:
    """`code_shared` for an index page of an archive of this level; at the quick levels quicker."""
    return _compressor(_QUICK_LEVEL if level <= 3 else SHARED_LEVEL).compress(data)


def size_estimate(data: bytes) -> int:
    """About how many bytes `code_shared` makes of some data, in a quarter of its time; good for comparing."""
    return len(_estimating_compressor().compress(data)[1])


def code_dictionary(dictionary: bytes, level: int) -> tuple[int, bytes]:
    """Codec id and coded bytes of the dictionary: at the quick levels, zstd."""
    return _quick_compressor(level).compress(dictionary) if level <= 3 else code_shared(dictionary)


def release_coders() -> None:
    """Free what coding and reading dictionary and index took, tens of megabytes; made again when needed."""
    _compressor.cache_clear()
    _estimating_compressor.cache_clear()
    _quick_compressor.cache_clear()
    _decompressor.cache_clear()


def head_memory(level: int, dictionary_size: int) -> int:
    """Bytes that coding the dictionary takes at most, or else a page of the index."""
    estimating = sum(coding_memory(_QUICK_LEVEL, 0, _PAGE_BYTES))
    page = sum(ProvenCompressor.memory(_QUICK_LEVEL if level <= 3 else SHARED_LEVEL, 0, _PAGE_BYTES))
    dictionary = sum(ProvenCompressor.memory(3 if level <= 3 else SHARED_LEVEL, 0, dictionary_size))
    return max(dictionary, estimating + page + _PAGE_COLUMNS_BYTES)


def decode_shared(codec: int, coded: bytes, size: int) -> bytes:
    """The decoded bytes; the caller has compared `size` with the part's limit."""
    if len(coded) > size + CODED_SLACK:
        raise CorruptArchiveError(f"{len(coded)} coded bytes are too many for {size}")
    if codec & 15 == MIX:
        raise CorruptArchiveError("what all members share is mixed, which only blocks may be")
    return _decompressor().decompress(codec, coded, size)
