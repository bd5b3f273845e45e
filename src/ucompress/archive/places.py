"""Where files' contents are: the columns of format section 6.6.

The plan puts like files together, so a file mostly starts where another one ends: the one
before it by path, the one before it of the same base name, or of the same suffix. A place
code says which; only what no rule foresees is written out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from ucompress.archive.columns import Cursor, unzigzag
from ucompress.archive.entry import HOLE, Extent
from ucompress.archive.layout import BLOCKS_LIMIT, LARGEST, PAGE_EXTENTS_LIMIT, blocks_bound
from ucompress.codec.block import BLOCK_LIMIT

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

Place = tuple[int, int]

_Arguments = tuple[Iterator[int], Iterator[int], Iterator[int]]
"""What codes take besides a length: distances, steps from block to block, offsets."""

EMPTY = 0
TWIN = 1


def base_name(path: bytes) -> bytes:
    """What follows the last `/`."""
    return path[path.rfind(b"/") + 1 :]


def suffix_of(base: bytes) -> bytes:
    """The base name from its last `.` on; empty without one."""
    dot = base.rfind(b".")
    return base[dot:] if dot >= 0 else b""


class _Past:
    """What both sides know of the extents and files before the current one."""

    def __init__(self) -> None:
        self.starts: list[Place] = []
        self.ends: list[Place] = []
        self.by_base: dict[bytes, Place] = {}
        self.by_suffix: dict[bytes, Place] = {}
        self.by_block: dict[int, int] = {}

    @property
    def end(self) -> Place:
        return self.ends[-1] if self.ends else (0, 0)

    @property
    def block(self) -> int:
        return self.starts[-1][0] if self.starts else 0

    def add(self, block: int, offset: int, length: int) -> None:
        self.starts.append((block, offset))
        self.ends.append((block, offset + length))
        self.by_block[block] = offset + length

    def name(self, base: bytes, extents: Sequence[Extent]) -> None:
        """Remember where the file's last stored extent ends, under its base name and suffix."""
        for block, offset, length in reversed(extents):
            if block != HOLE:
                self.by_base[base] = self.by_suffix[suffix_of(base)] = (block, offset + length)
                return


class PlaceReader:
    """Reads the columns of format section 6.6 and yields each file's extents.

    Parameters:
        cursor: stands at the columns; afterwards behind them.
        paths: the page's files, in order.
    """

    def __init__(self, cursor: Cursor, paths: Sequence[bytes]) -> None:
        """Read the columns; extents are worked out when first asked for."""
        self._cursor = cursor
        self._paths = paths
        self._shapes = cursor.numbers(len(paths), PAGE_EXTENTS_LIMIT + 1)
        twins = cursor.column(self._shapes.count(TWIN)).tolist()
        extents = sum(shape - 1 for shape in self._shapes if shape > TWIN)
        if extents > PAGE_EXTENTS_LIMIT:
            raise cursor.fail(f"it claims {extents} extents")
        own = sum(shape > TWIN for shape in self._shapes)
        sizes = cursor.numbers(own, LARGEST)
        self._codes = cursor.numbers(extents, IN_BLOCK)
        self._lengths = cursor.numbers(extents - own, LARGEST)
        self._distances = cursor.numbers(
            self._codes.count(AFTER) + self._codes.count(BEFORE), PAGE_EXTENTS_LIMIT
        )
        explicit = self._codes.count(EXPLICIT)
        self._block_steps = cursor.column(explicit + self._codes.count(IN_BLOCK)).tolist()
        self._offsets = cursor.numbers(explicit, BLOCK_LIMIT)
        self.own_files = own
        self.extent_count = extents
        self.source, self.sizes = self._resolve(twins, sizes)
        self._extents: list[tuple[Extent, ...]] | None = None
        self._own: list[int] | None = None

    def _resolve(self, twins: list[int], sizes: list[int]) -> tuple[list[int], list[int]]:
        """For each file, the file of the page whose content it has, and its size."""
        source: list[int] = []
        resolved: list[int] = []
        distance = 1
        twin, own = iter(twins), iter(sizes)
        for number, shape in enumerate(self._shapes):
            if shape == TWIN:
                distance = next(twin) or distance
                if distance > number or self._shapes[number - distance] == EMPTY:
                    raise self._cursor.fail("a file repeats one that is not there")
                source.append(source[number - distance])
                resolved.append(resolved[number - distance])
                continue
            source.append(number)
            size = 0 if shape == EMPTY else next(own)
            if shape != EMPTY and not size:
                raise self._cursor.fail("a file with extents has no size")
            resolved.append(size)
        return source, resolved

    def own_number(self, number: int) -> int:
        """Which of the files with extents of their own has file `number`'s content; -1 if it is empty."""
        origin = self.source[number]
        if self._shapes[origin] == EMPTY:
            return -1
        if self._own is None:
            has_own = (shape > TWIN for shape in self._shapes)
            self._own = list(accumulate(has_own, initial=0))
        return self._own[origin]

    def extents(self, number: int) -> tuple[Extent, ...]:
        """The extents of file `number` of the page."""
        if self._extents is None:
            self._extents = self._work_out()
        return self._extents[number]

    def _work_out(self) -> list[tuple[Extent, ...]]:
        """Every file's extents. Threads that share the page may all come here: nothing but it is kept."""
        past, files = _Past(), list[tuple[Extent, ...]]()
        codes, lengths = iter(self._codes), iter(self._lengths)
        arguments = iter(self._distances), iter(self._block_steps), iter(self._offsets)
        for number, shape in enumerate(self._shapes):
            if shape == EMPTY:
                files.append(())
                continue
            base = base_name(self._paths[number])
            if shape == TWIN:
                files.append(files[self.source[number]])
            else:
                rest, extents = self.sizes[number], list[Extent]()
                for part in range(shape - 1):
                    length = rest if part == shape - 2 else next(lengths)
                    rest -= length
                    if not length > 0 or rest < 0:
                        raise self._cursor.fail("a file's extents do not add up to its size")
                    extents.append(self._extent(next(codes), length, past, base, arguments))
                if len(extents) > LEAST_BOUND:
                    self._check_bound(number, extents)
                files.append(tuple(extents))
            past.name(base, files[number])
        return files

    def _extent(self, code: int, length: int, past: _Past, base: bytes, arguments: _Arguments) -> Extent:
        """Undo `PlaceWriter._place`."""
        if code == IS_HOLE:
            return Extent(HOLE, 0, length)
        distances, block_steps, offsets = arguments
        place: Place | None
        if code == FOLLOWS:
            place = past.end
        elif code == SAME_BASE:
            place = past.by_base.get(base)
        elif code == SAME_SUFFIX:
            place = past.by_suffix.get(suffix_of(base))
        elif code == NEXT_BLOCK:
            place = (past.block + 1, 0)
        elif code == EXPLICIT:
            place = (past.block + unzigzag(next(block_steps)), next(offsets))
        elif code == IN_BLOCK:
            block = past.block + unzigzag(next(block_steps))
            place = (block, past.by_block.get(block, 0))
        else:
            place = self._related(code, next(distances), length, past)
        if place is None or not 0 <= place[0] < BLOCKS_LIMIT:
            raise self._cursor.fail("an extent points to a block that cannot be")
        block, offset = place
        if offset < 0 or offset + length > BLOCK_LIMIT:
            raise self._cursor.fail("an extent leaves its block")
        past.add(block, offset, length)
        return Extent(block, offset, length)

    def _related(self, code: int, distance: int, length: int, past: _Past) -> Place | None:
        """A place told by an extent some positions before."""
        if not 1 <= distance <= len(past.starts):
            return None
        if code == AFTER:
            return past.ends[-distance]
        block, offset = past.starts[-distance]
        return block, offset - length

    def _check_bound(self, number: int, extents: Sequence[Extent]) -> None:
        blocks = {extent.block for extent in extents if extent.block != HOLE}
        if len(blocks) > blocks_bound(self.sizes[number]):
            raise self._cursor.fail(f"a file of {self.sizes[number]} bytes needs {len(blocks)} blocks")
