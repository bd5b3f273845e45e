"""The index: entries into pages, and pages found again (format section 6)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from ucompress.archive.directory import PageTable, separator
from ucompress.archive.entry import HOLE, Entry, EntryKind, link_problem, path_problem
from ucompress.archive.layout import (
    BLOCKS_LIMIT,
    LARGEST,
    PAGE_EXTENTS_LIMIT,
    TARGET_LIMIT,
    XATTR_COUNT_LIMIT,
    XATTRS_LIMIT,
    blocks_bound,
)
from ucompress.archive.pages import LINKED, encode_page
from ucompress.codec.block import BLOCK_LIMIT

PAGE_ENTRIES = 8192
PAGE_BYTES = 1 << 20
PAGE_EXTENTS = 1 << 14
"""So few that decoded pages are small beside what a reader keeps of them, however scattered files are."""


class IndexWriter:
    """Cuts sorted entries into pages.

    Parameters:
        hash_length: bytes of content hash kept for a file.
        errata: entries may be cancelled, and hard links need no file before them.

    Attributes:
        table: where each page lies within the section's payload.
        content_bytes: sum of all files' sizes.
    """

    def __init__(self, hash_length: int, *, errata: bool = False) -> None:
        """Start without pages."""
        self._hash_length = hash_length
        self._errata = errata
        self._last = b""
        self._previous = b""
        self.table = PageTable()
        self.content_bytes = 0

    def pages(self, entries: Iterable[Entry]) -> Iterator[bytes]:
        """The coded pages; ValueError for an entry that no archive may have, or out of order."""
        batch: list[Entry] = []
        weight = extents = 0
        for entry in entries:
            self._validate(entry)
            cost = len(entry.path) + len(entry.target) + 64
            cost += sum(len(name) + len(value) for name, value in entry.xattrs)
            full = len(batch) >= PAGE_ENTRIES or weight + cost > PAGE_BYTES
            if batch and (full or extents + len(entry.extents) > PAGE_EXTENTS):
                yield self._page(batch)
                batch, weight, extents = [], 0, 0
            batch.append(entry)
            weight += cost
            extents += len(entry.extents)
        if batch:
            yield self._page(batch)

    def _page(self, batch: list[Entry]) -> bytes:
        page = encode_page(batch, self._hash_length)
        self.table.add(len(page), len(batch), separator(self._last, batch[0].path))
        self._last = batch[-1].path
        return page

    def _validate(self, entry: Entry) -> None:
        """Refuse what a reader would refuse."""
        path = entry.path
        if problem := path_problem(path):
            raise ValueError(f"the path {path[:100]!r} is not allowed: {problem}")
        if path <= self._previous:
            raise ValueError(f"entries are out of order at {path!r}")
        self._previous = path
        if entry.kind is EntryKind.CANCELLED and not self._errata:
            raise ValueError(f"{path!r} is cancelled outside the errata")
        if (entry.kind in LINKED) != (0 < len(entry.target) <= TARGET_LIMIT and b"\0" not in entry.target):
            raise ValueError(f"the target of {path!r} is not allowed")
        if entry.kind is EntryKind.HARDLINK and (problem := link_problem(path, entry.target)):
            raise ValueError(f"the target of {path[:100]!r} is not allowed: {problem}")
        attributes = entry.xattrs
        size = sum(len(name) + len(value) for name, value in attributes)
        if size > XATTRS_LIMIT or len(attributes) > XATTR_COUNT_LIMIT:
            raise ValueError(f"the extended attributes of {path!r} exceed {XATTRS_LIMIT} bytes")
        if any(before[0] >= after[0] for before, after in pairwise(attributes)):
            raise ValueError(f"the extended attributes of {path!r} are out of order")
        if not -(1 << 63) <= entry.mtime_ns < 1 << 63:
            raise ValueError(f"the time of {path!r} does not fit 64 bits")
        if entry.kind is EntryKind.FILE:
            self._validate_extents(entry)
            self.content_bytes += entry.size
        elif entry.size or entry.extents:
            raise ValueError(f"{path!r} is no file but has content")

    def _validate_extents(self, entry: Entry) -> None:
        total, blocks = 0, set()
        for block, offset, length in entry.extents:
            total += length
            if length < 1 or offset < 0 or (block != HOLE and offset + length > BLOCK_LIMIT):
                raise ValueError(f"an extent of {entry.path!r} leaves its block")
            if block != HOLE:
                blocks.add(block)
        if len(entry.extents) > PAGE_EXTENTS_LIMIT:
            raise ValueError(
                f"{entry.path!r} lies in {len(entry.extents)} extents; the format has room for "
                f"{PAGE_EXTENTS_LIMIT}"
            )
        if total != entry.size or total > LARGEST:
            raise ValueError(f"the extents of {entry.path!r} do not add up to {entry.size} bytes")
        if blocks and not 0 <= min(blocks) <= max(blocks) < BLOCKS_LIMIT:
            raise ValueError(f"{entry.path!r} points to a block that cannot be")
        if len(blocks) > blocks_bound(total):
            raise ValueError(f"{entry.path!r} needs {len(blocks)} blocks; {blocks_bound(total)} are allowed")
