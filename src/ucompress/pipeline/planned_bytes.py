"""Planned blocks as bytes, before any is coded: what the dictionary is chosen from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ucompress.pipeline.contents import ContentReader
    from ucompress.pipeline.plan import Plan

SPANS_TOGETHER = 16
"""Spans of blocks, here and there in the columns, after which these are let go of."""


class PlannedBytes:
    """Reads planned blocks from the contents' files, each run checked.

    Methods raise `ContentsChangedError` where no file has a run's bytes any more.
    """

    def __init__(self, plan: Plan, read: ContentReader) -> None:
        self._plan = plan
        self._read = read
        self._held: tuple[int, bytes] = (-1, b"")
        self._spans = 0

    def whole(self, number: int) -> bytes:
        """A block's bytes; may be called by several threads."""
        return b"".join(self._read.many_matching(list(zip(*self._plan.runs(number), strict=True))))

    def span(self, number: int, offset: int, length: int) -> bytes:
        """`length` bytes of a block from `offset` on; cheap where spans come in order."""
        plan = self._plan
        self._spans += 1
        if self._spans % SPANS_TOGETHER == 0:
            plan.spill.release()
        first, last = int(plan.block_start[number]), int(plan.block_start[number + 1])
        ends = np.cumsum(plan.run_length[first:last], dtype=np.int64)
        parts = []
        for row in range(first + int(np.searchsorted(ends, offset, side="right")), last):
            begin = int(ends[row - first]) - int(plan.run_length[row])
            low, high = max(offset, begin), min(offset + length, int(ends[row - first]))
            if low >= high:
                break
            parts.append(self._run(row)[low - begin : high - begin])
        return b"".join(parts)

    def _run(self, row: int) -> bytes:
        """A run's bytes; the last one read is kept, for only a whole run can be checked."""
        if self._held[0] != row:
            plan = self._plan
            columns = (plan.run_content, plan.run_offset, plan.run_length, plan.run_check)
            content, offset, length, check = (int(column[row]) for column in columns)
            self._held = row, self._read.matching(content, offset, length, check)
        return self._held[1]
