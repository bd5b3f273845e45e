"""Writing where files' contents are: the other side of `places`."""

from __future__ import annotations

from collections.abc import Sequence

from ucompress.archive.columns import write_column, zigzag
from ucompress.archive.entry import HOLE
from ucompress.archive.places import (
    AFTER,
    BEFORE,
    EMPTY,
    EXPLICIT,
    FOLLOWS,
    IN_BLOCK,
    IS_HOLE,
    NEXT_BLOCK,
    SAME_BASE,
    SAME_SUFFIX,
    TWIN,
    base_name,
    suffix_of,
)

_BLOCK = 32
"""A place as one integer: block << 32 | offset."""


class PlaceWriter:
    """Turns the extents of a page's files into columns; files are added in order."""

    def __init__(self) -> None:
        """Start a page."""
        self._number = 0  # extents so far
        self._block = 0  # that of the extent before
        self._end = 0  # place where it ends
        self._by_base: dict[bytes, int] = {}
        self._by_suffix: dict[bytes, int] = {}
        self._by_block: dict[int, int] = {}
        self._end_at: dict[int, int] = {}
        self._start_at: dict[int, int] = {}
        self._owners: dict[int, int] = {}
        self._content_end: dict[int, int] = {}
        self._twin_distance = 1
        self._shapes: list[int] = []
        self._twin_column: list[int] = []
        self._sizes: list[int] = []
        self._codes: list[int] = []
        self._lengths: list[int] = []
        self._distances: list[int] = []
        self._block_steps: list[int] = []
        self._offsets: list[int] = []

    def add(self, path: bytes, content: int, extents: Sequence[tuple[int, int, int]]) -> None:
        """Take the next file.

        Parameters:
            path: its path.
            content: a number that it shares with the files of the same content; -1 if it is empty.
            extents: (block, offset, length) of what its content is made of.
        """
        if content < 0:
            self._shapes.append(EMPTY)
            return
        base = base_name(path)
        suffix = suffix_of(base)
        number = len(self._shapes)
        twin = self._owners.get(content)
        self._owners[content] = number
        if twin is not None:
            self._shapes.append(TWIN)
            distance = number - twin
            self._twin_column.append(0 if distance == self._twin_distance else distance)
            self._twin_distance = distance
        else:
            self._shapes.append(len(extents) + 1)
            size = 0
            for extent in extents:
                size += extent[2]
                self._lengths.append(extent[2])
                if extent[0] == HOLE:
                    self._codes.append(IS_HOLE)
                else:
                    self._content_end[content] = self._place(*extent, base, suffix)
            self._lengths.pop()
            self._sizes.append(size)
        end = self._content_end.get(content)
        if end is not None:
            self._by_base[base] = self._by_suffix[suffix] = end

    def _place(self, block: int, offset: int, length: int, base: bytes, suffix: bytes) -> int:
        """Choose the code for one extent, the first rule that foresees it; where the extent ends."""
        start = block << _BLOCK | offset
        end = start + length
        number = self._number
        if start == self._end:
            code = FOLLOWS
        elif start == self._by_base.get(base):
            code = SAME_BASE
        elif start == self._by_suffix.get(suffix):
            code = SAME_SUFFIX
        elif start == (self._block + 1) << _BLOCK:
            code = NEXT_BLOCK
        elif start == self._by_block.get(block, block << _BLOCK):
            code = IN_BLOCK
            self._block_steps.append(zigzag(block - self._block))
        elif start in self._end_at:
            code = AFTER
            self._distances.append(number - self._end_at[start])
        elif end in self._start_at:
            code = BEFORE
            self._distances.append(number - self._start_at[end])
        else:
            code = EXPLICIT
            self._block_steps.append(zigzag(block - self._block))
            self._offsets.append(offset)
        self._codes.append(code)
        self._end_at[end] = self._start_at[start] = number
        self._number = number + 1
        self._block = block
        self._end = self._by_block[block] = end
        return end

    def to_bytes(self) -> bytes:
        """The columns of format section 6.6."""
        columns = (
            self._shapes, self._twin_column, self._sizes, self._codes, self._lengths,
            self._distances, self._block_steps, self._offsets,
        )  # fmt: skip
        return b"".join(map(write_column, columns))
