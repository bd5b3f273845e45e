"""Finds entries: two levels of pages, errata before the index."""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from typing import NamedTuple

from ucompress.archive.format.directory import Directory, PageTable
from ucompress.archive.format.entry import Entry, EntryKind
from ucompress.archive.format.layout import SECTION_HEADER_SIZE
from ucompress.archive.format.pages import Page, check_page
from ucompress.archive.format.parity import payload_of
from ucompress.archive.format.source import FileSource
from ucompress.archive.reading.cache import ByteCache
from ucompress.config import available_cores
from ucompress.errors import ArchiveError, CorruptArchiveError

PAGE_CACHE = 32 << 20
"""Bytes of decoded pages that a reader keeps."""

PATHS_AT_ONCE = 4096

_BEHIND_SLASH = b"0"
"""What comes next to a slash: behind a path, the least of what is neither it nor below it."""

MOST_AHEAD = 2
"""Pages that other threads decode while one is listed: so many more are in memory."""


class LostPage(NamedTuple):
    """A page that was passed over.

    Attributes:
        entries: how many it had.
        error: why.
    """

    entries: int
    error: ArchiveError


class EntryFinder:
    """Reads index pages as they are needed, and repairs them from parity.

    Args:
        source: the archive.
        directory: where its pages are.
        hash_length: the archive's Content_Hash_Length.
        cache: bytes of decoded pages that are kept.
        lenient: pass over pages that are damaged beyond repair.

    Attributes:
        lost_pages: pages that were passed over, by (whether it is a page of the errata, its number).
        errata_lost: whether a page of the errata was passed over.
    """

    def __init__(
        self, source: FileSource, directory: Directory, hash_length: int, cache: int, *, lenient: bool
    ) -> None:
        """Nothing is read yet."""
        self._source = source
        self._index = directory.index
        self._errata = directory.errata
        self._hash_length = hash_length
        self._needed = directory.blocks.needed if directory.blocks.referring else None
        self._pages: ByteCache[Page] = ByteCache(cache)
        self._lenient = lenient
        self.lost_pages: dict[tuple[bool, int], LostPage] = {}
        self.errata_lost = False

    def clear(self) -> None:
        """Drop the cached pages."""
        self._pages.clear()

    @property
    def lost_entries(self) -> int:
        """Members passed over so far with pages of the index that the directory counts."""
        return sum(page.entries for (errata, _), page in self.lost_pages.items() if not errata)

    @property
    def is_index_cut(self) -> bool:
        """Whether the directory leaves out pages of the index, as one made anew of what was found."""
        return not self._index.section_at or sum(self._index.sizes) != self._index.payload_length

    def find(self, path: bytes) -> Entry | None:
        """The entry of a path, errata applied."""
        for table in (self._errata, self._index):
            number = table.find(path)
            if number < 0:
                continue
            try:
                page = self._page(table, number)
            except CorruptArchiveError as error:
                self._pass_over(table, number, error)
                if table is self._index:
                    raise
                continue
            at = bisect_left(page.paths, path)
            if at < len(page) and page.paths[at] == path:
                entry = page.entry(at)
                return None if entry.kind is EntryKind.CANCELLED else entry
        return None

    def may_have_lost(self, path: bytes) -> bool:
        """Whether a path, or one below it, may be of a page of the index that was passed over."""
        first, last = self._index.find(path), self._index.find(path + _BEHIND_SLASH)
        return any((False, number) in self.lost_pages for number in range(max(0, first), last + 1))

    def entries(self, prefix: bytes) -> Iterator[Entry]:
        """Entries whose paths begin with `prefix`, ascending, errata applied."""
        planned = self._scan(self._index, prefix)
        return self._corrected(planned, prefix) if self._errata else planned

    def _corrected(self, planned: Iterator[Entry], prefix: bytes) -> Iterator[Entry]:
        """What the errata make of entries whose paths begin with `prefix`."""
        marked = heapq.merge(
            ((entry.path, 0, entry) for entry in self._scan(self._errata, prefix)),
            ((entry.path, 1, entry) for entry in planned),
            key=lambda row: row[:2],
        )
        last = None
        for path, _, entry in marked:
            if path != last and entry.kind is not EntryKind.CANCELLED:
                yield entry
            last = path

    def paths(self, prefix: bytes) -> Iterator[list[bytes]]:
        """The paths of `entries`, those of a page at a time; much quicker than the entries."""
        if not self._errata:
            for page, start, stop in self._pages_of(self._index, prefix, ahead=0 if prefix else MOST_AHEAD):
                yield page.paths[start:stop]
            return
        entries = self.entries(prefix)
        while paths := [entry.path for entry in islice(entries, PATHS_AT_ONCE)]:
            yield paths

    def stray_errata(self) -> Iterator[bytes]:
        """Paths that the errata speak of and the index does not have: none in a sound archive."""
        for entry in self._scan(self._errata, b""):
            planned = next(self._scan(self._index, entry.path), None)
            if planned is None or planned.path != entry.path:
                yield entry.path

    def _scan(self, table: PageTable, prefix: bytes) -> Iterator[Entry]:
        pages = self._pages_of(table, prefix)
        return chain.from_iterable(page.entries(start, stop) for page, start, stop in pages)

    def _pages_of(
        self, table: PageTable, prefix: bytes, *, ahead: int = 0
    ) -> Iterator[tuple[Page, int, int]]:
        """The pages with entries whose paths begin with `prefix`, and which of a page's entries they are.

        Up to `ahead` of those that follow are decoded by other threads, where there are cores for them.
        """
        numbers = range(max(0, table.find(prefix)), len(table))
        for number, give in self._in_turn(table, numbers, min(ahead, available_cores(), len(numbers) - 1)):
            least = table.separators[number]
            if least > prefix and not least.startswith(prefix):
                return
            try:
                page = give()
            except CorruptArchiveError as error:
                self._pass_over(table, number, error)
                continue
            start = bisect_left(page.paths, prefix)
            stop = bisect_left(page.paths, True, start, key=lambda path: not path.startswith(prefix))
            yield page, start, stop
            if stop < len(page):
                return

    def _pass_over(self, table: PageTable, number: int, error: CorruptArchiveError) -> None:
        """Note a damaged page; raise its error where none is passed over."""
        if not self._lenient:
            raise error
        self.errata_lost |= table is self._errata
        self.lost_pages[table is self._errata, number] = LostPage(table.entries[number], error)

    def _in_turn(
        self, table: PageTable, numbers: Sequence[int], threads: int
    ) -> Iterator[tuple[int, Callable[[], Page]]]:
        """Numbers of pages, each with what gives the page; so many threads decode those that follow."""
        if threads < 2:  # the one that asks would wait for the only other one
            yield from ((number, partial(self._page, table, number)) for number in numbers)
            return
        from ucompress.threads import ThreadPool

        with ThreadPool(threads, thread_name_prefix="ucompress-page") as executor:
            begun = deque(
                (number, executor.submit(self._page, table, number)) for number in numbers[:threads]
            )
            try:
                for following in chain(numbers[threads:], (None,) * threads):
                    number, page = begun.popleft()
                    if following is not None:
                        begun.append((following, executor.submit(self._page, table, following)))
                    yield number, page.result
                    del page
            finally:
                for _, page in begun:
                    page.cancel()

    def _page(self, table: PageTable, number: int) -> Page:
        """One page; where a damaged one is not passed over, the message says how it is."""
        try:
            return self._sound_page(table, number)
        except CorruptArchiveError as error:
            if self._lenient:
                raise
            raise CorruptArchiveError(
                f"{error}; `extract --recover` gives back what other pages name (in Python recover=True)"
            ) from error

    def _sound_page(self, table: PageTable, number: int) -> Page:
        """One page: from the cache, or with one read."""
        key = table is self._errata, number
        page = self._pages.get(key)
        if page is not None:
            return page
        if key in self.lost_pages:
            raise CorruptArchiveError(str(self.lost_pages[key].error))
        start, size = table.starts[number], table.sizes[number]
        at = table.section_at + SECTION_HEADER_SIZE + start
        data = self._source.read_past(at, size)
        if len(data) != size or not check_page(data):
            data = payload_of(self._source, table.section_at, table.payload_length).repair(start, size)
        with self._source.explaining(at, size):
            page = Page(data, self._hash_length, f"index page {number}", self._needed)
        above = number + 1 < len(table) and page.paths[-1] >= table.separators[number + 1]
        if len(page) != table.entries[number] or page.paths[0] < table.separators[number] or above:
            raise CorruptArchiveError(f"index page {number} is not the one that the directory describes")
        if table is self._index and page.cancels:
            raise CorruptArchiveError(f"index page {number} cancels an entry")
        self._pages.put(key, page, page.weight)
        return page
