"""Decides where every byte goes, before anything is coded.

Contents are taken in similarity order, window by window. What is zero becomes a hole, what is
a long copy of something earlier becomes an extent that points to the stored bytes, and the
rest is packed into blocks. The same contents give the same plan, whatever the threads or the
memory, for every decision depends on what came before it only.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

import numpy as np

from ucompress.archive.format.entry import HOLE, Extent
from ucompress.config import MIB
from ucompress.heap import release_freed_memory
from ucompress.pipeline.placing.blocks import BlockPacker
from ucompress.pipeline.placing.copies import LITERAL, CopyFinder, Piece
from ucompress.pipeline.placing.layout import Plan, PlanStatistics, Run
from ucompress.pipeline.placing.looks import Seen
from ucompress.pipeline.placing.parameters import PlanParameters
from ucompress.pipeline.placing.planned import Content, Kind, Planned, Ranked
from ucompress.segments import DENSE
from ucompress.similarity import order_of
from ucompress.spill import IN_MEMORY, Spill, parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from ucompress.pipeline.placing.copies import Again
    from ucompress.pipeline.placing.looks import Window

    Read = Callable[[int, int, int], Window]
    Ahead = Callable[[Callable[[range], Seen], Iterator[range]], Iterator[Seen]]

__all__ = [
    "HOLE",
    "Content",
    "Extent",
    "Plan",
    "PlanStatistics",
    "Planned",
    "Run",
    "plan_archive",
]

MONOTONY: Final = 8
"""A content is monotonous if one in so many of its places, or fewer, begin a d-mer that is new to it."""

TOGETHER: Final = 1 * MIB
"""Small contents are read and looked at together, up to so many bytes."""


def plan_archive(
    contents: Sequence[Content],
    read: Read,
    parameters: PlanParameters | None = None,
    *,
    progress: Callable[[int], None] | None = None,
    read_whole: Callable[[Sequence[int]], Sequence[Window]] | None = None,
) -> Plan:
    """Plan an archive of `contents`.

    Args:
        contents: all distinct contents, in any order.
        read: `read(ordinal, offset, length)` gives exactly these bytes; what it raises is
            passed on.
        parameters: sizes and bounds; the defaults are those of level 6.
        progress: called with the number of bytes looked at since the last call; it may raise
            to stop.
        read_whole: gives whole contents, by ordinal, many small ones at once; made of `read` unless
            given.
    """
    return plan_contents(Planned.of(contents), read, parameters, progress=progress, read_whole=read_whole)


def plan_contents(
    contents: Planned,
    read: Read,
    parameters: PlanParameters | None = None,
    *,
    progress: Callable[[int], None] | None = None,
    read_whole: Callable[[Sequence[int]], Sequence[Window]] | None = None,
    again: Again | None = None,
    ordered: Callable[[Sequence[int]], None] | None = None,
    ahead: Ahead = map,
    spill: Spill = IN_MEMORY,
) -> Plan:
    """`plan_archive` of contents in columns.

    `again` gives a window that was read before, as `read` does unless given, or None if its bytes are gone;
    `ordered` is called with the order, by ordinal, in which contents will be read; `ahead` is a `map` that
    may run before its results are taken, in other threads: so small contents are read and looked at; `spill`
    keeps columns.
    """
    columns = contents.paths, contents.classes, contents.sizes, contents.hashes, contents.starts
    order = spill.keep(order_of(*columns, contents.sketch_size, spill))
    release_freed_memory()
    if ordered is not None:
        ordered(order.tolist())

    def one_by_one(ordinals: Sequence[int]) -> list[Window]:
        return [read(ordinal, 0, int(contents.sizes[ordinal])) for ordinal in ordinals]

    parameters = parameters or PlanParameters()
    sizes, classes, repeats, novel = (spill.gathered(column, order) for column in contents[1:5])
    ranked = Ranked(order, sizes, repeats, _kinds(sizes, classes, novel, parameters))
    planner = _Planner(ranked, read, read_whole or one_by_one, again or read, parameters, spill)
    for planned in planner.run(ahead):
        if progress is not None:
            progress(planned)
    return planner.plan(order)


def _kinds(
    sizes: NDArray[np.int64],
    classes: NDArray[np.uint8],
    novel: NDArray[np.int64],
    parameters: PlanParameters,
) -> NDArray[np.uint8]:
    """The `Kind` of each content."""
    kinds = np.zeros(len(sizes), np.uint8)
    kinds[(sizes >= parameters.monotonous_from) & (novel <= sizes // MONOTONY)] = Kind.MONOTONOUS
    kinds[classes == DENSE] = Kind.DENSE
    return kinds


class _Planner:
    """The state of planning: the extents so far, the open block, the anchors seen."""

    def __init__(
        self,
        contents: Ranked,
        read: Read,
        read_whole: Callable[[Sequence[int]], Sequence[Window]],
        again: Again,
        parameters: PlanParameters,
        spill: Spill,
    ) -> None:
        self._contents = contents
        self._parameters = parameters
        self._spill = spill
        self._packer = BlockPacker(parameters, spill)
        self._finder = CopyFinder(contents, again, parameters, spill)
        self._read = read
        self._read_whole = read_whole
        self._stored_again = 0
        self._extents = 0

    def run(self, ahead: Ahead) -> Iterator[int]:
        """Plan all contents; yields the number of bytes of each step."""
        seen = ahead(self._see, (ranks for ranks in self._steps() if not self._is_large(ranks.start)))
        for ranks in self._steps():
            if self._is_large(ranks.start):
                yield from self._plan_large(ranks.start)
            else:
                yield self._plan_whole(ranks, next(seen))
            self._packer.settle()
            self._finder.settle()

    def _is_large(self, rank: int) -> bool:
        """Whether a content has several windows."""
        return self._contents.sizes[rank] > self._parameters.window

    def _steps(self) -> Iterator[range]:
        """The ranks that are planned together, in order: a large content, or small ones."""
        sizes, bases = self._contents.sizes, self._finder.bases
        first = 0
        for large in (*np.flatnonzero(np.asarray(sizes) > self._parameters.window).tolist(), len(sizes)):
            while first < large:
                after = bisect_right(bases, bases[first] + TOGETHER, first + 1, large + 1) - 1
                yield range(first, max(after, first + 1))
                first = max(after, first + 1)
            if large < len(sizes):
                yield range(large, large + 1)
                first = large + 1

    def _see(self, ranks: range) -> Seen:
        """Read small contents, and find what does not depend on those before them; in any thread."""
        contents = self._contents
        ordinals, sizes = (
            column[ranks.start : ranks.stop].tolist() for column in (contents.ordinals, contents.sizes)
        )
        datas = self._read_whole(ordinals)
        if list(map(len, datas)) != sizes:
            for ordinal, data, size in zip(ordinals, datas, sizes, strict=True):
                if len(data) != size:
                    raise _wrong_length(ordinal, data, size)
        return Seen.of(datas, self._parameters.hole, self._finder.spacing)

    def _plan_whole(self, ranks: range, seen: Seen) -> int:
        """Plan contents of one window each; how many bytes they have."""
        holes: dict[int, list[tuple[int, int]]] = {}
        for number, start, end in seen.holes:
            holes.setdefault(number, []).append((start, end))
        self._finder.look_at(ranks.start, seen)
        looked_into = self._finder.promising(ranks)
        looked_into[list(holes)] = True
        done = 0
        for at in (*np.flatnonzero(looked_into).tolist(), len(ranks)):
            self._store_all(ranks[done:at], seen.windows[done:at])
            if at < len(ranks):
                self._finder.begin(ranks[at])
                self._plan_window(at, ranks[at], 0, seen.windows[at], holes.get(at, ()))
            done = at + 1
        return sum(map(len, seen.windows))

    def _plan_large(self, rank: int) -> Iterator[int]:
        """Plan a content of many windows; yields the number of bytes of each."""
        ordinal, size = self._contents.ordinals[rank], self._contents.sizes[rank]
        window = self._parameters.window
        self._finder.begin(rank)
        for base in range(0, size, window):
            length = min(window, size - base)
            data = self._read(ordinal, base, length)
            if len(data) != length:
                raise _wrong_length(ordinal, data, length)
            seen = Seen.of([data], self._parameters.hole, self._finder.spacing)
            self._finder.look_at(rank, seen, base)
            holes = [run[1:] for run in seen.holes]
            self._plan_window(0, rank, base, data, holes)
            yield length

    def _plan_window(
        self, at: int, rank: int, base: int, data: Window, holes: Sequence[tuple[int, int]]
    ) -> None:
        pieces = self._finder.pieces(at, base, data, holes)
        if len(pieces) > 1:
            pieces = self._bounded(rank, base, len(data), pieces)
        placed = self._store(rank, base, data, pieces)
        self._extents = len(placed) + (self._extents if base else 0)
        self._finder.record(base, placed)

    def _store_all(self, ranks: range, datas: Sequence[Window]) -> None:
        """Contents without holes or copies."""
        while ranks:
            rows = slice(ranks.start, ranks.stop)
            ordinals, sizes, repeats, kinds = (column[rows].tolist() for column in self._contents.columns)
            blocks, offsets = self._packer.place_whole(ordinals, datas, repeats, kinds)
            self._finder.record_whole(blocks, offsets, sizes[: len(blocks)])
            done = len(blocks)
            if done < len(ranks):  # empty, or must be split
                self._finder.begin(ranks[done])
                runs = [(0, sizes[done])]
                for start, length, block, offset in self._packer.place(
                    ordinals[done], 0, datas[done], runs, repeats[done], kinds[done]
                ):
                    self._finder.record(start, ((block, offset, length),))
            ranks, datas = ranks[done + 1 :], datas[done + 1 :]

    def _bounded(self, rank: int, base: int, length: int, pieces: list[Piece]) -> list[Piece]:
        """The pieces of a window, as many as its extents and blocks allow."""
        _, size, repeats, kind = self._contents.row(rank)
        room = self._room(size, base, length)
        if len(pieces) > room:
            pieces = self._fewer(room, pieces)
        budget = -(-length // self._parameters.reach)
        if base + length == size:
            budget += 2
        return self._within(budget, pieces, repeats, kind) if len(pieces) > 1 else pieces

    def _room(self, size: int, base: int, length: int) -> int:
        """How many pieces a window may have: its part of the content's extents and what those before left.

        Some are kept back, for literals that go over the end of a block.
        """
        parameters = self._parameters
        due = parameters.extents * (base + length) // size
        spare = 2 * (2 + length // parameters.block_target)
        return max(1, due - (self._extents if base else 0) - spare)

    def _fewer(self, room: int, pieces: list[Piece]) -> list[Piece]:
        """At most `room` pieces: the shortest holes and copies are stored, as one with what stands beside."""
        literal = [piece.block == LITERAL and piece.offset == piece.start for piece in pieces]
        count = len(pieces)
        for _, at in sorted((p.length, at) for at, p in enumerate(pieces) if not literal[at]):
            if count <= room:
                break
            literal[at] = True
            beside = (at > 0 and literal[at - 1]) + (at + 1 < len(pieces) and literal[at + 1])
            count -= beside
            if pieces[at].block != HOLE:
                self._stored_again += pieces[at].length
        fewer: list[Piece] = []
        for piece, stored in zip(pieces, literal, strict=True):
            last = fewer[-1] if fewer else None
            if not stored:
                fewer.append(piece)
            elif last is not None and last.block == LITERAL and last.offset == last.start:
                fewer[-1] = Piece(last.start, last.length + piece.length, LITERAL, last.start)
            else:
                fewer.append(Piece(piece.start, piece.length, LITERAL, piece.start))
        return fewer

    def _within(self, budget: int, pieces: list[Piece], repeats: int, kind: int) -> list[Piece]:
        """The pieces, with copies from the least useful blocks stored again until `budget` holds."""
        taken: dict[int, int] = {}
        literal = 0
        for piece in pieces:
            if piece.block >= 0:
                taken[piece.block] = taken.get(piece.block, 0) + piece.length
            elif piece.block == LITERAL and piece.offset == piece.start:
                literal += piece.length
        dropped = set()
        while True:
            own = self._packer.span(literal, repeats, kind)
            foreign = [block for block in taken if block not in own]
            if len(foreign) + len(own) <= budget:
                break
            victim = min(foreign, key=lambda block: (taken[block], block))
            literal += taken.pop(victim)
            dropped.add(victim)
        if not dropped:
            return pieces
        self._stored_again += sum(p.length for p in pieces if p.block in dropped)
        return [Piece(p.start, p.length, LITERAL, p.start) if p.block in dropped else p for p in pieces]

    def _store(self, rank: int, base: int, data: Window, pieces: list[Piece]) -> list[tuple[int, int, int]]:
        """Place what is literal; (block, offset, length) of the whole window, in order."""
        ordinal, _, repeats, kind = self._contents.row(rank)
        literal = [(p.start, p.length) for p in pieces if p.block == LITERAL and p.offset == p.start]
        placed = self._packer.place(ordinal, base, data, literal, repeats, kind)
        if len(literal) == len(pieces):
            return [(block, offset, length) for _, length, block, offset in placed]
        starts = [start for start, _, _, _ in placed]
        stored = []
        for piece in pieces:
            if piece.block != LITERAL:
                stored.append((piece.block, piece.offset, piece.length))
                continue
            at, end = piece.offset, piece.offset + piece.length
            i = bisect_right(starts, at) - 1
            while at < end:
                start, length, block, offset = placed[i]
                taken = min(end, start + length) - at
                stored.append((block, offset + at - start, taken))
                at += taken
                i += 1
        return stored

    def plan(self, order: NDArray[np.int64]) -> Plan:
        """The finished plan; `order[rank]` is the ordinal of the content at that rank."""
        spill, packer = self._spill, self._packer
        copies, (starts, *rest) = self._finder.copies, self._finder.columns()
        del self._finder  # anchors and windows are not needed any more
        release_freed_memory()
        rank_of, extent_start = spill.zeros(len(order), np.int64), spill.zeros(len(order) + 1, np.int64)
        for part in parts(len(order)):
            rank_of[order[part]] = np.arange(part.start, part.stop)
        columns = [spill.zeros(len(rest[0]), kind) for kind in (np.int32, np.uint32, np.int64)]
        for part in parts(len(order)):
            ranks = rank_of[part]
            begins = starts[ranks]
            counts = starts[ranks + 1] - begins
            ends = np.cumsum(counts)
            rows = np.repeat(begins - ends + counts, counts) + np.arange(ends[-1])
            extent_start[part.start + 1 : part.stop + 1] = ends + extent_start[part.start]
            extents = slice(*extent_start[[part.start, part.stop]].tolist())
            for column, values in zip(columns, rest, strict=True):
                column[extents] = values[rows]
            spill.release()
        return Plan(
            run_content=packer.run_content.values(),
            run_offset=packer.run_offset.values(),
            run_length=packer.run_length.values(),
            run_check=packer.run_check.values(),
            block_start=np.array([*packer.block_start, len(packer.run_length)], dtype=np.uint32),
            extent_block=columns[0],
            extent_offset=columns[1],
            extent_length=columns[2],
            extent_start=extent_start,
            copies=copies,
            stored_again_bytes=self._stored_again,
            spill=spill,
        )


def _wrong_length(ordinal: int, data: Window, length: int) -> ValueError:
    """The error for a content of which not so many bytes were read."""
    return ValueError(f"read gave {len(data)} bytes of content {ordinal}, not {length}")
