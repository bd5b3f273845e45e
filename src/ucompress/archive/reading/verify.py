"""Checks an archive without writing: every byte is read, every block decoded, every claim compared.

Whole files are the exception where holes make them larger than the archive by far (`HashBudget`), and with
a share of the blocks those that it does not hold.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, pairwise
from typing import TYPE_CHECKING

from blake3 import blake3

from ucompress.archive.format.directory import Directory
from ucompress.archive.format.entry import HOLE, Entry, EntryKind, Progress, show
from ucompress.archive.format.layout import (
    BLOCK_HEADER_SIZE,
    CRITICAL,
    FOOTER_SIZE,
    HEADER_SIZE,
    NO_ID,
    SECTION_DICTIONARY,
    SECTION_DIRECTORY,
    SECTION_ERRATA,
    SECTION_HEADER_SIZE,
    SECTION_INDEX,
    SECTION_RECOVERY,
    BlockHeader,
    Footer,
    SectionHeader,
    check,
)
from ucompress.archive.format.parity import StripePlan, build_parity, payload_of
from ucompress.archive.format.source import FileSource
from ucompress.archive.reading.contents import ContentHashes, bounds
from ucompress.archive.reading.hashing import HashBudget
from ucompress.archive.reading.lookup import EntryFinder
from ucompress.archive.reading.salvage import hash_payload, read_part
from ucompress.archive.reading.verdict import BlockShare, LostMember, VerifyReport
from ucompress.codec.levels import LEVELS, MIX, codec_of
from ucompress.errors import ArchiveError, CorruptArchiveError, UnsupportedArchiveError, UsageError
from ucompress.threads import ThreadPool

if TYPE_CHECKING:
    from ucompress.archive.reading.reader import ArchiveReader

CHUNK = 64
"""Blocks between two questions whether a part of a check has gone on for long enough."""

SLOW_CHUNK = 4
"""So many at levels whose blocks take as long to decode as to code."""

_SLOW = frozenset(level for level in LEVELS if codec_of(level) == MIX)
_WINDOW = 1 << 20
_PAGES = 8 << 20
"""Bytes of decoded pages that are kept: who goes over more of them twice finds none again."""

KNOWN_SECTIONS = {
    SECTION_DICTIONARY: "dictionary",
    SECTION_INDEX: "index",
    SECTION_ERRATA: "errata",
    SECTION_DIRECTORY: "directory",
}
"""Their names in messages."""


def verify(
    archive: ArchiveReader,
    source: FileSource,
    directory: Directory,
    footer: Footer | None,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
    share: BlockShare | None = None,
) -> VerifyReport:
    """Check header, sections, parity, every block, every entry, content hashes and the tree hash.

    Of a share of the blocks all the same, but content hashes only of files that lie in it.

    Args:
        archive, source, directory, footer: the opened archive and its parts.
        threads: decoding threads, at most; None: as many as there are cores.
        progress: called with ("block N", decoded bytes) after each block, from any thread.
        share: which blocks; None: all.

    Returns:
        A report; damage that parity repairs is a problem too, since the next damage may be too much.

    Raises:
        UsageError: the number of threads is none, or the share no share.
    """
    if not isinstance(share, BlockShare | None):
        raise UsageError(f"share must be a BlockShare or None, not {share!r}")
    threads = archive._decoding_threads(threads)
    room = archive._room_beside(threads)
    job = _Verification(archive, source, directory, footer, progress, share or BlockShare(), room)
    return job.run(threads)


class _Verification:
    def __init__(
        self,
        archive: ArchiveReader,
        source: FileSource,
        directory: Directory,
        footer: Footer | None,
        progress: Progress | None,
        share: BlockShare,
        room: int,
    ) -> None:
        total = len(directory.blocks)
        self._blocks = range(*slice(share.start, share.stop).indices(total))
        self._enough, self._passed = share.enough, share.passed
        self._archive = archive
        self._source = source
        self._directory = directory
        self._footer = footer
        self._progress = progress
        self._hashes = HashBudget(source.size)
        self._report = VerifyReport()
        self._told: set[str] = set()
        self._unreadable_blocks: set[int] = set()
        self._lost: dict[bytes, LostMember] = {}
        # One of its own, that passes over lost pages, whatever the archive was opened for.
        self._finder = EntryFinder(source, directory, archive.header.content_hash_bytes, _PAGES, lenient=True)
        self._contents = ContentHashes(
            self._hashed_entries(), archive.header.content_hash_bytes, *bounds(room, source.size)
        )

    def _hashed_entries(self) -> Iterator[tuple[bytes, Entry | None]]:
        """All paths, with the entries whose content is hashed while blocks are checked."""
        if not self._archive.header.content_hash_bytes:
            return
        try:
            for entry in self._finder.entries(b""):
                hashed = entry.digest is not None and entry.extents
                chosen = hashed and _lies_in(entry, self._blocks) and self._hashes.allows(entry)
                yield entry.path, entry if chosen else None
        except ArchiveError:
            return  # told when the entries are checked

    def run(self, threads: int) -> VerifyReport:
        if self._footer is None:
            self._problem("the archive was recovered: its end is damaged or cut off")
        elif self._source.read_past(0, HEADER_SIZE) != self._footer.header:
            self._problem("the header is damaged (the footer's copy is sound)")
        for kind, at, length in self._sections():
            self._check_section(kind, at, length)
        if self._footer is not None:
            self._check_gaps()
        with ThreadPool(threads) as pool:
            for chunk in self._chunks():
                self._check_chunk(chunk, pool)
        self._check_entries()
        self._check_tree_hash()
        self._report.lost = list(self._lost.values())
        return self._report

    def _chunks(self) -> Iterator[range]:
        """The blocks to be checked, in parts where they may be enough before the end."""
        step = max(1, len(self._blocks))
        if self._enough is not None:
            step = SLOW_CHUNK if self._archive.header.level in _SLOW else CHUNK
        self._report.next_block = self._blocks.start
        for at in range(0, len(self._blocks), step):
            chunk = self._blocks[at : at + step]
            yield chunk
            self._report.next_block = chunk.stop
            if self._passed is not None:
                self._passed(chunk.stop, self._report.problems)
            if self._enough is not None and self._enough():
                return

    def _check_chunk(self, chunk: range, pool: ThreadPool) -> None:
        batches = self._archive._block_batches(chunk)
        for number, checked in sorted(chain.from_iterable(pool.map(self._check_blocks, batches))):
            if isinstance(checked, ArchiveError):
                self._unreadable_blocks.add(number)
                self._failure(checked)
            else:
                self._report.blocks += 1
                self._report.unique_bytes += checked

    def _failure(self, error: ArchiveError) -> None:
        """Note what an error says."""
        self._problem(str(error), damage=not isinstance(error, UnsupportedArchiveError))

    def _problem(self, message: str, *, damage: bool = True) -> None:
        """Note a problem; one that many members meet is told once."""
        self._report.damaged |= damage
        if message not in self._told:
            self._told.add(message)
            self._report.problems.append(message)

    def _sections(self) -> Iterator[tuple[int, int, int]]:
        """Type, offset and payload length of every section that the archive has."""
        directory, footer = self._directory, self._footer
        if directory.dictionary_at:
            yield SECTION_DICTIONARY, directory.dictionary_at, directory.dictionary_length
        yield SECTION_INDEX, directory.index.section_at, directory.index.payload_length
        if directory.errata.section_at:
            yield SECTION_ERRATA, directory.errata.section_at, directory.errata.payload_length
        if footer is not None:
            yield SECTION_DIRECTORY, footer.directory_at, footer.directory_length

    def _check_section(self, kind: int, at: int, length: int) -> None:
        """Header and parity of one section."""
        name = KNOWN_SECTIONS[kind]
        archive_id = NO_ID if kind <= SECTION_INDEX else self._directory.archive_id
        start = at + SECTION_HEADER_SIZE
        payload = self._source.read_past(start, length)
        try:
            header = SectionHeader.from_bytes(self._source.read_at(at, SECTION_HEADER_SIZE), archive_id)
            if (header.kind, header.length, header.payload_check) != (kind, length, check(payload, 8)):
                raise CorruptArchiveError("a section header is damaged")
        except ArchiveError as error:
            self._problem(f"{name}: {error}", damage=not isinstance(error, UnsupportedArchiveError))
        parity_length = StripePlan.of(length).parity_length
        parity = self._source.read_past(start + length, parity_length)
        try:
            with self._source.explaining(start, length + parity_length):
                if build_parity(payload) != parity:
                    raise CorruptArchiveError("payload or parity is damaged")
        except CorruptArchiveError as error:
            self._problem(f"{name}: {error}")

    def _check_gaps(self) -> None:
        """Nothing but sections that need not be known may stand beside the parts that the directory names."""
        table = self._directory.blocks
        parts = [(0, HEADER_SIZE)]
        for _, at, length in self._sections():
            parts.append((at, at + SECTION_HEADER_SIZE + length + StripePlan.of(length).parity_length))
        ends = (at + BLOCK_HEADER_SIZE + coded for at, coded in zip(table.at, table.coded, strict=True))
        parts += zip(table.at, ends, strict=True)
        parts.append((self._source.size - FOOTER_SIZE, self._source.size))
        parts.sort()
        for (_, end), (begin, _) in pairwise(parts):
            if begin < end:
                self._problem(f"parts of the archive overlap at {begin}")
            elif begin > end:
                self._check_gap(end, begin)

    def _check_gap(self, at: int, end: int) -> None:
        """Sections follow each other from `at` to `end` without a gap, and have the bytes of their checks."""
        archive_id = NO_ID if at < self._directory.index.section_at else self._directory.archive_id
        while at < end:
            try:
                part, behind = read_part(self._source, at, archive_id)
                if not isinstance(part, SectionHeader) or part.kind in KNOWN_SECTIONS or behind > end:
                    raise CorruptArchiveError("they belong to no part of the archive")
                if part.flags & CRITICAL:
                    raise UnsupportedArchiveError(f"section type {part.kind} is not known here")
            except UnsupportedArchiveError as error:
                self._failure(error)
                return
            except ArchiveError:
                self._problem(f"{end - at} bytes from {at} on belong to no part of the archive")
                return
            self._check_payload(part, at + SECTION_HEADER_SIZE)
            at = behind

    def _check_payload(self, section: SectionHeader, start: int) -> None:
        """Compare the payload of a section that no member needs with its check."""
        hasher, end = blake3(), start + section.length
        for at in range(start, end, _WINDOW):
            hasher.update(self._source.read_past(at, min(_WINDOW, end - at)))
        try:
            with self._source.explaining(start, section.length):
                if hasher.digest(len(section.payload_check)) != section.payload_check:
                    raise CorruptArchiveError("its bytes differ from their check; no member needs them")
        except CorruptArchiveError as error:
            name = (
                "recovery record" if section.kind == SECTION_RECOVERY else f"section of type {section.kind}"
            )
            self._problem(f"{name}: {error}")

    def _check_blocks(self, numbers: list[int]) -> list[tuple[int, ArchiveError | int]]:
        return [(number, self._check_block(number)) for number in numbers]

    def _check_block(self, number: int) -> ArchiveError | int:
        """A block's decoded size, or why it fails."""
        try:
            data = self._archive._block_once(number)
        except ArchiveError as error:
            # Not the same one: by its traceback it would keep the block's bytes and the decoder.
            return type(error)(str(error))
        self._contents.show(number, data)
        if self._progress is not None:
            self._progress(f"block {number}", len(data))
        return len(data)

    def _check_entries(self) -> None:
        """Every entry: its extents, its hard link, its content hash."""
        directory, total = self._directory, 0
        try:
            for entry in self._finder.entries(b""):
                self._report.entries += 1
                total += entry.size
                self._check_entry(entry)
        except ArchiveError as error:
            self._failure(error)
            self._report.nameless = max(0, directory.entries - self._report.entries)
            return
        for page in self._finder.lost_pages.values():
            self._failure(page.error)
        self._report.nameless = self._finder.lost_entries
        if self._finder.lost_pages:
            return
        if directory.content_bytes >= 0 and (self._report.entries, total) != (
            directory.entries,
            directory.content_bytes,
        ):
            self._problem("the directory's totals differ from the index")
        for path in self._finder.stray_errata():
            self._problem(f"the errata speak of {show(path)}, which is not in the index")

    def _check_entry(self, entry: Entry) -> None:
        """Note a member that cannot be read back; a block that fails has been told already."""
        decoded, unreadable = self._directory.blocks.decoded, self._unreadable_blocks
        for block, offset, length in entry.extents:
            if block == HOLE:
                continue
            if block in unreadable:
                self._lose(entry, f"it needs block {block}, which cannot be read", block)
                return
            if block >= len(decoded) or offset + length > decoded[block]:
                message = f"{show(entry.path)} needs bytes that block {block} does not have"
                self._problem(message)
                self._lose(entry, message, block)
                return
        try:
            self._check_content(entry)
        except ArchiveError as error:
            self._failure(error)
            self._lose(entry, str(error))

    def _check_content(self, entry: Entry) -> None:
        """A hard link leads to a file; a file's bytes have its hash."""
        if entry.kind is EntryKind.HARDLINK:
            self._archive.origin(entry)
            origin = self._lost.get(entry.target)
            if origin is not None:
                self._lose(entry, f"it links to {show(entry.target)}: {origin.message}", origin.block)
            return
        digest = entry.digest
        if digest is not None and _lies_in(entry, range(self._blocks.start, self._report.next_block)):
            digest = self._content_hash(entry, len(digest))
            self._report.unhashed += digest is None
        else:
            digest = None
        self._archive._check_content(entry, digest)

    def _content_hash(self, entry: Entry, length: int) -> bytes | None:
        """A file's content hash, taken while blocks were checked or else now; None where it is too much."""
        number = self._contents.number(entry.path)
        if number is not None and (digest := self._contents.digest(number)) is not None:
            return digest
        if (number is None or not self._contents.is_expected(number)) and not self._hashes.allows(entry):
            return None
        hasher = blake3()
        with self._archive.open(entry.path) as file:
            while data := file.read(1 << 20):
                hasher.update(data)
        return hasher.digest(length)

    def _lose(self, entry: Entry, message: str, block: int | None = None) -> None:
        self._lost[entry.path] = LostMember(entry.path, message, block)

    def _check_tree_hash(self) -> None:
        footer, directory = self._footer, self._directory
        if footer is None:
            return
        hasher = blake3(footer.header)
        try:
            hasher.update(blake3(self._archive.dictionary).digest())
        except ArchiveError as error:
            self._failure(error)
            return
        index = payload_of(self._source, directory.index.section_at, directory.index.payload_length)
        hasher.update(hash_payload(index))
        errata = payload_of(self._source, directory.errata.section_at, directory.errata.payload_length)
        hasher.update(hash_payload(errata))
        for at in directory.blocks.at:
            try:
                data = self._source.read_at(at, BLOCK_HEADER_SIZE)
                hasher.update(BlockHeader.from_bytes(data, directory.archive_id).digest)
            except ArchiveError:
                return
        if hasher.digest() != footer.tree_hash:
            self._problem("the tree hash differs")


def _lies_in(entry: Entry, blocks: range) -> bool:
    """Whether all stored bytes of a file are in some blocks."""
    return all(block == HOLE or block in blocks for block, _, _ in entry.extents)
