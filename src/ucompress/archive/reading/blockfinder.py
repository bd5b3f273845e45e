"""Finds blocks and sections by their markers, where nothing else tells where they are."""

from __future__ import annotations

from collections.abc import Mapping

from ucompress.archive.format.directory import BlockTable
from ucompress.archive.format.layout import (
    BLOCK_HEADER_SIZE,
    BLOCK_MARKER,
    SECTION_MARKER,
    SUBSTITUTED,
    UNKNOWN_ID,
    BlockHeader,
    check,
)
from ucompress.archive.format.source import FileSource
from ucompress.errors import ArchiveError, CorruptArchiveError

_WINDOW = 1 << 20
_COMMON = SECTION_MARKER[:3]
_SEARCH_FREE = 256 << 20
_SEARCH_PER_BYTE = 32

Found = Mapping[int, tuple[int, BlockHeader]]
"""Blocks by number: the offset of each one's header, and the header."""


class MarkerSearch:
    """Finds section and block markers, ascending; what was read for one serves for those behind it."""

    def __init__(self, source: FileSource) -> None:
        """Nothing is read until asked for."""
        self._source = source
        self._at = 0
        self._window = b""

    def next(self, start: int) -> int:
        """Offset of the next marker from `start` on, or the end of the archive."""
        at = start
        while at < self._source.size:
            if not self._at <= at < self._at + len(self._window) - 3:
                self._at, self._window = at, self._source.read_past(at, _WINDOW)
            found = self._window.find(_COMMON, at - self._at)
            while found >= 0:
                if self._window[found : found + 4] in (SECTION_MARKER, BLOCK_MARKER):
                    return self._at + found
                found = self._window.find(_COMMON, found + 1)
            end = self._at + len(self._window)
            at = end - 3 if end < self._source.size else end
        return self._source.size


def blocks_alone(source: FileSource) -> dict[int, tuple[int, BlockHeader]]:
    """The blocks of an archive whose index is lost, and its id with it, by the check of their coded bytes.

    What looks like a header costs as many bytes of hashing as it claims: the search ends where it has cost a
    multiple of the archive.

    Raises:
        CorruptArchiveError: there is none.
    """
    markers, found = MarkerSearch(source), dict[int, tuple[int, BlockHeader]]()
    left, at = _SEARCH_FREE + _SEARCH_PER_BYTE * source.size, 0
    while left > 0 and (at := markers.next(at)) < source.size:
        try:
            block = BlockHeader.from_bytes(source.read_at(at, BLOCK_HEADER_SIZE), UNKNOWN_ID)
            left -= block.coded_size
            coded = source.read_at(at + BLOCK_HEADER_SIZE, block.coded_size)
        except ArchiveError:
            at += 1
            continue
        if check(coded, 8) == block.coded_check:
            found.setdefault(block.number, (at, block))
            at += BLOCK_HEADER_SIZE + block.coded_size
        else:
            at += 1
    if not found:
        raise CorruptArchiveError("neither the index nor a whole block is there, so nothing can be recovered")
    return found


def block_table(found: Found) -> BlockTable:
    """The table of blocks that were found, those between them left out.

    Raises:
        CorruptArchiveError: a number is beyond what so few blocks can have.
    """
    count = max(found, default=-1) + 1
    if count > 8 * len(found) + 65_536:
        raise CorruptArchiveError("block numbers are beyond all bounds")
    at, coded, decoded = [-1] * count, [0] * count, [0] * count
    flags, references = [0] * count, [0] * count
    for number, (offset, block) in found.items():
        at[number], coded[number], decoded[number] = offset, block.coded_size, block.decoded_size
        flags[number] = SUBSTITUTED if block.substituted else 0
        references[number] = block.reference
    return BlockTable.of(at, coded, decoded, flags, references)
