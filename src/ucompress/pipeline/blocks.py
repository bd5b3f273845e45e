"""Packs literal runs into blocks, in order, before anything is coded."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from ucompress.checksum import run_check

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class BlockPacker:
    """Fills one block after the other; what it decides depends on what came before only.

    A block ends when it has reached the least target of the contents in it, when the next
    content is of the other kind (dense or not), or when that content would be split and does
    better in a block of its own.

    Attributes:
        run_content, run_offset, run_length, run_check: the runs so far, block after block.
        block_start: for each block the number of its first run.
    """

    def __init__(self, whole: int) -> None:
        """`whole` is the size in bytes below which a content is not split over blocks."""
        self._whole = whole
        self._fill = 0
        self._target = 0
        self._dense = False
        self.run_content = array("I")
        self.run_offset = array("q")
        self.run_length = array("I")
        self.run_check = array("Q")
        self.block_start = array("I")
        self._sizes = array("q")

    def _needs_new(self, size: int, target: int, dense: bool) -> bool:
        """Whether `size` bytes more should start a block."""
        if not self._sizes or dense != self._dense:
            return True
        target = min(self._target, target)
        if self._fill >= target:
            return True
        splits = self._fill + size > target >= size
        return splits and (size < self._whole or self._fill * 4 >= target * 3)

    def span(self, size: int, target: int, dense: bool) -> range:
        """The blocks that `size` literal bytes would stand in if they were placed now."""
        if size == 0:
            return range(0)
        last = len(self._sizes) - 1
        if self._needs_new(size, target, dense):
            return range(last + 1, last + 1 - (-size // target))
        rest = max(self._fill + size - min(self._target, target), 0)
        return range(last, last + 1 - (-rest // target))

    def place(
        self, content: int, base: int, data: bytes, runs: Iterable[tuple[int, int]], target: int, dense: bool
    ) -> Iterator[tuple[int, int, int, int]]:
        """Store bytes of a content.

        Args:
            content: its ordinal.
            base: offset of `data` within it.
            data: bytes of the content.
            runs: (start, length) of what is to be stored, within `data`, in order.
            target: the block size that suits this content.
            dense: whether it belongs among what is compressed already.

        Yields:
            (start, length, block, offset in the block) of each piece, in order.
        """
        runs = list(runs)
        if not runs:
            return
        if self._needs_new(sum(length for _, length in runs), target, dense):
            self._open(target, dense)
        self._target = min(self._target, target)
        view = memoryview(data)
        for start, length in runs:
            end = start + length
            while start < end:
                if self._fill >= self._target:
                    self._open(target, dense)
                taken = min(end - start, self._target - self._fill)
                self.run_content.append(content)
                self.run_offset.append(base + start)
                self.run_length.append(taken)
                self.run_check.append(run_check(view[start : start + taken]))
                yield start, taken, len(self._sizes) - 1, self._fill
                self._fill += taken
                self._sizes[-1] = self._fill
                start += taken

    def _open(self, target: int, dense: bool) -> None:
        self.block_start.append(len(self.run_content))
        self._sizes.append(0)
        self._fill = 0
        self._target = target
        self._dense = dense
