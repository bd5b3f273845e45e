"""Walks an archive from its beginning: to resume a writer, and to recover what damage has left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from blake3 import blake3

from ucompress.archive.format.directory import Directory, PageTable, separator
from ucompress.archive.format.layout import (
    BLOCK_HEADER_SIZE,
    BLOCK_MARKER,
    CRITICAL,
    HEADER_SIZE,
    NO_ID,
    PAGE_HEADER_SIZE,
    PROTECTED,
    SECTION_DICTIONARY,
    SECTION_DIRECTORY,
    SECTION_ERRATA,
    SECTION_HEADER_SIZE,
    SECTION_INDEX,
    UNKNOWN_ID,
    ArchiveHeader,
    BlockHeader,
    PageHeader,
    SectionHeader,
    check,
)
from ucompress.archive.format.pages import Page, check_page
from ucompress.archive.format.parity import ProtectedPayload, StripePlan, payload_of
from ucompress.archive.format.source import FileSource
from ucompress.archive.format.state import DIGEST_SIZE
from ucompress.archive.reading.blockfinder import MarkerSearch, block_table, blocks_alone
from ucompress.archive.reading.blocks import read_dictionary
from ucompress.errors import ArchiveError, CorruptArchiveError, UnsupportedArchiveError

_WINDOW = 1 << 20
_SEARCH = 1 << 22
_SEARCH_FREE = 256 << 20
_SEARCH_PER_BYTE = 32

Part = SectionHeader | BlockHeader


@dataclass(slots=True)
class SharedParts:
    """What stands before the blocks.

    Attributes:
        dictionary: (offset of the section header, payload length), zeros for none.
        dictionary_hash: BLAKE3-256 of the decoded dictionary.
        index: where the pages are; None if the index is not there.
        index_hash: BLAKE3-256 of the index's payload.
        end: offset behind these sections.
    """

    dictionary: tuple[int, int] = (0, 0)
    dictionary_hash: bytes = field(default_factory=lambda: blake3(b"").digest())
    index: PageTable | None = None
    index_hash: bytes = bytes(32)
    end: int = HEADER_SIZE


def section_end(at: int, section: SectionHeader) -> int:
    """Offset behind a section whose header stands at `at`."""
    parity = StripePlan.of(section.length).parity_length if section.flags & PROTECTED else 0
    return at + SECTION_HEADER_SIZE + section.length + parity


def read_part(source: FileSource, at: int, archive_id: bytes) -> tuple[Part, int]:
    """The section or block whose header stands at `at`, and the offset behind it.

    Args:
        source: the archive.
        at: offset, in bytes.
        archive_id: what the header must carry; `NO_ID` before the end of the index.

    Raises:
        CorruptArchiveError: no header stands there, it is damaged, or of another archive.
    """
    data = source.read_at(at, BLOCK_HEADER_SIZE)
    if data[:4] == BLOCK_MARKER:
        block = BlockHeader.from_bytes(data, archive_id)
        return block, at + BLOCK_HEADER_SIZE + block.coded_size
    section = SectionHeader.from_bytes(data[:SECTION_HEADER_SIZE], archive_id)
    return section, section_end(at, section)


def identity(source: FileSource) -> bytes:
    """The archive's id, by walking its sections up to the index.

    Raises:
        CorruptArchiveError: one of them is damaged.
    """
    at = HEADER_SIZE
    while True:
        section = SectionHeader.from_bytes(source.read_at(at, SECTION_HEADER_SIZE), NO_ID)
        if section.kind == SECTION_INDEX:
            return section.payload_check
        at = section_end(at, section)


def read_page(payload: ProtectedPayload, at: int) -> bytes:
    """The page at an offset of the index's payload, repaired if need be."""
    for read in (payload.read, payload.repair):
        try:
            header = PageHeader.from_bytes(read(at, PAGE_HEADER_SIZE))
            if at + PAGE_HEADER_SIZE + header.coded_size > payload.length:
                raise CorruptArchiveError("an index page leaves its section")
            data = read(at, PAGE_HEADER_SIZE + header.coded_size)
        except CorruptArchiveError:
            continue
        if check_page(data):
            return data
    raise CorruptArchiveError(f"the index page at {at} of its section is damaged beyond repair")


def walk_pages(source: FileSource, table: PageTable, header: ArchiveHeader) -> Iterator[Page]:
    """All pages of a table, decoded one after the other, repaired where need be.

    Args:
        source: the archive.
        table: where they are.
        header: tells the length of content hashes.

    Raises:
        CorruptArchiveError: one is damaged beyond repair.
    """
    payload = payload_of(source, table.section_at, table.payload_length)
    for at in table.starts:
        yield Page(read_page(payload, at), header.content_hash_bytes, "an index page")


def read_table(source: FileSource, at: int, section: SectionHeader, header: ArchiveHeader) -> PageTable:
    """The page table of an index section, found by walking its pages; damaged pages are left out.

    Args:
        source: the archive.
        at: offset of the section's header, in bytes.
        section: that header.
        header: tells the length of content hashes.
    """
    table = PageTable(at, section.length)
    search = _PageSearch(source, at, section.length)
    start, last = 0, b""
    while start < search.end:
        try:
            data = read_page(search.payload, start)
        except CorruptArchiveError:
            start = search.next(start + 1)
            continue
        with suppress(CorruptArchiveError):
            page = Page(data, header.content_hash_bytes, "an index page")
            if page.paths[0] > last:
                table.add(len(data), len(page), separator(last, page.paths[0]), start)
                last = page.paths[-1]
        start += len(data)
    return table


class _PageSearch:
    """Finds sound pages behind damaged ones.

    What looks like a page's header costs as many bytes of reading and hashing as it claims, and a payload may
    be full of such claims. So the search ends where it has cost a multiple of the payload.
    """

    def __init__(self, source: FileSource, at: int, length: int) -> None:
        self.payload = payload_of(source, at, length)
        # A payload that was cut off, or claims to be larger than the archive, ends with the archive.
        self.end = max(0, min(length, source.size - at - SECTION_HEADER_SIZE))
        self._left = _SEARCH_FREE + _SEARCH_PER_BYTE * self.end

    def next(self, start: int) -> int:
        """Where the next sound page begins from `start` on; the payload's end if none is found."""
        for at in range(start, self.end, _SEARCH):
            length = min(_SEARCH + PAGE_HEADER_SIZE, self.end - at)
            self._left -= length
            found = self._within(self.payload.repair(at, length), at)
            if found is not None:
                return found
        return self.end

    def _within(self, window: bytes, at: int) -> int | None:
        """Where a sound page begins whose header lies in a window; the end if finding it costs too much."""
        # Bytes 13 to 15 of a page are zeros, which few other places have.
        found = window.find(bytes(3), 13)
        while found >= 0:
            begin = found - 13
            with suppress(CorruptArchiveError):
                header = PageHeader.from_bytes(window[begin : begin + PAGE_HEADER_SIZE])
                size = PAGE_HEADER_SIZE + header.coded_size
                if size <= self.end - at - begin:
                    self._left -= size
                    if self._left < 0:
                        return self.end
                    data = window[begin : begin + size]
                    if check_page(data if len(data) == size else self.payload.repair(at + begin, size)):
                        return at + begin
            found = window.find(bytes(3), found + 1)
        return None


def walk_shared(source: FileSource, header: ArchiveHeader, limit: int) -> SharedParts:
    """Dictionary and index of a sound archive, as far as they stand before `limit`.

    Args:
        source: the archive.
        header: tells the length of content hashes.
        limit: offset, in bytes.

    Raises:
        CorruptArchiveError: a section is damaged, or does not end before `limit`.
        UnsupportedArchiveError: a section that must be known is not.
    """
    shared = SharedParts()
    while shared.index is None and shared.end < limit:
        at = shared.end
        section, end = read_part(source, at, NO_ID)
        if not isinstance(section, SectionHeader) or end > limit:
            raise CorruptArchiveError(f"no whole section stands at {at}")
        payload = payload_of(source, at, section.length)
        if section.kind == SECTION_DICTIONARY:
            shared.dictionary = at, section.length
            shared.dictionary_hash = blake3(read_dictionary(payload)).digest()
        elif section.kind == SECTION_INDEX:
            shared.index = read_table(source, at, section, header)
            if sum(shared.index.sizes) != section.length:
                raise CorruptArchiveError("the index is damaged")
            shared.index_hash = hash_payload(payload)
        elif section.flags & CRITICAL:
            raise UnsupportedArchiveError(f"section type {section.kind} is not known here")
        shared.end = end
    return shared


def hash_payload(payload: ProtectedPayload) -> bytes:
    """BLAKE3-256 of a payload as it stands."""
    hasher = blake3()
    for at in range(0, payload.length, _WINDOW):
        hasher.update(payload.read(at, min(_WINDOW, payload.length - at)))
    return hasher.digest()


def hash_head(source: FileSource, end: int) -> bytes:
    """Digest of the archive's bytes before `end`, raw: parity and all."""
    hasher = blake3()
    for at in range(0, end, _WINDOW):
        hasher.update(source.read_at(at, min(_WINDOW, end - at)))
    return hasher.digest(DIGEST_SIZE)


def walk_records(
    source: FileSource, start: int, archive_id: bytes, records: Sequence[bytes]
) -> Iterator[tuple[int, BlockHeader]]:
    """The blocks from `start` on, as long as each record, header and coded bytes, has its digest.

    Args:
        source: the archive, which may end anywhere.
        start: offset of the first block, in bytes.
        archive_id: what the headers must carry.
        records: digests of the records, the first `DIGEST_SIZE` bytes of each, in order.

    Yields:
        The offset of each, in bytes, and its header.
    """
    at = start
    for number, wanted in enumerate(records):
        try:
            block, end = read_part(source, at, archive_id)
        except ArchiveError:
            return
        if not isinstance(block, BlockHeader) or block.number != number:
            return
        if check(source.read_past(at, end - at), DIGEST_SIZE) != wanted:
            return
        yield at, block
        at = end


def survey(source: FileSource, header: ArchiveHeader) -> Directory:
    """A directory of all that is found from the beginning on; what is damaged or cut off is left out.

    Where not even the index is there it has no members, and all blocks that are whole.

    Raises:
        CorruptArchiveError: neither the index nor a block is there.
    """
    finder, markers = _Finder(source, header), MarkerSearch(source)
    at = HEADER_SIZE
    while at < source.size:
        try:
            part, end = read_part(source, at, finder.archive_id)
        except CorruptArchiveError:
            at = markers.next(at + 1)
            continue
        finder.take(part, at)
        at = end
    return finder.directory()


def find_moved(source: FileSource, directory: Directory) -> None:
    """Look for blocks that do not stand where the directory says, as where sectors were exchanged.

    The whole archive is searched only if there are such; what is found is noted in the directory.
    """
    table = directory.blocks

    def stands_at(number: int, at: int) -> bool:
        with suppress(ArchiveError):
            part, _ = read_part(source, at, directory.archive_id)
            found = isinstance(part, BlockHeader) and (part.number, part.coded_size, part.decoded_size)
            return found == (number, table.coded[number], table.decoded[number])
        return False

    missing = {number for number, at in enumerate(table.at) if not stands_at(number, at)}
    markers, at = MarkerSearch(source), HEADER_SIZE
    while missing and (at := markers.next(at)) < source.size:
        number = int.from_bytes(source.read_past(at + 4, 4), "little")
        if number in missing and stands_at(number, at):
            table.at[number] = at
            missing.discard(number)
        at += 1


class _Finder:
    """Collects parts into a directory."""

    def __init__(self, source: FileSource, header: ArchiveHeader) -> None:
        self._source = source
        self._header = header
        self._dictionary = (0, 0)
        self._index: PageTable | None = None
        self._errata = PageTable()
        self._blocks: dict[int, tuple[int, BlockHeader]] = {}
        self.archive_id = NO_ID

    def take(self, part: Part, at: int) -> None:
        if isinstance(part, BlockHeader):
            if self._index is not None and at + BLOCK_HEADER_SIZE + part.coded_size <= self._source.size:
                self._blocks.setdefault(part.number, (at, part))
        elif part.kind == SECTION_DICTIONARY and self._index is None:
            self._dictionary = at, part.length
        elif part.kind == SECTION_INDEX and self._index is None:
            self._index = read_table(self._source, at, part, self._header)
            self.archive_id = part.payload_check
        elif part.kind == SECTION_ERRATA:
            self._errata = read_table(self._source, at, part, self._header)
        elif part.kind != SECTION_DIRECTORY and part.flags & CRITICAL:
            raise UnsupportedArchiveError(f"section type {part.kind} is not known here")

    def directory(self) -> Directory:
        index, blocks = self._index, self._blocks
        if index is None:
            index, self.archive_id = PageTable(), UNKNOWN_ID
            blocks = blocks_alone(self._source)
        return Directory(
            *self._dictionary,
            index,
            self._errata,
            block_table(blocks),
            index.entry_count,
            -1,
            self.archive_id,
        )
