"""What a plan is: which bytes stand in which block, and where each content finds its bytes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from ucompress.archive.format.entry import HOLE, Extent
from ucompress.archive.format.layout import PAGE_EXTENTS_LIMIT
from ucompress.checksum import run_check
from ucompress.codec.block import BLOCK_LIMIT
from ucompress.pipeline.reading.rows import Rows
from ucompress.spill import IN_MEMORY, Spill, parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


class Run(NamedTuple):
    """Bytes of one content that are stored literally, as part of a block.

    Attributes:
        content: ordinal of the content.
        offset: first byte within the content.
        length: number of bytes.
        check: XXH3-64 of the bytes when they were planned.
    """

    content: int
    offset: int
    length: int
    check: int


@dataclass(frozen=True, slots=True)
class PlanStatistics:
    """What the plan saves, in bytes of distinct contents.

    Attributes:
        content_bytes: all bytes of all contents.
        hole_bytes: of these, zeros in holes.
        copied_bytes: of these, found in bytes that other extents hold already.
        literal_bytes: of these, stored in blocks; the three add up to the first.
        copies: number of copies found.
        stored_again_bytes: bytes of copies given up so that no file needs too many blocks.
        blocks: number of blocks.
    """

    content_bytes: int
    hole_bytes: int
    copied_bytes: int
    literal_bytes: int
    copies: int
    stored_again_bytes: int
    blocks: int


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Where every byte of every content goes: columns, with `blocks` and `extents` to read them.

    Attributes:
        run_content, run_offset, run_length, run_check: the runs, block after block.
        block_start: for each block the number of its first run, then the number of all runs.
        extent_block, extent_offset, extent_length: the extents, content after content.
        extent_start: for each ordinal the number of its first extent, then of all extents.
        copies, stored_again_bytes: as in `PlanStatistics`.
        spill: keeps the columns.
    """

    run_content: NDArray[np.uint32]
    run_offset: NDArray[np.int64]
    run_length: NDArray[np.uint32]
    run_check: NDArray[np.uint64]
    block_start: NDArray[np.uint32]
    extent_block: NDArray[np.int32]
    extent_offset: NDArray[np.uint32]
    extent_length: NDArray[np.int64]
    extent_start: NDArray[np.int64]
    copies: int = 0
    stored_again_bytes: int = 0
    spill: Spill = IN_MEMORY

    @property
    def blocks(self) -> Sequence[list[Run]]:
        """For each block its runs; the block's decoded bytes are theirs, one after the other."""
        return Rows(len(self.block_start) - 1, self._runs)

    @property
    def extents(self) -> Sequence[list[Extent]]:
        """For each ordinal the extents that make up the content, in order."""
        return Rows(len(self.extent_start) - 1, self._extents)

    @property
    def block_sizes(self) -> NDArray[np.int64]:
        """Decoded bytes of each block."""
        starts = self.block_start[:-1]
        if not len(starts) or (np.diff(self.block_start.astype(np.int64)) > 0).all():
            return (
                np.add.reduceat(self.run_length, starts, dtype=np.int64)
                if len(starts)
                else starts.astype(np.int64)
            )
        ends = np.concatenate(([0], np.cumsum(self.run_length, dtype=np.int64)))  # a block without runs
        return np.diff(ends[self.block_start])

    @property
    def statistics(self) -> PlanStatistics:
        """What the plan saves."""
        content = int(self.extent_length.sum())
        holes = int(self.extent_length[self.extent_block == HOLE].sum())
        literal = int(self.run_length.sum(dtype=np.int64))
        return PlanStatistics(
            content_bytes=content,
            hole_bytes=holes,
            copied_bytes=content - holes - literal,
            literal_bytes=literal,
            copies=self.copies,
            stored_again_bytes=self.stored_again_bytes,
            blocks=len(self.blocks),
        )

    def runs(self, block: int) -> tuple[list[int], list[int], list[int], list[int]]:
        """The runs of a block, in columns: contents, offsets, lengths, checks."""
        rows = slice(int(self.block_start[block]), int(self.block_start[block + 1]))
        return (
            self.run_content[rows].tolist(),
            self.run_offset[rows].tolist(),
            self.run_length[rows].tolist(),
            self.run_check[rows].tolist(),
        )

    def _runs(self, block: int) -> list[Run]:
        return list(map(Run, *self.runs(block)))

    def _extents(self, ordinal: int) -> list[Extent]:
        rows = slice(int(self.extent_start[ordinal]), int(self.extent_start[ordinal + 1]))
        columns = (self.extent_block, self.extent_offset, self.extent_length)
        return [Extent(*row) for row in zip(*(column[rows].tolist() for column in columns), strict=True)]

    def portions(self) -> Iterator[bytes]:
        """All that the plan says, some of it at a time; equal plans give equal bytes."""
        columns = [getattr(self, name) for name, _ in _COLUMNS]
        yield struct.pack(
            f"<{len(columns)}Q2Q", *(len(c) for c in columns), self.copies, self.stored_again_bytes
        )
        for column, (_, dtype) in zip(columns, _COLUMNS, strict=True):
            for part in parts(len(column)):
                yield column[part].astype(dtype).tobytes()
                self.spill.release()

    def to_bytes(self) -> bytearray:
        """The plan as bytes that `from_bytes` takes; equal plans give equal bytes."""
        coder, packed = zlib.compressobj(1), bytearray(_HEAD)
        for portion in self.portions():
            packed += coder.compress(portion)
        packed += coder.flush()
        with memoryview(packed) as view:
            check = run_check(view[_HEAD:])
        packed[:_HEAD] = _MAGIC + struct.pack("<Q", check)
        return packed

    @classmethod
    def from_bytes(cls, data: bytes | bytearray, sizes: NDArray[np.int64], spill: Spill = IN_MEMORY) -> Plan:
        """The plan that `to_bytes` wrote for contents of these sizes; no more is unpacked than it can need.

        Args:
            data: its bytes.
            sizes: bytes of each content.
            spill: keeps the columns.

        Raises:
            ValueError: it is damaged, of another version, or larger than any plan of such contents.
        """
        if data[:8] != _MAGIC or len(data) < _HEAD:
            raise ValueError("not a plan of this version")
        if struct.unpack_from("<Q", data, 8)[0] != run_check(data[_HEAD:]):
            raise ValueError("the plan is damaged")
        head = struct.Struct(f"<{len(_COLUMNS)}Q2Q")
        try:
            body = _unpacked(data[_HEAD:], head.size + most_bytes(sizes))
            *counts, copies, stored_again = head.unpack_from(body)
            columns, at = dict[str, Any](), head.size
            for (name, dtype), count in zip(_COLUMNS, counts, strict=True):
                column = np.frombuffer(body, dtype, count, at)
                columns[name] = spill.keep(column.astype(np.dtype(dtype).newbyteorder("=")))
                at += column.nbytes
        except (zlib.error, struct.error, OverflowError) as error:
            raise ValueError("the plan is damaged") from error
        plan = cls(**columns, copies=copies, stored_again_bytes=stored_again, spill=spill)
        plan._validate()
        return plan

    def fits(self, sizes: NDArray[np.int64]) -> bool:
        """Whether it is a plan of contents of these sizes: runs lie in them, extents add up to them."""
        counts = np.diff(self.extent_start)
        if len(counts) != len(sizes) or counts.max(initial=0) > PAGE_EXTENTS_LIMIT:
            return False
        ends = np.concatenate(([0], np.cumsum(self.extent_length)))
        longest = np.repeat(sizes, counts)
        if (self.extent_length > longest).any() or (np.diff(ends[self.extent_start]) != sizes).any():
            return False
        if self.run_content.max(initial=0) >= max(len(sizes), 1):
            return False
        room = sizes[self.run_content] - self.run_length
        return bool(((self.run_offset >= 0) & (self.run_offset <= room)).all())

    def _validate(self) -> None:
        """ValueError unless runs fill blocks, and extents lie inside them."""
        runs = (self.run_content, self.run_offset, self.run_length, self.run_check)
        extents = (self.extent_block, self.extent_offset, self.extent_length)
        if len({len(column) for column in runs}) > 1 or len({len(column) for column in extents}) > 1:
            raise ValueError("the plan's columns of runs, or of extents, differ in length")
        _check_starts(self.block_start, len(self.run_length), "blocks")
        _check_starts(self.extent_start, len(self.extent_length), "extents")
        sizes = self.block_sizes
        if len(sizes) and (sizes.min() < 1 or sizes.max() > BLOCK_LIMIT):
            raise ValueError("a block's size is out of bounds")
        stored = self.extent_block != HOLE
        blocks = self.extent_block[stored]
        if len(blocks) and (blocks.min() < 0 or blocks.max() >= len(sizes)):
            raise ValueError("an extent names a block that does not exist")
        room = sizes[blocks] - self.extent_offset[stored]
        if (self.extent_length[stored] > room).any() or (self.extent_length < 1).any():
            raise ValueError("an extent leaves its block")


_COLUMNS: Final = (
    ("run_content", "<u4"),
    ("run_offset", "<i8"),
    ("run_length", "<u4"),
    ("run_check", "<u8"),
    ("block_start", "<u4"),
    ("extent_block", "<i4"),
    ("extent_offset", "<u4"),
    ("extent_length", "<i8"),
    ("extent_start", "<i8"),
)
_MAGIC: Final = b"UCPLAN\0\1"
_HEAD: Final = 16
"""Bytes of the magic number and of the check of all that follows."""
_BYTES_PER_PIECE: Final = 64
"""So many bytes more may make a piece more; copies and holes are far longer on average."""


def most_bytes(sizes: NDArray[np.int64]) -> int:
    """The most bytes that the columns of a plan of contents of these sizes can take."""
    pieces = 4 * len(sizes) + int(sizes.sum()) // _BYTES_PER_PIECE
    widths = {name: np.dtype(dtype).itemsize for name, dtype in _COLUMNS}
    each_content = widths.pop("extent_start")
    return sum(widths.values()) * (pieces + 1) + each_content * (len(sizes) + 1)


def _unpacked(data: bytes | bytearray, most: int) -> bytes:
    """Compressed bytes decoded, if they are whole and give at most so many."""
    decoder = zlib.decompressobj()
    body = decoder.decompress(data, most)
    if not decoder.eof or decoder.unused_data:
        raise ValueError("the plan is damaged, or larger than a plan of these contents can be")
    return body


def _check_starts(starts: NDArray[Any], rows: int, what: str) -> None:
    """ValueError unless `starts` rises from 0 to `rows`."""
    steps = np.diff(starts.astype(np.int64))
    if not len(starts) or starts[0] != 0 or starts[-1] != rows or (steps < 0).any():
        raise ValueError(f"the plan's {what} do not add up")
