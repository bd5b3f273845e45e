"""Blocks after the planned ones, and which lost bytes of planned blocks stand there again.

A place in planned blocks is counted on one axis: their decoded bytes, end to end. What is lost there
is stored again once, whoever brings the bytes, and found again by everybody whose extents lead to it.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ucompress.archive import HOLE, Extent
from ucompress.checksum import short_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ucompress.archive import ArchiveWriter
    from ucompress.codec.proving import ProvingCompressor
    from ucompress.pipeline.placing.plan import Plan


class ExtraBlocks:
    """Fills blocks one after the other; `flush` ends the last one.

    Args:
        writer: the archive; nobody else writes blocks meanwhile.
        compressor: codes them.
        block_size: bytes of a block.
    """

    def __init__(self, writer: ArchiveWriter, compressor: ProvingCompressor, block_size: int) -> None:
        self._writer = writer
        self._compressor = compressor
        self._pending = bytearray()
        self.block_size = block_size

    def append(self, data: bytes) -> list[Extent]:
        """Store bytes behind those before; returns where they stand."""
        extents = []
        while data:
            part = data[: self.block_size - len(self._pending)]
            extents.append(Extent(self._writer.blocks, len(self._pending), len(part)))
            self._pending += part
            data = data[len(part) :]
            if len(self._pending) == self.block_size:
                self.flush()
        return extents

    def flush(self) -> None:
        """Write what is not written yet."""
        if self._pending:
            data = bytes(self._pending)
            self._pending.clear()
            self._writer.write_block(*self._compressor.compress(data), len(data), short_digest(data))


class Missing(NamedTuple):
    """Lost bytes that are not stored again yet.

    Attributes:
        offset: their place within the content that has them, too.
        begin, end: their place on the axis.
    """

    offset: int
    begin: int
    end: int

    @property
    def span(self) -> tuple[int, int]:
        """First byte within the content, and the one after the last."""
        return self.offset, self.offset + self.end - self.begin


class LostBytes:
    """The bytes of planned blocks that are lost: all runs of the contents that changed.

    Args:
        plan: what stands in the blocks.
        changed: the contents.
    """

    def __init__(self, plan: Plan, changed: Iterable[int]) -> None:
        self._plan = plan
        runs = np.isin(plan.run_content, np.fromiter(changed, np.uint32))
        ends = np.cumsum(plan.run_length, dtype=np.int64)
        sizes = plan.block_sizes
        self._block_begin = np.cumsum(sizes) - sizes
        # In the order of the axis, since runs are in the order of the blocks.
        self._end = ends[runs]
        self._begin = self._end - plan.run_length[runs]
        self._again = _Places()

    def owners(self) -> set[int]:
        """Contents that have any of these bytes."""
        plan = self._plan
        stored = np.flatnonzero(plan.extent_block >= 0)
        begin = self._block_begin[plan.extent_block[stored]] + plan.extent_offset[stored]
        end = begin + plan.extent_length[stored]
        first_after = np.searchsorted(self._begin, end)
        hit = first_after > 0
        hit[hit] = self._end[first_after[hit] - 1] > begin[hit]
        owners = np.searchsorted(plan.extent_start, stored[hit], side="right") - 1
        return set(owners.tolist())

    def missing(self, extents: Sequence[Extent]) -> list[Missing]:
        """What of a planned content is neither in its blocks nor stored again; each byte once, in order."""
        found: list[Missing] = []
        own = _Places()
        offset = 0
        for extent in extents:
            for begin, end, place in self._parts(extent):
                if place is None:
                    for first, after, known in own.over(begin, end):
                        if known is None:
                            found.append(Missing(offset + first - begin, first, after))
                    for gap in found[len(own) :]:
                        own.add(gap.begin, Extent(HOLE, 0, gap.end - gap.begin))
                offset += end - begin
        return found

    def restore(self, missing: Missing, extents: Sequence[Extent]) -> None:
        """Note where missing bytes stand now."""
        begin = missing.begin
        for extent in extents:
            self._again.add(begin, extent)
            begin += extent.length

    def mended(self, extents: Sequence[Extent]) -> tuple[Extent, ...]:
        """Where a planned content stands now that nothing of it is missing any more."""
        mended: list[Extent] = []
        for extent in extents:
            for _, _, part in self._parts(extent):
                if part is None:
                    raise ValueError("bytes of this content are still missing")
                last = mended[-1] if mended else None
                if last and part.block == last.block and part.offset == last.offset + last.length:
                    mended[-1] = last._replace(length=last.length + part.length)
                else:
                    mended.append(part)
        return tuple(mended)

    def _parts(self, extent: Extent) -> Iterator[tuple[int, int, Extent | None]]:
        """An extent as parts (begin, end, where it stands now); None for what is missing."""
        if extent.block == HOLE:
            yield 0, extent.length, extent
            return
        base = int(self._block_begin[extent.block])
        at = base + extent.offset
        end = at + extent.length
        row = int(np.searchsorted(self._end, at, side="right"))
        while at < end:
            lost = int(self._begin[row]) if row < len(self._begin) else end
            if at < lost:
                whole = min(lost, end)
                yield at, whole, Extent(extent.block, at - base, whole - at)
                at = whole
            else:
                after = min(int(self._end[row]), end)
                yield from self._again.over(at, after)
                at = after
                row += 1


class _Places:
    """Where spans of the axis stand, which do not overlap."""

    def __init__(self) -> None:
        self._begins: list[int] = []
        self._extents: list[Extent] = []

    def __len__(self) -> int:
        return len(self._begins)

    def add(self, begin: int, extent: Extent) -> None:
        row = bisect_right(self._begins, begin)
        self._begins.insert(row, begin)
        self._extents.insert(row, extent)

    def over(self, begin: int, end: int) -> Iterator[tuple[int, int, Extent | None]]:
        """The span as parts (begin, end, where it stands), None where that is not known."""
        row = max(0, bisect_right(self._begins, begin) - 1)
        while begin < end:
            known = self._begins[row] if row < len(self._begins) else end
            if begin < known:
                after = min(known, end)
                yield begin, after, None
                begin = after
                continue
            extent = self._extents[row]
            after = min(known + extent.length, end)
            if begin < after:
                skipped = begin - known
                yield begin, after, Extent(extent.block, extent.offset + skipped, after - begin)
                begin = after
            row += 1
