"""The directory at the archive's end: where pages and blocks are (format section 9)."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate, chain
from operator import gt

from ucompress.archive.format.coding import code_shared, decode_shared
from ucompress.archive.format.columns import (
    Cursor,
    shared_prefix,
    write_column,
    write_prefixed,
)
from ucompress.archive.format.layout import (
    BLOCK_HEADER_SIZE,
    BLOCKS_LIMIT,
    CODED_SLACK,
    DIRECTORY_CHUNK,
    DIRECTORY_LIMIT,
    DIRECTORY_RATIO,
    DIRECTORY_SLACK,
    ID_SIZE,
    LARGEST,
    PAGE_ENTRIES_LIMIT,
    PAGE_HEADER_SIZE,
    PAGE_LIMIT,
    REFERENCE_LIMIT,
    SEPARATORS_LIMIT,
    SUBSTITUTED,
)
from ucompress.codec.block import BLOCK_LIMIT
from ucompress.codec.varint import write_varint
from ucompress.config import DEFAULT_LEVEL
from ucompress.errors import CorruptArchiveError

_CHUNK_HEADER = 9


def separator(last: bytes, first: bytes) -> bytes:
    """The shortest bytes above the last path of one page and not above the first of the next.

    Args:
        last: last path of the page before; empty where there is none.
        first: first path of the page.
    """
    return first[: shared_prefix(last, first) + 1] if last else b""


@dataclass(slots=True)
class PageTable:
    """Where the pages of one section are, and which paths each holds.

    Attributes:
        section_at: offset of the section header, 0 if there is no such section.
        payload_length: the section's payload, in bytes.
        sizes: bytes of each page, header included.
        entries: number of entries of each page.
        separators: separator i is above every path of page i - 1 and not above any of page i.
        starts: offset of each page within the payload.
        firsts: number of each page's first entry, and the number of all entries at the end.
    """

    section_at: int = 0
    payload_length: int = 0
    sizes: list[int] = field(default_factory=list)
    entries: list[int] = field(default_factory=list)
    separators: list[bytes] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    firsts: list[int] = field(default_factory=lambda: [0])

    def add(self, size: int, entries: int, separator: bytes, start: int | None = None) -> None:
        """Append a page; it starts where the one before it ends unless told otherwise."""
        follows = self.starts[-1] + self.sizes[-1] if self.sizes else 0
        self.starts.append(follows if start is None else start)
        self.firsts.append(self.firsts[-1] + entries)
        self.sizes.append(size)
        self.entries.append(entries)
        self.separators.append(separator)

    def find(self, path: bytes) -> int:
        """The number of the page that holds `path` if any does; -1 if it stands before all."""
        return bisect_right(self.separators, path) - 1

    def __len__(self) -> int:
        """Number of pages."""
        return len(self.sizes)

    @property
    def entry_count(self) -> int:
        """Number of entries of all pages."""
        return self.firsts[-1]

    def to_bytes(self) -> bytes:
        """The page table of format section 9."""
        return b"".join(
            (
                write_varint(self.section_at),
                write_varint(self.payload_length),
                write_varint(len(self)),
                write_column(self.sizes),
                write_column(self.entries),
                write_prefixed(self.separators),
            )
        )

    @classmethod
    def read(cls, cursor: Cursor, archive_size: int) -> PageTable:
        """Read a page table and check that it adds up; every page takes some of the archive's bytes."""
        table = cls(cursor.varint(), cursor.varint())
        pages = cursor.varint(min(cursor.remaining, archive_size // PAGE_HEADER_SIZE))
        sizes = cursor.numbers(pages, PAGE_HEADER_SIZE + PAGE_LIMIT + CODED_SLACK)
        entries = cursor.numbers(pages, PAGE_ENTRIES_LIMIT)
        for page in zip(sizes, entries, cursor.prefixed(pages, SEPARATORS_LIMIT), strict=True):
            table.add(*page)
        if sum(sizes) != table.payload_length or (sizes and min(sizes) <= PAGE_HEADER_SIZE):
            raise cursor.fail("pages do not fill their section")
        if any(a >= b for a, b in zip(table.separators, table.separators[1:], strict=False)):
            raise cursor.fail("pages are out of order")
        return table


@dataclass(slots=True)
class BlockTable:
    """Where the blocks are, in columns.

    Attributes:
        at: offset of each block's header; -1 for a block that recovery did not find.
        coded, decoded: sizes in bytes.
        flags: block flags.
        references: how many blocks before each one its reference stands; 0 without one.
    """

    at: array[int]
    coded: array[int]
    decoded: array[int]
    flags: array[int]
    references: array[int]

    @classmethod
    def of(
        cls,
        at: list[int],
        coded: list[int],
        decoded: list[int],
        flags: list[int],
        references: list[int],
    ) -> BlockTable:
        """From lists of equal length."""
        columns = (array("Q", values) for values in (coded, decoded, flags, references))
        return cls(array("q", at), *columns)

    def __len__(self) -> int:
        """Number of blocks."""
        return len(self.at)

    def to_bytes(self) -> bytes:
        """The block columns of format section 9."""
        gaps = [0] * len(self)
        for number in range(1, len(self)):
            end = self.at[number - 1] + BLOCK_HEADER_SIZE + self.coded[number - 1]
            gaps[number] = self.at[number] - end
        return b"".join(
            (
                write_varint(len(self)),
                write_varint(self.at[0] if len(self) else 0),
                write_column(gaps),
                write_column(self.coded),
                write_column(self.decoded),
                write_column(self.flags),
                write_column(self.references),
            )
        )

    def reference(self, number: int) -> int | None:
        """The block that a block was coded after; None where it was coded alone.

        Raises:
            CorruptArchiveError: it has a reference itself.
        """
        distance = self.references[number]
        if not distance:
            return None
        if self.references[number - distance]:
            raise CorruptArchiveError(
                f"block {number} has block {number - distance} as its reference, which has one itself"
            )
        return number - distance

    def needed(self, blocks: Iterable[int]) -> set[int]:
        """Some blocks and their references."""
        known = set(blocks)
        within = (block for block in known if block < len(self))
        return known | {block - self.references[block] for block in within}

    @property
    def referring(self) -> int:
        """How many blocks have a reference."""
        return len(self) - self.references.count(0)

    @classmethod
    def read(cls, cursor: Cursor, archive_size: int) -> BlockTable:
        """Read the block columns; every block takes some of the archive's bytes."""
        count = cursor.varint(min(cursor.remaining, BLOCKS_LIMIT, archive_size // BLOCK_HEADER_SIZE))
        first = cursor.varint()
        gaps, coded, decoded, flags, references = (cursor.column(count) for _ in range(5))
        if not count:
            return cls(array("q"), coded, decoded, flags, references)
        if max(coded) > BLOCK_LIMIT + CODED_SLACK or not min(decoded) >= 1:
            raise cursor.fail("a block has an impossible size")
        if max(decoded) > BLOCK_LIMIT or max(flags) > SUBSTITUTED:
            raise cursor.fail("a block has an impossible size")
        if gaps[0] or first > LARGEST // 2 or max(gaps) > LARGEST // (2 * count) - (BLOCK_LIMIT << 1):
            raise cursor.fail("blocks lie too far apart")
        if max(references) > REFERENCE_LIMIT or any(map(gt, references, range(count))):
            raise cursor.fail("a block has a reference before the first block")
        if any(distance and references[at - distance] for at, distance in enumerate(references)):
            raise cursor.fail("a block has a reference that has one itself")
        steps = (gap + size + BLOCK_HEADER_SIZE for gap, size in zip(gaps[1:], coded, strict=False))
        return cls(array("q", accumulate(chain((first,), steps))), coded, decoded, flags, references)


@dataclass(slots=True)
class Directory:
    """All of format section 9.

    Attributes:
        dictionary_at, dictionary_length: the dictionary's section header and payload; 0 for none.
        index, errata: page tables.
        blocks: block table.
        entries: number of entries after errata.
        content_bytes: sum of the sizes of all files after errata.
        archive_id: first 8 bytes of BLAKE3 of the index's payload.
    """

    dictionary_at: int
    dictionary_length: int
    index: PageTable
    errata: PageTable
    blocks: BlockTable
    entries: int
    content_bytes: int
    archive_id: bytes

    def to_bytes(self, level: int = DEFAULT_LEVEL) -> bytes:
        """The directory's payload: coded chunks; how they are coded follows from the archive's level."""
        decoded = b"".join(
            (
                write_varint(self.dictionary_at),
                write_varint(self.dictionary_length),
                self.index.to_bytes(),
                self.errata.to_bytes(),
                self.blocks.to_bytes(),
                write_varint(self.entries),
                write_varint(self.content_bytes),
                self.archive_id,
            )
        )
        chunks = []
        for start in range(0, len(decoded), DIRECTORY_CHUNK):
            chunk = decoded[start : start + DIRECTORY_CHUNK]
            codec, coded = code_shared(chunk, level)
            chunks.append(len(coded).to_bytes(4, "little") + len(chunk).to_bytes(4, "little"))
            chunks.append(bytes((codec,)) + coded)
        return b"".join(chunks)

    @classmethod
    def from_bytes(cls, payload: bytes, archive_size: int) -> Directory:
        """Read a directory whose check has been compared.

        Args:
            payload: the section's payload.
            archive_size: bytes of the whole file, which bound what the directory may claim.
        """
        limit = min(DIRECTORY_LIMIT, DIRECTORY_SLACK + DIRECTORY_RATIO * archive_size)
        cursor = Cursor(_decode_chunks(payload, limit), "the directory")
        directory = cls(
            cursor.varint(),
            cursor.varint(),
            PageTable.read(cursor, archive_size),
            PageTable.read(cursor, archive_size),
            BlockTable.read(cursor, archive_size),
            cursor.varint(),
            cursor.varint(),
            cursor.take(ID_SIZE),
        )
        cursor.finish()
        lost = directory.index.entry_count - directory.entries
        if not 0 <= lost <= directory.errata.entry_count:
            raise cursor.fail("it claims more entries than its pages have, or fewer")
        return directory


def _decode_chunks(payload: bytes, limit: int) -> bytes:
    parts, at, total = [], 0, 0
    while at < len(payload):
        head = payload[at : at + _CHUNK_HEADER].ljust(_CHUNK_HEADER, b"\0")
        coded_size, size = int.from_bytes(head[:4], "little"), int.from_bytes(head[4:8], "little")
        start = at + _CHUNK_HEADER
        at, total = start + coded_size, total + size
        if at > len(payload) or not 1 <= size <= DIRECTORY_CHUNK or total > limit:
            raise CorruptArchiveError("the directory is damaged: its chunks do not add up")
        parts.append(decode_shared(head[8], payload[start:at], size))
    return b"".join(parts)
