"""Levels 1-3: standard zstd frames that see our dictionary as raw content.

Any zstd decoder reads them, given the dictionary's bytes (`zstd -d -D FILE`). A frame tells
its content size, and carries neither a dictionary id nor a checksum: the container has
stronger ones of its own.
"""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass

from ucompress.errors import CorruptArchiveError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LIBRARY_VERSION: str = zstd.zstd_version
"""The zstd library that makes the frames: levels 1-3 promise equal bytes for one version of it."""

_HEADER_BYTES = 18  # the longest frame header
_SHORTEST_DICTIONARY = 8  # zstd ignores raw content below this


@dataclass(frozen=True, slots=True)
class Search:
    """How one level codes a block; `docs/decisions.md` has what was measured.

    Attributes:
        strategy: zstd's match finder: 3 greedy, 4 lazy, 5 lazy2, all over rows of candidates; 7 optimal,
            over trees.
        hash_log: log2 of the entries of the match finder. Its table is copied for every block,
            so that twice the entries find more and cost more.
        search_log: log2 of the candidates that are tried at a position.
        min_match: bytes of the shortest match; 6 is quicker than 5 and hardly larger where dictionary and
            block offer longer ones.
        target_length: bytes of a match that is taken without looking further.
        large_hash_log: in place of `hash_log` behind a dictionary of more than `LARGE` bytes, which needs
            more entries; None: the same.
    """

    strategy: int
    hash_log: int
    search_log: int
    min_match: int = 6
    target_length: int = 32
    large_hash_log: int | None = None

    def entries_log(self, dictionary_size: int) -> int:
        """log2 of the entries behind a dictionary of so many bytes."""
        if dictionary_size <= LARGE or self.large_hash_log is None:
            return self.hash_log
        return self.large_hash_log


LARGE = 4 << 20
"""Bytes of a dictionary of which the usual table holds enough beside those of a block."""

PAGES = 0
"""In place of a level: for index pages, some hundred kilobytes of numbers and names, without a dictionary."""

SEARCHES = {
    PAGES: Search(7, 18, 4, 3, 64),
    1: Search(3, 20, 3),
    2: Search(4, 20, 4),
    3: Search(5, 20, 5, large_hash_log=21),
}

_WINDOW_LOG = 23  # the largest block; a dictionary may lie farther back than the window


def _options(search: Search, dictionary_size: int) -> dict[int, int]:
    """The library's parameters for a level: all that matter, so that its own levels do not."""
    name = zstd.CompressionParameter
    entries_log = search.entries_log(dictionary_size)
    return {
        name.compression_level: 9,
        name.strategy: search.strategy,
        name.window_log: _WINDOW_LOG,
        name.hash_log: entries_log,
        name.chain_log: entries_log - 1,
        name.search_log: search.search_log,
        name.min_match: search.min_match,
        name.target_length: search.target_length,
        name.enable_long_distance_matching: 0,
        name.nb_workers: 0,
        name.content_size_flag: 1,
        name.checksum_flag: 0,
        name.dict_id_flag: 0,
    }


def _raw_dictionary(dictionary: bytes) -> zstd.ZstdDict | None:
    """The dictionary as the library wants it; None where there is nothing to see."""
    if len(dictionary) < _SHORTEST_DICTIONARY:
        return None
    return zstd.ZstdDict(dictionary, is_raw=True)


class FrameCompressor:
    """Makes one zstd frame per call; any number of threads may call.

    Each thread that is inside a call at the same moment has its own context. Contexts, each
    with the digested dictionary, are kept for the next call: digesting costs more than a block.

    Args:
        level: 1 to 3, or `PAGES`.
        dictionary: raw content, without a zstd dictionary header; may be empty.
    """

    def __init__(self, level: int, dictionary: bytes = b"") -> None:
        """Prepare options; contexts are made when they are needed."""
        self._options = _options(SEARCHES[level], len(dictionary))
        self._dictionary = _raw_dictionary(dictionary)
        self._idle: list[zstd.ZstdCompressor] = []
        self._lock = threading.Lock()

    def compress(self, data: bytes | memoryview) -> bytes:
        """One frame for `data`, a function of data, level and dictionary alone."""
        with self._lock:
            context = self._idle.pop() if self._idle else None
        if context is None:
            context = zstd.ZstdCompressor(options=self._options, zstd_dict=self._dictionary)
        frame = context.compress(data, zstd.ZstdCompressor.FLUSH_FRAME)
        with self._lock:
            self._idle.append(context)
        return frame

    @staticmethod
    def memory(level: int, dictionary_size: int, block_size: int) -> tuple[int, int]:
        """Bytes that all threads share, and bytes for each thread.

        Every context digests the dictionary for itself: a copy of it, and five bytes an entry of
        the match finder; as much again for the block. Measured at level 3, with a block of
        2 MiB: 28.5 MiB with 8 MiB of dictionary, 18.5 MiB with 4 MiB, 9.4 MiB without.
        """
        tables = 5 << SEARCHES[level].entries_log(dictionary_size)
        finders = 2 * tables + dictionary_size if dictionary_size else tables
        return dictionary_size, finders + 2 * block_size + (1 << 20)


class FrameDecompressor:
    """Reads frames of `FrameCompressor`; any number of threads may call.

    Args:
        dictionary: the bytes that the frames were coded with.
        limit: the largest content that is decoded, in bytes.
    """

    def __init__(self, dictionary: bytes = b"", limit: int = 8 << 20) -> None:
        """Digest the dictionary once, before threads can race for it."""
        self._limit = limit
        self._dictionary = _raw_dictionary(dictionary)
        self._options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 24}
        self._context()

    def _context(self) -> zstd.ZstdDecompressor:
        return zstd.ZstdDecompressor(zstd_dict=self._dictionary, options=self._options)

    def decompress(self, frame: bytes | memoryview, size: int, first: int | None = None) -> bytes:
        """The content of one frame, which must be exactly `size` bytes, or the `first` of them.

        Raises:
            CorruptArchiveError: the frame is damaged, has another size, or bytes behind it.
        """
        if not 0 <= size <= self._limit:
            raise CorruptArchiveError(f"a block claims {size} bytes; the limit is {self._limit}")
        try:
            info = zstd.get_frame_info(frame[:_HEADER_BYTES])
            if info.decompressed_size != size:
                raise CorruptArchiveError(
                    f"a zstd frame holds {info.decompressed_size} bytes where {size} are expected"
                )
            context = self._context()
            content = context.decompress(frame, size if first is None else first)
            if size == 0 and not context.eof:
                content += context.decompress(b"", 1)
        except zstd.ZstdError as error:
            raise CorruptArchiveError(f"the zstd frame is damaged ({error})") from error
        if first is not None and first < size:
            if len(content) == first:
                return content
        elif len(content) == size and context.eof and not context.unused_data:
            return content
        raise CorruptArchiveError(f"the zstd frame is damaged ({len(content)} of {size} bytes decode)")

    @staticmethod
    def memory(dictionary_size: int, block_size: int) -> tuple[int, int]:
        """Bytes that all decoding threads share, and bytes for each thread."""
        return dictionary_size, dictionary_size + block_size + (1 << 20)


def finalize(content: bytes, samples: list[bytes], size: int, level: int) -> bytes:
    """Raw content as a dictionary in zstd's format, of at most `size` bytes.

    Raises ValueError when the samples are too few or too small to make entropy tables from.
    """
    raw = _raw_dictionary(content)
    usable = [bytes(sample) for sample in samples if len(sample)]
    if raw is None or not usable:
        raise ValueError("no content and samples to make a zstd dictionary of")
    try:
        finished: bytes = zstd.finalize_dict(raw, usable, size, level).dict_content
    except zstd.ZstdError as error:
        raise ValueError(f"zstd cannot make a dictionary of these samples: {error}") from error
    return finished
