"""Planned blocks as bytes, before any is coded: what the dictionary is chosen from."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ucompress.pipeline.placing.plan import Plan
    from ucompress.pipeline.reading.contents import ContentReader

BLOCKS_TOGETHER = 16
"""Blocks, here and there in the columns, after which these are let go of."""


class PlannedBytes:
    """Reads planned blocks from the contents' files, each run checked.

    Methods raise `ContentsChangedError` where no file has a run's bytes any more.
    """

    def __init__(self, plan: Plan, read: ContentReader) -> None:
        self._plan = plan
        self._read = read
        self._block = -1
        self._blocks = 0
        self._runs: list[tuple[int, int, int, int]] = []
        self._starts: list[int] = []
        self._held: tuple[int, bytes] = (-1, b"")

    def whole(self, number: int) -> bytes:
        """A block's bytes; may be called by several threads."""
        return b"".join(self._read.many_matching(self._runs_of(number)))

    def span(self, number: int, offset: int, length: int) -> bytes:
        """`length` bytes of a block from `offset` on; cheap where spans come in order."""
        if number != self._block:
            self._turn_to(number)
        row = bisect_right(self._starts, offset) - 1
        parts = []
        while length and row < len(self._runs):
            parts.append(self._run(row)[offset - self._starts[row] :][:length])
            offset, length, row = offset + len(parts[-1]), length - len(parts[-1]), row + 1
        return b"".join(parts)

    def _turn_to(self, number: int) -> None:
        self._blocks += 1
        if self._blocks % BLOCKS_TOGETHER == 0:
            self._plan.spill.release()
        self._block, self._runs, self._held = number, self._runs_of(number), (-1, b"")
        self._starts = list(accumulate((length for _, _, length, _ in self._runs), initial=0))

    def _runs_of(self, number: int) -> list[tuple[int, int, int, int]]:
        return list(zip(*self._plan.runs(number), strict=True))

    def _run(self, row: int) -> bytes:
        """A run of the block; the last one read is kept, for only a whole run can be checked."""
        if self._held[0] != row:
            self._held = row, self._read.matching(*self._runs[row])
        return self._held[1]
