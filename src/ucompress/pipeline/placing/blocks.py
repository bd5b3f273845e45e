"""Packs literal runs into blocks, in order, before anything is coded."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from ucompress.pipeline.placing.looks import check_of, checks_of
from ucompress.pipeline.placing.planned import Kind
from ucompress.spill import IN_MEMORY, Growing, Spill

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ucompress.pipeline.placing.looks import Window
    from ucompress.pipeline.placing.parameters import PlanParameters


class BlockPacker:
    """Fills one block after the other; what it decides depends on what came before only.

    A block ends when it has reached its target, when the next content is of another kind, or when that
    content would be split and does better in a block of its own. The target is the large one while the
    bytes in the block repeat much on average; dense and monotonous contents have targets of their own.

    Attributes:
        run_content, run_offset, run_length, run_check: the runs so far, block after block.
        block_start: for each block the number of its first run.
    """

    def __init__(self, parameters: PlanParameters, spill: Spill = IN_MEMORY) -> None:
        """Begin with no block; sizes come from `parameters`, `spill` keeps the columns."""
        self._small = parameters.block_target
        self._large = parameters.large_block_target
        self._large_from = parameters.large_from
        self._special: dict[int, int] = {
            Kind.DENSE: parameters.dense_block_target,
            Kind.MONOTONOUS: parameters.monotonous_block_target,
        }
        self._whole = parameters.whole
        self._runs = 0
        self._fill = 0
        self._repeats = 0
        self._target = 0
        self._kind: int = Kind.USUAL
        self.run_content = Growing("I", spill)
        self.run_offset = Growing("q", spill)
        self.run_length = Growing("I", spill)
        self.run_check = Growing("Q", spill)
        self.block_start = array("I")

    def _target_of(self, size: int, repeats: int, kind: int) -> int:
        """The target of a block whose `size` bytes, of one kind, have repeats of that sum."""
        special = self._special.get(kind)
        if special is not None:
            return special
        return self._large if repeats >= size * self._large_from else self._small

    def _joined_target(self, size: int, repeats: int) -> int:
        """The open block's target if `size` bytes more of its kind join it."""
        return self._target_of(self._fill + size, self._repeats + size * repeats, self._kind)

    def _joining(self, size: int, repeats: int, kind: int) -> int:
        """The open block's target if `size` bytes more join it; 0 where they should start one."""
        if not self.block_start or kind != self._kind:
            return 0
        target = self._joined_target(size, repeats)
        if self._fill >= target:
            return 0
        if self._fill + size > target >= size and (size < self._whole or self._fill * 4 >= target * 3):
            return 0
        return target

    def span(self, size: int, repeats: int, kind: int) -> range:
        """The blocks that `size` literal bytes would stand in if they were placed now."""
        if size == 0:
            return range(0)
        last = len(self.block_start) - 1
        target = self._target_of(1, repeats, kind)
        if not self._joining(size, repeats, kind):
            return range(last + 1, last + 1 - (-size // target))
        rest = max(self._fill + size - self._joined_target(size, repeats), 0)
        return range(last, last + 1 - (-rest // target))

    def place_whole(
        self, contents: Sequence[int], windows: Sequence[Window], repeats: Sequence[int], kinds: Sequence[int]
    ) -> tuple[list[int], list[int]]:
        """Store whole contents as one run each, where `place` would, up to one that is empty or to split.

        Returns:
            The block of each, and its offset there.
        """
        sizes = list(map(len, windows))
        blocks: list[int] = []
        offsets: list[int] = []
        for size, repeat, kind in zip(sizes, repeats, kinds, strict=True):
            target = self._joining(size, repeat, kind)
            if not target:
                if not 0 < size <= self._target_of(1, repeat, kind):
                    break
                self._open(repeat, kind)
            elif not 0 < size <= target - self._fill:
                break
            else:
                self._target = target
            blocks.append(len(self.block_start) - 1)
            offsets.append(self._fill)
            self._fill += size
            self._repeats += size * repeat
            self._runs += 1
        stored = len(blocks)
        self.run_content.tail.extend(contents[:stored])
        self.run_offset.tail.extend(bytes(stored))
        self.run_length.tail.extend(sizes[:stored])
        self.run_check.tail.extend(checks_of(windows[:stored]))
        return blocks, offsets

    def place(
        self, content: int, base: int, data: Window, runs: list[tuple[int, int]], repeats: int, kind: int
    ) -> list[tuple[int, int, int, int]]:
        """Store bytes of a content.

        Args:
            content: its ordinal.
            base: offset of `data` within it.
            data: a window of the content.
            runs: (start, length) of what is to be stored, within `data`, in order.
            repeats: how much its bytes repeat, as in `Content`.
            kind: its `Kind`.

        Returns:
            (start, length, block, offset in the block) of each piece, in order.
        """
        size = runs[0][1] if len(runs) == 1 else sum(length for _, length in runs)
        placed: list[tuple[int, int, int, int]] = []
        if not size:
            return placed
        self._target = self._joining(size, repeats, kind)
        if not self._target:
            self._open(repeats, kind)
        for start, length in runs:
            end = start + length
            while start < end:
                if self._fill >= self._target:
                    self._open(repeats, kind)
                taken = min(end - start, self._target - self._fill)
                self.run_content.tail.append(content)
                self.run_offset.tail.append(base + start)
                self.run_length.tail.append(taken)
                self.run_check.tail.append(check_of(data, start, taken))
                placed.append((start, taken, len(self.block_start) - 1, self._fill))
                self._fill += taken
                self._repeats += taken * repeats
                self._runs += 1
                start += taken
        return placed

    def settle(self) -> None:
        """Move what is known of the runs to files if it is much."""
        for column in (self.run_content, self.run_offset, self.run_length, self.run_check):
            column.settle()

    def _open(self, repeats: int, kind: int) -> None:
        self.block_start.append(self._runs)
        self._fill = 0
        self._repeats = 0
        self._target = self._target_of(1, repeats, kind)
        self._kind = kind
