"""Finds, for each window of a content, what is a copy of something that is stored already.

Candidates come from the index of anchors; the bytes decide. A copy is compared with the whole
earlier content, then resolved through that content's own extents, so that an extent never
points to anything but literal bytes in a block, or to a hole.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from ucompress.archive.entry import HOLE
from ucompress.segments import SegmentIndex, extend_match

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from ucompress.pipeline.plan import Content, PlanParameters

LITERAL: Final = -2
"""The block of a piece whose bytes are, or will be, literal in the window at hand."""

CACHE_BYTES: Final = 32 << 20
"""Earlier windows kept for comparing; a miss costs a read, and nothing else depends on it."""

CONTINUED: Final = 64
"""The shortest copy that goes on from the window before."""


class Piece(NamedTuple):
    """A stretch of a window and where its bytes come from.

    Attributes:
        start: first byte, within the window.
        length: number of bytes.
        block: a block; `HOLE`; or `LITERAL`.
        offset: within the block; for `LITERAL` the place in the window at which the bytes are
            stored, which is `start` itself where they are stored for this piece.
    """

    start: int
    length: int
    block: int
    offset: int


class _Copy(NamedTuple):
    """The bytes of the window at `start` are those of content number `rank` at `source`."""

    start: int
    length: int
    rank: int
    source: int


class Ledger:
    """The extents of all contents planned so far, in the order of planning."""

    def __init__(self) -> None:
        """Begin with no content."""
        self.first = array("q")
        self.position = array("q")
        self.block = array("q")
        self.offset = array("q")
        self.length = array("q")

    def begin(self) -> None:
        """The next content begins."""
        self.first.append(len(self.position))

    def append(self, position: int, block: int, offset: int, length: int) -> None:
        """The next extent of the last content; joined with the one before where they touch."""
        if (
            len(self.position) > self.first[-1]
            and self.block[-1] == block
            and (block == HOLE or self.offset[-1] + self.length[-1] == offset)
        ):
            self.length[-1] += length
            return
        self.position.append(position)
        self.block.append(block)
        self.offset.append(offset)
        self.length.append(length)

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


class _Window:
    """The pieces of one window, from its start on."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self._starts: list[int] = []
        self.end = 0

    def add(self, length: int, block: int, offset: int) -> None:
        """The next `length` bytes come from there."""
        if length:
            self.pieces.append(Piece(self.end, length, block, offset))
            self._starts.append(self.end)
            self.end += length

    def hole(self, start: int, end: int) -> None:
        """Zeros from `start` to `end`."""
        self.literal_to(start)
        self.add(end - start, HOLE, 0)

    def literal_to(self, end: int) -> None:
        """What lies before `end` and has no piece yet is stored."""
        self.add(end - self.end, LITERAL, self.end)

    def resolve(self, source: int, length: int) -> Iterator[tuple[int, int, int]]:
        """(block, offset, length) of the bytes at `source`; behind the last piece all are literal."""
        end = source + length
        i = bisect_right(self._starts, source) - 1
        while source < min(end, self.end):
            piece = self.pieces[i]
            skipped = source - piece.start
            taken = min(piece.length - skipped, end - source)
            yield piece.block, 0 if piece.block == HOLE else piece.offset + skipped, taken
            source += taken
            i += 1
        if source < end:
            yield LITERAL, source, end - source


class CopyFinder:
    """Turns windows into pieces, content after content, each window after the one before.

    Attributes:
        copies: how many copies were taken.
    """

    def __init__(
        self,
        contents: Sequence[Content],
        read: Callable[[int, int, int], bytes],
        parameters: PlanParameters,
    ) -> None:
        """`contents` stand in the order of planning; `read` and `parameters` as in `plan_archive`."""
        self._contents = contents
        self._read = read
        self._parameters = parameters
        self._bases = array("q", [0])
        for content in contents:
            self._bases.append(self._bases[-1] + content.size)
        self._index = SegmentIndex(self._bases[-1])
        self._ledger = Ledger()
        self._cache: OrderedDict[tuple[int, int], bytes] = OrderedDict()
        self._cached = 0
        self._rank = -1
        self._segment = parameters.segment
        self._extent = parameters.extent
        self._goes_on: tuple[int, int] | None = None
        self.copies = 0

    def begin(self, rank: int) -> None:
        """The content of that rank comes next."""
        parameters = self._parameters
        scale = 4 if self._contents[rank].repeats >= parameters.large_from else 1
        self._segment = parameters.segment * scale
        self._extent = parameters.extent * scale
        self._rank = rank
        self._goes_on = None
        self._ledger.begin()

    def record(self, base: int, extents: Iterable[tuple[int, int, int]]) -> None:
        """Where the bytes of the window at `base` went: (block, offset, length), in order."""
        for block, offset, length in extents:
            self._ledger.append(base, block, offset, length)
            base += length

    def columns(self) -> tuple[NDArray[np.int64], ...]:
        """Extents by rank: first extent of each content (and their number), blocks, offsets, lengths."""
        ledger = self._ledger
        first = np.append(np.array(ledger.first, dtype=np.int64), len(ledger.position))
        rest = (np.array(column, dtype=np.int64) for column in (ledger.block, ledger.offset, ledger.length))
        return first, *rest

    def pieces(self, base: int, data: bytes, holes: Sequence[tuple[int, int]]) -> list[Piece]:
        """What the window `data` at offset `base` of the content consists of, in order."""
        first = self._bases[self._rank]
        hits = self._index.candidates(data, first + base, first)
        window = _Window()
        if len(hits) or holes or self._goes_on is not None:
            self._fill(window, base, data, self._candidates(hits.tolist()), holes)
        window.literal_to(len(data))
        self._remember(self._rank, base, data)
        return window.pieces

    def _candidates(self, hits: list[list[int]]) -> list[list[int]]:
        """The hits, after the place where the last copy of the window before would go on."""
        if self._goes_on is None:
            return hits
        rank, source = self._goes_on
        if source >= self._contents[rank].size:
            return hits
        return [[0, self._bases[rank] + source], *hits]

    def _fill(
        self,
        window: _Window,
        base: int,
        data: bytes,
        candidates: list[list[int]],
        holes: Sequence[tuple[int, int]],
    ) -> None:
        """Put copies and holes into the window, in order, with what lies between as literal.

        The leftmost candidate that gives a copy is taken; the next is looked for behind it.
        """
        continued, self._goes_on = self._goes_on is not None, None
        tried = (0, 0)
        ahead = iter([*holes, (len(data), len(data))])
        hole = next(ahead)
        for position, address in candidates:
            while position >= hole[0]:
                window.hole(*hole)
                hole = next(ahead)
            if position < window.end or (position < tried[1] and address - position == tried[0]):
                continue
            copy = self._grow(base, data, position, address, window.end, hole[0])
            least = CONTINUED if continued and position == 0 else self._segment
            if copy.length < least or not self._take(window, copy, base, least):
                tried = (address - position, copy.start + copy.length)
            elif window.end == len(data):
                self._goes_on = copy.rank, copy.source + copy.length
        while hole[1] > hole[0]:
            window.hole(*hole)
            hole = next(ahead)

    def _take(self, window: _Window, copy: _Copy, base: int, least: int) -> bool:
        """Add the part of a copy that is worth its extents; whether there is any."""
        if copy.rank == self._rank and copy.source >= base:
            parts = list(window.resolve(copy.source - base, copy.length))
        else:
            parts = list(self._ledger.resolve(copy.rank, copy.source, copy.length))
        first, last, worth = _best_stretch([length for _, _, length in parts], self._extent)
        if worth < least - self._extent:
            return False
        window.literal_to(copy.start + sum(length for _, _, length in parts[:first]))
        for block, offset, length in parts[first:last]:
            window.add(length, block, offset)
        self.copies += 1
        return True

    def _grow(self, base: int, data: bytes, position: int, address: int, low: int, high: int) -> _Copy:
        """The longest copy through a candidate, inside [low, high) of the window; may be empty."""
        rank = bisect_right(self._bases, address) - 1
        offset = address - self._bases[rank]
        source_base = offset - offset % self._parameters.window
        at = offset - source_base
        if rank == self._rank and source_base == base:
            # The source must end before the copy begins, so a copy is at most the distance.
            distance = max(position - at, 0)
            back, _ = extend_match(data, position, low, position, data, at, 0, at)
            back = min(back, distance)
            limit = min(high, position + distance - back)
            forward = 0
            if limit > position:
                _, forward = extend_match(data, position, position, limit, data, at, at, len(data))
        else:
            source = self._window(rank, source_base)
            back, forward = extend_match(data, position, low, high, source, at, 0, len(source))
        return _Copy(position - back, back + forward, rank, offset - back)

    def _window(self, rank: int, base: int) -> bytes:
        """Bytes of an earlier window."""
        data = self._cache.get((rank, base))
        if data is None:
            content = self._contents[rank]
            length = min(self._parameters.window, content.size - base)
            data = self._read(content.ordinal, base, length)
            self._remember(rank, base, data)
        else:
            self._cache.move_to_end((rank, base))
        return data

    def _remember(self, rank: int, base: int, data: bytes) -> None:
        self._cache[rank, base] = data
        self._cached += len(data)
        while self._cached > CACHE_BYTES:
            _, dropped = self._cache.popitem(last=False)
            self._cached -= len(dropped)


def _best_stretch(lengths: list[int], cost: int) -> tuple[int, int, int]:
    """First, last + 1 and worth of the neighbours worth most, where each costs `cost` (Kadane)."""
    best = (0, 0, 0)
    first = worth = 0
    for i, length in enumerate(lengths):
        if worth <= 0:
            first, worth = i, 0
        worth += length - cost
        if worth > best[2]:
            best = first, i + 1, worth
    return best
