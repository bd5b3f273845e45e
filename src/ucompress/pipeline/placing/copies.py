"""Finds, for each window of a content, what is a copy of something that is stored already.

Candidates come from the index of anchors; the bytes decide. A copy is compared with the whole
earlier content, then resolved through that content's own extents, so that an extent never
points to anything but literal bytes in a block, or to a hole.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from ucompress.archive.format.entry import HOLE
from ucompress.pipeline.placing.ledger import Ledger
from ucompress.pipeline.placing.looks import bytes_of
from ucompress.segments import CopySearch, SegmentIndex
from ucompress.spill import IN_MEMORY, Spill, parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from ucompress.pipeline.placing.looks import Seen, Window
    from ucompress.pipeline.placing.parameters import PlanParameters
    from ucompress.pipeline.placing.planned import Ranked

    Again = Callable[[int, int, int], Window | None]

LITERAL: Final = -2
"""The block of a piece whose bytes are, or will be, literal in the window at hand."""

CACHE_BYTES: Final = 8 << 20
"""Earlier windows kept for comparing; a miss costs a read, and nothing else depends on it."""

CONTINUED: Final = 64
"""The shortest copy that goes on from the window before."""

REPEATING: Final = 4
"""How many times as long copies must be where bytes repeat so much that they stand in large blocks."""


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


class Windows:
    """All windows of all contents, end to end, and the bytes of the latest ones.

    Attributes:
        bases: for each content the address of its first byte, then the end of all.
        first: for each content the number of its first window, then that of all windows.
        starts: for each window the address of its first byte, then the end of all.
        held: the bytes of the latest windows, by their numbers.
    """

    def __init__(self, contents: Ranked, again: Again, window: int, spill: Spill = IN_MEMORY) -> None:
        """`contents` in the order of planning; `again` as in `plan_contents`; `window` in bytes."""
        self._contents = contents
        self._again = again
        sizes = np.frombuffer(contents.sizes, np.int64)
        bases, first = (spill.zeros(len(sizes) + 1, np.int64) for _ in range(2))
        for part in parts(len(sizes)):
            after = slice(part.start + 1, part.stop + 1)
            np.cumsum(sizes[part], out=bases[after])
            bases[after] += bases[part.start]
            np.cumsum(-(-sizes[part] // window), out=first[after])
            first[after] += first[part.start]
        self.starts = spill.zeros(int(first[-1]) + 1, np.int64)
        self.starts[-1] = bases[-1]
        for part in parts(len(sizes)):
            begin, end = int(first[part.start]), int(first[part.stop])
            counts = np.diff(first[part.start : part.stop + 1])
            inside = np.arange(begin, end) - np.repeat(first[part], counts)
            self.starts[begin:end] = np.repeat(bases[part], counts) + inside * window
            spill.release()
        self.bases = bases.data
        self.first = first.data
        self.held: dict[int, bytes] = {}
        self._order: deque[int] = deque()
        self._bytes = 0

    def place(self, window: int, at: int) -> tuple[int, int]:
        """The rank of the content, and the offset in it, of byte `at` of a window."""
        rank = bisect_right(self.first, window) - 1
        return rank, int(self.starts[window]) - self.bases[rank] + at

    def keep(self, window: int, data: bytes) -> None:
        """Hold a window's bytes; the oldest ones go."""
        self.held[window] = data
        self._order.append(window)
        self._bytes += len(data)
        while self._bytes > CACHE_BYTES:
            self._bytes -= len(self.held.pop(self._order.popleft()))

    def fetch(self, window: int) -> bytes | None:
        """An earlier window's bytes, read again and held; None if they are gone."""
        rank, offset = self.place(window, 0)
        length = int(self.starts[window + 1] - self.starts[window])
        read = self._again(self._contents.ordinals[rank], offset, length)
        if read is None:
            return None
        data = bytes_of(read)
        self.keep(window, data)
        return data


class CopyFinder:
    """Turns windows into pieces, content after content, each window after the one before.

    Attributes:
        copies: how many copies were taken.
    """

    def __init__(
        self,
        contents: Ranked,
        again: Again,
        parameters: PlanParameters,
        spill: Spill = IN_MEMORY,
    ) -> None:
        """`contents` stand in the order of planning; `again` and `parameters` as in `plan_contents`."""
        self._contents = contents
        self._parameters = parameters
        self._windows = Windows(contents, again, parameters.window, spill)
        self._index = SegmentIndex(self._windows.bases[-1])
        self._search = CopySearch(self._windows.starts, self._windows.held, self._windows.fetch)
        self._ledger = Ledger(spill)
        self._hits: NDArray[np.int64] = np.empty((0, 2), dtype=np.int64)
        self._rows: list[int] = []
        self._rank = -1
        self._segment = parameters.segment
        self._extent = parameters.extent
        self._goes_on: tuple[int, int] | None = None
        self.copies = 0

    @property
    def bases(self) -> memoryview:
        """For each content the bytes of all before it, then those of all."""
        return self._windows.bases

    @property
    def spacing(self) -> int:
        """Expected bytes from one anchor to the next."""
        return self._index.spacing

    def look_at(self, rank: int, seen: Seen, base: int | None = None) -> None:
        """Look for candidates in whole contents from number `rank` on, or in its window at byte `base`."""
        windows = self._windows
        first, datas = windows.bases[rank], seen.windows
        at, own = (first, None) if base is None else (first + base, first)
        sizes = list(map(len, datas))
        self._hits, self._rows = self._index.trace_found(seen.anchors, seen.rows, sizes, at, own)
        number = windows.first[rank] + (base or 0) // self._parameters.window
        for data in datas:
            if isinstance(data, bytes) and data:
                windows.keep(number, data)
            number += len(data) > 0

    def begin(self, rank: int) -> None:
        """The content of that rank comes next."""
        parameters = self._parameters
        scale = REPEATING if self._contents.repeats[rank] >= parameters.large_from else 1
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

    def record_whole(self, blocks: list[int], offsets: list[int], lengths: list[int]) -> None:
        """Where all bytes of each of the next contents went: to an offset of a block."""
        self._ledger.whole(blocks, offsets, lengths)

    def settle(self) -> None:
        """What is known of earlier contents may go to files."""
        self._ledger.settle()

    def columns(self) -> tuple[NDArray[np.int64], ...]:
        """Extents by rank: first extent of each content (and their number), blocks, offsets, lengths."""
        ledger = self._ledger
        ledger.first.tail.append(len(ledger.position))
        columns = (ledger.first, ledger.block, ledger.offset, ledger.length)
        return tuple(column.values() for column in columns)

    def promising(self, ranks: range) -> NDArray[np.bool_]:
        """Which of the whole contents that were last looked at may have copies."""
        sizes, repeats = (
            np.asarray(column[ranks.start : ranks.stop])
            for column in (self._contents.sizes, self._contents.repeats)
        )
        scale = np.where(repeats >= self._parameters.large_from, REPEATING, 1)
        return (sizes >= self._parameters.segment * scale) & (np.diff(self._rows) > 0)

    def pieces(self, at: int, base: int, data: Window, holes: Sequence[tuple[int, int]]) -> list[Piece]:
        """What the window `data` at offset `base` of the content consists of, in order.

        Args:
            at: its place among what was last looked at.
            base: its offset in the content.
            data: its bytes, or what is known of them.
            holes: (start, end) of its zero runs.
        """
        first, last = self._rows[at], self._rows[at + 1]
        window = _Window()
        if holes or self._goes_on is not None or first < last:
            self._fill(window, base, bytes_of(data), self._candidates(self._hits[first:last]), holes)
        window.literal_to(len(data))
        return window.pieces

    def _candidates(self, hits: NDArray[np.int64]) -> NDArray[np.int64]:
        """The hits, after the place where the last copy of the window before would go on."""
        if self._goes_on is None:
            return hits
        rank, source = self._goes_on
        if source >= self._contents.sizes[rank]:
            return hits
        return np.concatenate(([[0, self._windows.bases[rank] + source]], hits))

    def _fill(
        self,
        window: _Window,
        base: int,
        data: bytes,
        candidates: NDArray[np.int64],
        holes: Sequence[tuple[int, int]],
    ) -> None:
        """Put copies and holes into the window, in order, with what lies between as literal.

        The leftmost candidate that gives a copy is taken; the next is looked for behind it.
        """
        at_start = self._segment if self._goes_on is None else CONTINUED
        self._goes_on = None
        own = self._windows.first[self._rank] + base // self._parameters.window
        if own not in self._windows.held:
            self._windows.keep(own, data)
        self._search.begin(candidates)
        row = 0
        for hole in (*holes, (len(data), len(data))):
            while True:
                row, start, length, source, source_start = self._search.next(
                    row, len(candidates), own, data, window.end, hole[0], self._segment, at_start
                )
                if not length:
                    break
                position, address = candidates[row].tolist()
                row += 1
                copy = _Copy(start, length, *self._windows.place(source, source_start))
                least = self._segment if position else at_start
                if not self._take(window, copy, base, least):
                    self._search.give_up(address - position, start + length)
                elif window.end == len(data):
                    self._goes_on = copy.rank, copy.source + copy.length
            if hole[1] > hole[0]:
                window.hole(*hole)

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
