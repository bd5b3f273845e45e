"""Writes an archive from beginning to end; what is written and synced can be resumed.

with ArchiveWriter.create(partial, ArchiveHeader(level=6)) as writer:
    writer.write_dictionary(dictionary)         # optional
    writer.write_index(entries)                 # sorted by path; any iterable
    writer.write_block(codec, payload, decoded_size, digest)
    writer.sync()                               # durable up to here
    totals = writer.finish(errata)
publish(partial, final)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from blake3 import blake3

from ucompress.archive.format.coding import code_dictionary, release_coders
from ucompress.archive.format.directory import Directory, PageTable
from ucompress.archive.format.entry import Entry, EntryKind
from ucompress.archive.format.layout import (
    BLOCK_HEADER_SIZE,
    CODED_SLACK,
    CRITICAL,
    HEADER_SIZE,
    ID_SIZE,
    PROTECTED,
    SECTION_DICTIONARY,
    SECTION_ERRATA,
    SECTION_HEADER_SIZE,
    SECTION_INDEX,
    ArchiveHeader,
    BlockHeader,
    SectionHeader,
    check,
)
from ucompress.archive.format.members import Members
from ucompress.archive.format.parity import ParityBuilder
from ucompress.archive.format.recovery import Poll, no_poll, write_record
from ucompress.archive.format.source import FileSource
from ucompress.archive.format.state import DIGEST_SIZE, WriterState, WriterTotals
from ucompress.archive.reading.salvage import hash_head, walk_pages, walk_records, walk_shared
from ucompress.archive.writing.ending import ending
from ucompress.archive.writing.index import IndexWriter
from ucompress.archive.writing.partial import open_partial, writing_to
from ucompress.archive.writing.written import WrittenBlocks
from ucompress.codec.block import Reference
from ucompress.codec.levels import DICTIONARY_LIMIT
from ucompress.errors import ArchiveError, CorruptArchiveError, OutputError, ResumeFailedError

_COPY = 1 << 20


class ArchiveWriter:
    """Writes sections and blocks in the format's order; use `create` or `resume`.

    OSErrors of the partial file are raised as `OutputError`; the partial file is left as it is.
    """

    def __init__(self, path: Path, file: BinaryIO, header: ArchiveHeader) -> None:
        """Internal; `create` and `resume` are the ways in."""
        self._path = path
        self._file = file
        self._header = header
        self._at = HEADER_SIZE
        self._dictionary = (0, 0)
        self._dictionary_hash = blake3(b"").digest()
        self._index: PageTable | None = None
        self._index_hash = bytes(32)
        self._content_bytes = 0
        self._blocks = WrittenBlocks()
        self.record_digest = b""
        """Digest of the block record written last, as a `WriterState` keeps it."""

    @classmethod
    def create(cls, path: str | os.PathLike[str], header: ArchiveHeader) -> ArchiveWriter:
        """Start a new archive at a partial path, replacing a partial archive that stands there.

        Args:
            path: the partial file; `publish` gives it its final name.
            header: what the archive declares.

        Raises:
            JobBusyError: another process writes the partial file.
            OutputError: it cannot be made, or something else stands there.
        """
        target = Path(path)
        data = header.to_bytes()
        try:
            file = open_partial(target, create=True)
            file.truncate(0)
        except OSError as error:
            raise OutputError(f"cannot create {target}: {error.strerror}") from error
        writer = cls(target, file, header)
        writer._write(data)
        return writer

    @classmethod
    def resume(cls, path: str | os.PathLike[str], state: WriterState) -> ArchiveWriter:
        """Continue a partial archive: what is as `state` says stays, the rest is cut off.

        `blocks` tells afterwards how many blocks stayed: from the first on that is not byte for byte
        what was written, all have to be written again.

        Raises:
            JobBusyError: another process writes the partial file.
            ResumeFailedError: the partial file is gone, or what stands before its blocks is damaged; it
                is left as it is.
        """
        target = Path(path)
        try:
            file = open_partial(target, create=False)
        except OSError as error:
            raise ResumeFailedError(f"cannot open {target}: {error.strerror}") from error
        except OutputError as error:
            raise ResumeFailedError(str(error)) from error
        try:
            writer = cls._recall(target, file, state)
        except BaseException as error:
            file.close()
            if isinstance(error, ArchiveError | OSError):
                raise ResumeFailedError(f"{target} does not hold what was saved: {error}") from error
            raise
        return writer

    @classmethod
    def _recall(cls, path: Path, file: BinaryIO, state: WriterState) -> ArchiveWriter:
        """Read back from the partial file what the writer had in memory."""
        source = FileSource(file, str(path))
        header = ArchiveHeader.from_bytes(source.read_at(0, HEADER_SIZE))
        writer = cls(path, file, header)
        shared = walk_shared(source, header, source.size)
        if shared.index is None or hash_head(source, shared.end) != state.head:
            raise CorruptArchiveError("dictionary or index are not as they were written")
        writer._dictionary, writer._dictionary_hash = shared.dictionary, shared.dictionary_hash
        writer._at = shared.end
        writer._index, writer._index_hash = shared.index, shared.index_hash
        writer._content_bytes = sum(page.content_bytes for page in walk_pages(source, shared.index, header))
        release_coders()
        for at, block in walk_records(source, shared.end, writer._archive_id, state.records):
            writer._at = writer._blocks.note(at, block)
        file.truncate(writer._at)
        file.seek(writer._at)
        return writer

    def __enter__(self) -> Self:
        """The writer itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close; the partial file stays."""
        self.close()

    def close(self) -> None:
        """Close the partial file without finishing the archive."""
        with writing_to(self._path):
            self._file.close()

    @property
    def position(self) -> int:
        """Bytes written so far."""
        return self._at

    @property
    def _archive_id(self) -> bytes:
        """What ties blocks and later sections to this index; zeros until there is one."""
        return self._index_hash[:ID_SIZE]

    @property
    def has_index(self) -> bool:
        """Whether the index is written; after a resume this tells what is still to do."""
        return self._index is not None

    @property
    def has_dictionary(self) -> bool:
        """Whether a dictionary is written."""
        return self._dictionary != (0, 0)

    @property
    def blocks(self) -> int:
        """Number of blocks written so far."""
        return len(self._blocks)

    def write_dictionary(self, dictionary: bytes) -> int:
        """Write the dictionary section; nothing for an empty dictionary.

        Returns:
            Bytes written.
        """
        if self.has_index or self.has_dictionary:
            raise ValueError("the dictionary comes once, before the index")
        if len(dictionary) > DICTIONARY_LIMIT:
            raise ValueError(f"a dictionary has at most {DICTIONARY_LIMIT} bytes, not {len(dictionary)}")
        if not dictionary:
            return 0
        codec, coded = code_dictionary(dictionary, self._header.level)
        release_coders()  # the index takes smaller ones
        payload = bytes((codec,)) + len(dictionary).to_bytes(4, "little") + check(dictionary, 16) + coded
        before = self._at
        self._dictionary = self._section(SECTION_DICTIONARY, [payload]), len(payload)
        self._dictionary_hash = blake3(dictionary).digest()
        return self._at - before

    def write_index(
        self, members: Members | Iterable[Entry], references: Mapping[int, int] | None = None
    ) -> int:
        """Write the index section.

        Args:
            members: sorted by path, in columns; or entries, of which columns are made.
            references: the blocks that may be coded after another one, and after which.

        Returns:
            Bytes written.

        Raises:
            ValueError: a member that no archive may have, or members out of order.
        """
        if self._index is not None:
            raise ValueError("the index is already written")
        before = self._at
        index = IndexWriter(self._header.content_hash_bytes, level=self._header.level, references=references)
        columns = members if isinstance(members, Members) else Members.of(members)
        hasher = blake3()
        index.table.section_at = self._section(SECTION_INDEX, _hashed(index.pages(columns), hasher))
        index.table.payload_length = sum(index.table.sizes)
        self._index, self._index_hash = index.table, hasher.digest()
        self._content_bytes = index.content_bytes
        release_coders()  # coding the blocks wants the memory
        return self._at - before

    def write_block(
        self,
        codec_id: int,
        payload: bytes,
        decoded_size: int,
        digest: bytes,
        *,
        reference: int | None = None,
        substituted: bool = False,
    ) -> int:
        """Write the next block.

        Args:
            codec_id: 0 stored, 1 zstd frame, 2 LZ, 3 mixed; and 16 times the filter's id.
            payload: coded bytes.
            decoded_size: bytes, 1 to the header's `largest_block`.
            digest: BLAKE3 of the decoded bytes, at least 16 bytes; 16 are kept.
            reference: number of the block that it was coded after; None: none.
            substituted: the block holds other bytes than the index says, because a file changed;
                `finish` must then be given that file's errata.

        Returns:
            The block's number.
        """
        if self._index is None:
            raise ValueError("the index comes before the blocks")
        if not 1 <= decoded_size <= self._header.largest_block:
            raise ValueError(f"a block of {decoded_size} bytes: the header declares another limit")
        if len(digest) < 16 or len(payload) > decoded_size + CODED_SLACK:
            raise ValueError("a block's digest is too short or its payload too long")
        number, distance = len(self._blocks), self._blocks.distance(codec_id, reference)
        sizes, checks = (len(payload), decoded_size), (digest[:16], check(payload, 8))
        header = BlockHeader(number, codec_id, *sizes, *checks, substituted, distance)
        record = header.to_bytes(self._archive_id) + payload
        self._write(record)
        self._at = self._blocks.note(self._at, header)
        self.record_digest = check(record, DIGEST_SIZE)
        return number

    def read_block(self, number: int) -> Reference:
        """A block written before, as others may be coded after it."""
        at, coded = self._blocks.at[number], self._blocks.coded[number]
        payload = self._read_back(lambda source: source.read_at(at + BLOCK_HEADER_SIZE, coded))
        return self._blocks.as_reference(number, payload)

    def head_digest(self) -> bytes:
        """Digest of what stands before the blocks, as a `WriterState` keeps it."""
        if self._index is None:
            raise ValueError("the index is not written yet")
        end = self._blocks.at[0] if len(self._blocks) else self._at
        return self._read_back(lambda source: hash_head(source, end))

    def _read_back(self, read: Callable[[FileSource], bytes]) -> bytes:
        """What `read` finds in what was written so far."""
        with writing_to(self._path):
            self._file.flush()
            data = read(FileSource(self._file, str(self._path)))
            self._file.seek(self._at)
        return data

    def sync(self) -> None:
        """Make all that is written durable."""
        with writing_to(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())

    def finish(
        self, errata: Iterable[tuple[Entry, Entry]] = (), *, recovery: int = 0, poll: Poll = no_poll
    ) -> WriterTotals:
        """Write errata, recovery record, directory and footer, and make all of it durable.

        Args:
            errata: (planned entry, what replaces it) sorted by path; the second of kind
                `EntryKind.CANCELLED` takes the member back.
            recovery: size of the recovery record in percent of the rest; 0 for none.
            poll: called while the record is made; what it raises leaves an archive that can be resumed.
        """
        if self._index is None:
            raise ValueError("an archive needs an index")
        index, blocks = self._index, self._blocks
        entries, content_bytes = index.entry_count, self._content_bytes
        replacements = []
        for planned, truth in errata:
            if planned.path != truth.path:
                raise ValueError("an erratum replaces an entry of the same path")
            entries -= truth.kind is EntryKind.CANCELLED
            content_bytes += truth.size - planned.size
            replacements.append(truth)
        errata_writer = IndexWriter(self._header.content_hash_bytes, level=self._header.level, errata=True)
        errata_hash = blake3()
        if replacements:
            pages = _hashed(errata_writer.pages(Members.of(replacements)), errata_hash)
            errata_writer.table.section_at = self._section(SECTION_ERRATA, pages)
            errata_writer.table.payload_length = sum(errata_writer.table.sizes)
        errata_end = self._at
        directory = Directory(
            *self._dictionary,
            index,
            errata_writer.table,
            blocks.table(),
            entries,
            content_bytes,
            self._archive_id,
        ).to_bytes(self._header.level)
        header = self._header.to_bytes()
        tree_hash = blake3(header + self._dictionary_hash + self._index_hash + errata_hash.digest())
        tree_hash.update(blocks.digests)
        plan, at, end = ending(self._at, header, directory, self._archive_id, tree_hash.digest(), recovery)
        if plan is not None:
            with writing_to(self._path):
                write_record(self._file, str(self._path), plan, self._archive_id, end, poll)
            self._at += plan.section_length
        self._write(end)
        self._at += len(end)
        self.sync()
        block_bytes = sum(blocks.coded) + BLOCK_HEADER_SIZE * len(blocks)
        dictionary_bytes = index.section_at - HEADER_SIZE
        return WriterTotals(
            archive_bytes=self._at,
            dictionary_bytes=dictionary_bytes,
            index_bytes=errata_end - HEADER_SIZE - dictionary_bytes - block_bytes,
            block_bytes=block_bytes,
            directory_bytes=len(end),
            recovery_bytes=at - errata_end,
            blocks=len(blocks),
            unique_bytes=sum(blocks.decoded),
            entries=entries,
            content_bytes=content_bytes,
            tree_hash=tree_hash.digest(),
        )

    def _section(self, kind: int, payload: Iterable[bytes]) -> int:
        """Write a critical, protected section of unknown length; returns its header's offset."""
        start, length, archive_id, hasher = self._at, 0, self._archive_id, blake3()
        self._write(bytes(SECTION_HEADER_SIZE))
        for part in payload:
            self._write(part)
            hasher.update(part)
            length += len(part)
        parity = ParityBuilder(length)
        header = SectionHeader(kind, CRITICAL | PROTECTED, length, hasher.digest(8))
        with writing_to(self._path):
            self._file.seek(start + SECTION_HEADER_SIZE)
            for at in range(0, length, _COPY):
                parity.feed(self._file.read(min(_COPY, length - at)))
            self._file.seek(start)
            self._file.write(header.to_bytes(archive_id))
            self._file.seek(start + SECTION_HEADER_SIZE + length)
        tail = parity.finish()
        self._write(tail)
        self._at = start + SECTION_HEADER_SIZE + length + len(tail)
        return start

    def _write(self, data: bytes) -> None:
        with writing_to(self._path):
            self._file.write(data)


def _hashed(parts: Iterable[bytes], hasher: blake3) -> Iterator[bytes]:
    """The parts, each put into the hash on its way."""
    for part in parts:
        hasher.update(part)
        yield part
