"""Where files' contents are: the columns of format section 6.6.

The plan puts like files together, so a file mostly starts where another one ends: the one
before it by path, the one before it of the same base name, or of the same suffix. A place
code says which; only what no rule foresees is written out.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate

from ucompress.archive.format.columns import Cursor
from ucompress.archive.format.entry import HOLE, Extent
from ucompress.archive.format.layout import BLOCKS_LIMIT, LARGEST, PAGE_EXTENTS_LIMIT, blocks_bound
from ucompress.codec.block import BLOCK_LIMIT
from ucompress.codec.unpack import place_extents, resolve_twins

FOLLOWS = 0
SAME_BASE = 1
SAME_SUFFIX = 2
NEXT_BLOCK = 3
IS_HOLE = 4
AFTER = 5
BEFORE = 6
EXPLICIT = 7
IN_BLOCK = 8

LEAST_BOUND = blocks_bound(0)
"""Every file may need as many blocks."""

Needed = Callable[[Iterable[int]], set[int]]
"""Blocks to the same with all that they refer to."""

EMPTY = 0
TWIN = 1


def base_name(path: bytes) -> bytes:
    """What follows the last `/`."""
    return path[path.rfind(b"/") + 1 :]


def suffix_of(base: bytes) -> bytes:
    """The base name from its last `.` on; empty without one."""
    dot = base.rfind(b".")
    return base[dot:] if dot >= 0 else b""


class PlaceReader:
    """Reads the columns of format section 6.6 and yields each file's extents.

    Args:
        cursor: stands at the columns; afterwards behind them.
        paths: the page's files, in order.
        needed: what is needed to decode blocks; None where each is decoded alone.
    """

    def __init__(self, cursor: Cursor, paths: list[bytes], needed: Needed | None = None) -> None:
        """Read the columns; extents are worked out when first asked for."""
        self._needed = needed
        self._cursor = cursor
        self._paths = paths
        self._shapes = cursor.column(len(paths))
        if max(self._shapes, default=0) > PAGE_EXTENTS_LIMIT + 1:
            raise cursor.fail("a file has an impossible number of extents")
        twins = cursor.column(self._shapes.count(TWIN))
        self.own_files = own = len(paths) - self._shapes.count(EMPTY) - len(twins)
        extents = sum(self._shapes) - len(twins) - own
        if extents > PAGE_EXTENTS_LIMIT:
            raise cursor.fail(f"it claims {extents} extents")
        sizes = _bounded(cursor, own, LARGEST)
        codes = _bounded(cursor, extents, IN_BLOCK)
        lengths = _bounded(cursor, extents - own, LARGEST)
        distances = _bounded(cursor, codes.count(AFTER) + codes.count(BEFORE), PAGE_EXTENTS_LIMIT)
        explicit = codes.count(EXPLICIT)
        block_steps = cursor.column(explicit + codes.count(IN_BLOCK))
        self._columns = codes, lengths, distances, block_steps, _bounded(cursor, explicit, BLOCK_LIMIT)
        self.extent_count = extents
        try:
            self.source, self.sizes = resolve_twins(self._shapes, twins, sizes)
        except ValueError as error:
            raise cursor.fail(str(error)) from error
        self._extents: list[tuple[Extent, ...]] | None = None
        self._own: list[int] | None = None

    def own_number(self, number: int) -> int:
        """Which of the files with extents of their own has file `number`'s content; -1 if it is empty."""
        origin = self.source[number]
        if self._shapes[origin] == EMPTY:
            return -1
        if self._own is None:
            has_own = (shape > TWIN for shape in self._shapes)
            self._own = list(accumulate(has_own, initial=0))
        return self._own[origin]

    @property
    def extents(self) -> list[tuple[Extent, ...]]:
        """The extents of every file of the page; worked out when first asked for."""
        if self._extents is None:
            self._extents = self._work_out()
        return self._extents

    def _work_out(self) -> list[tuple[Extent, ...]]:
        """Every file's extents. Threads that share the page may all come here: nothing but it is kept."""
        try:
            files = place_extents(
                self._paths,
                self.source,
                self.sizes,
                self._shapes,
                self._columns,
                Extent,
                BLOCKS_LIMIT,
                BLOCK_LIMIT,
            )
        except ValueError as error:
            raise self._cursor.fail(str(error)) from error
        harmless = LEAST_BOUND // 2 if self._needed else LEAST_BOUND
        if max(self._shapes, default=0) > harmless + 1:
            for number, extents in enumerate(files):
                if len(extents) > harmless:
                    self._check_bound(number, extents)
        return files

    def _check_bound(self, number: int, extents: Sequence[Extent]) -> None:
        blocks = {extent.block for extent in extents if extent.block != HOLE}
        if self._needed is not None:
            blocks = self._needed(blocks)
        if len(blocks) > blocks_bound(self.sizes[number]):
            raise self._cursor.fail(f"a file of {self.sizes[number]} bytes needs {len(blocks)} blocks")


def _bounded(cursor: Cursor, count: int, limit: int) -> array[int]:
    """A column of numbers that are all at most `limit`."""
    numbers = cursor.column(count)
    if count and max(numbers) > limit:
        raise cursor.fail(f"the number {max(numbers)} exceeds {limit}")
    return numbers
