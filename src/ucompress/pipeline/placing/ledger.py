"""Where the bytes of all contents went that are planned so far."""

from __future__ import annotations

from bisect import bisect_right
from itertools import repeat
from typing import TYPE_CHECKING

from ucompress.archive.format.entry import HOLE
from ucompress.spill import IN_MEMORY, Growing, Spill

if TYPE_CHECKING:
    from collections.abc import Iterator


class Ledger:
    """The extents of all contents planned so far, in the order of planning.

    A `rank` is a content's number in that order, a `block` a block's number or `HOLE`; all else is bytes.
    """

    def __init__(self, spill: Spill = IN_MEMORY) -> None:
        """Begin with no content; `spill` keeps the columns."""
        self.first = Growing("q", spill)
        self.position = Growing("q", spill)
        self.block = Growing("q", spill)
        self.offset = Growing("q", spill)
        self.length = Growing("q", spill)

    def begin(self) -> None:
        """The next content begins."""
        self.first.tail.append(len(self.position))

    def settle(self) -> None:
        """Move what is known of contents whose extents are all known to files if it is much."""
        for column in (self.first, self.position, self.block, self.offset, self.length):
            column.settle()

    def whole(self, blocks: list[int], offsets: list[int], lengths: list[int]) -> None:
        """The next contents, which have one extent each: so many bytes at an offset of a block."""
        extents = len(self.position)
        self.first.tail.extend(range(extents, extents + len(blocks)))
        self.position.tail.extend(repeat(0, len(blocks)))
        self.block.tail.extend(blocks)
        self.offset.tail.extend(offsets)
        self.length.tail.extend(lengths)

    def append(self, position: int, block: int, offset: int, length: int) -> None:
        """The next extent of the last content, at `position`; joined with the one before where they touch."""
        if (
            len(self.position) > self.first[-1]
            and self.block[-1] == block
            and (block == HOLE or self.offset[-1] + self.length[-1] == offset)
        ):
            self.length.tail[-1] += length
            return
        self.position.tail.append(position)
        self.block.tail.append(block)
        self.offset.tail.append(offset)
        self.length.tail.append(length)

    def resolve(self, rank: int, source: int, length: int) -> Iterator[tuple[int, int, int]]:
        """(block, offset, length) of the bytes of content number `rank` from `source` on."""
        last = self.first[rank + 1] if rank + 1 < len(self.first) else len(self.position)
        i = bisect_right(self.position, source, self.first[rank], last) - 1
        end = source + length
        while source < end:
            skipped = source - self.position[i]
            taken = min(self.length[i] - skipped, end - source)
            yield self.block[i], 0 if self.block[i] == HOLE else self.offset[i] + skipped, taken
            source += taken
            i += 1
