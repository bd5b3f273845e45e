"""Reads an archive: any member for the price of an index page, the dictionary and its own blocks."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from itertools import chain
from types import TracebackType
from typing import BinaryIO, NoReturn, Self

from ucompress.archive.format.entry import (
    HOLE,
    Entry,
    EntryKind,
    Extent,
    MemberInfo,
    MemberName,
    show,
    to_name,
    to_path,
)
from ucompress.archive.format.figures import ArchiveStatistics, statistics_of
from ucompress.archive.format.layout import check
from ucompress.archive.format.source import FileSource
from ucompress.archive.reading.blocks import BlockReader, too_much_memory
from ucompress.archive.reading.lookup import PAGE_CACHE, EntryFinder
from ucompress.archive.reading.memberfile import MemberFile
from ucompress.archive.reading.opening import binary_file, naming, open_archive, open_file
from ucompress.config import check_encodable, check_flag, check_number
from ucompress.errors import (
    CorruptArchiveError,
    MemberNotFoundError,
    UnsafeArchiveError,
    UsageError,
)

BLOCK_CACHE = 32 << 20
MEMORY_BOUND = 1 << 30
READ_LIMIT = 4 << 30


class ArchiveReader:
    """An archive opened for reading: it iterates over its members' names; `archive[name]` is a content.

    Any number of threads may read at the same time. Members are named by `str`, raw bytes or `os.PathLike`; a
    slash at the end means nothing. No two archives are equal, and none can be copied: each is an open file.

    Args:
        file: a path, or a seekable file opened for reading in binary; the latter stays open.
        name: what messages call it; None: its path, or the file's name.
        recover: if footer or directory are damaged or cut off, search for what is left, and pass over
            index pages that are damaged beyond repair.
        block_cache, page_cache: bytes kept of decoded blocks and of index pages.
        memory_bound: refuse archives whose decoder would need more bytes, and blocks that do whatever the
            archive declares; no more threads decode at the same time than it has room for.

    Attributes:
        recovered: True if the archive was opened by recovery.
        header: what the archive declares.

    Raises:
        InputError: the path cannot be read, or is no regular file.
        CorruptArchiveError, UnsupportedArchiveError: as the format tells them apart.
        OSError: a file that was given open cannot be read.
        TypeError: it is neither path nor binary file.
        UsageError: the memory bound is no number, `recover` no flag, the file is closed, or the name is
            nothing that a path could be.
    """

    def __init__(
        self,
        file: str | bytes | os.PathLike[str] | BinaryIO,
        *,
        name: str | None = None,
        recover: bool = False,
        block_cache: int = BLOCK_CACHE,
        page_cache: int = PAGE_CACHE,
        memory_bound: int = MEMORY_BOUND,
    ) -> None:
        """Read footer and directory."""
        check_number("memory_bound", memory_bound, least=0)
        check_flag("recover", recover)
        self._owned: BinaryIO | None = None
        if isinstance(file, str | bytes | os.PathLike):
            path = os.fsdecode(file)
            check_encodable("archive", path)
            name = name or path
            stream = self._owned = open_file(path)
        else:
            stream, name = binary_file(file), name or str(getattr(file, "name", "archive"))
        try:
            self._source = FileSource(stream, name)
            with naming(self.name):
                opened = open_archive(self._source, recover=recover)
                if opened.header.decoder_memory > memory_bound:
                    raise too_much_memory("decoding", opened.header.decoder_memory, memory_bound)
        except BaseException:
            if self._owned is not None:
                self._owned.close()
            raise
        self.header, self._directory, self._footer = opened.header, opened.directory, opened.footer
        self._errata_known, self.recovered = opened.errata_known, opened.footer is None
        self._finder = EntryFinder(
            self._source, self._directory, self.header.content_hash_bytes, page_cache, lenient=recover
        )
        self._blocks = BlockReader(
            self._source, self._directory, self.header, block_cache, memory_bound, recovered=self.recovered
        )

    # -- the archive itself

    def __enter__(self) -> Self:
        """The archive itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def __reduce__(self) -> NoReturn:
        """Refuse `copy` and `pickle`: two archives would share one open file."""
        raise TypeError("an Archive is an open file and cannot be copied or pickled: open its path again")

    def close(self) -> None:
        """Close the file if it was opened from a path, and drop the caches; nothing can be read any more."""
        self._source.close()
        if self._owned is not None:
            self._owned.close()
        self._blocks.clear()
        self._finder.clear()

    @property
    def name(self) -> str:
        """The archive's name in messages."""
        return self._source.name

    @property
    def bytes_read(self) -> int:
        """Bytes read from the file so far."""
        return self._source.bytes_read

    @property
    def reads(self) -> int:
        """Number of reads from the file so far."""
        return self._source.reads

    @property
    def is_doubtful(self) -> bool:
        """Whether errata are lost, so that a block may hold other bytes than the index says."""
        return not self._errata_known or self._finder.errata_lost

    @property
    def lost_entries(self) -> int:
        """Members passed over so far, as their index page is damaged; -1: nothing tells how many."""
        return -1 if self.recovered and self._finder.is_index_cut else self._finder.lost_entries

    @property
    def blocks_decoded(self) -> int:
        """Number of blocks decoded so far."""
        return self._blocks.decoded

    @property
    def dictionary(self) -> bytes:
        """The dictionary; empty if the archive has none. Read and repaired when first asked for."""
        with naming(self.name):
            return self._blocks.dictionary

    @property
    def has_record(self) -> bool:
        """Whether there is a recovery record, or a part of one, by which `repair` may mend damage."""
        from ucompress.archive.format.recovery import has_record

        return self.statistics.recovery_bytes > 0 or has_record(self._source)

    @property
    def statistics(self) -> ArchiveStatistics:
        """Figures of the archive, all from header and directory."""
        return statistics_of(self._source.size, self.header, self._directory, self._footer)

    # -- members

    def __len__(self) -> int:
        """Number of members."""
        return self._directory.entries

    def __contains__(self, name: object) -> bool:
        """Whether there is a member of this name."""
        if not isinstance(name, str | bytes | os.PathLike):
            return False
        try:
            path = to_path(name)
        except UsageError:
            return False
        return self._find(path) is not None

    def __iter__(self) -> Iterator[str]:
        """Names of all members, ascending by raw path."""
        return map(to_name, chain.from_iterable(self.paths()))

    def __getitem__(self, name: MemberName) -> bytes:
        """The content of a file; the same as `read`."""
        return self.read(name)

    def entries(self, prefix: bytes = b"") -> Iterator[Entry]:
        """Entries whose raw paths begin with `prefix`, ascending, errata applied."""
        with naming(self.name):
            yield from self._finder.entries(_raw(prefix))

    def paths(self, prefix: bytes = b"") -> Iterator[list[bytes]]:
        """The raw paths of `entries(prefix)`, some thousand in a list: the quickest way to the names."""
        with naming(self.name):
            yield from self._finder.paths(_raw(prefix))

    def info(self, name: MemberName) -> MemberInfo:
        """What the archive says of a member; a hard link shows its file's size, mode and time.

        Raises:
            MemberNotFoundError: there is no such member.
        """
        entry = self.entry(name)
        origin = self.origin(entry)
        stored = [extent for extent in origin.extents if extent.block != HOLE]
        return MemberInfo(
            name=to_name(entry.path),
            path=entry.path,
            kind=entry.kind,
            mode=origin.mode,
            mtime_ns=origin.mtime_ns,
            size=origin.size,
            stored_extents=len(stored),
            holes=origin.size - sum(extent.length for extent in stored),
            digest=origin.digest,
            xattrs=origin.xattrs,
            target=entry.target,
        )

    def entry(self, name: MemberName) -> Entry:
        """The entry of a member, as the index or the errata have it; MemberNotFoundError without one."""
        path = to_path(name)
        entry = self._find(path)
        if entry is None:
            raise MemberNotFoundError(f"{self.name}: there is no member {show(path) or repr('')}")
        return entry

    def origin(self, entry: Entry) -> Entry:
        """The file that a hard link is another name of; other entries themselves."""
        if not isinstance(entry, Entry):
            raise UsageError(f"entry must be an Entry, as `entry` and `entries` give them, not {entry!r}")
        if entry.kind is not EntryKind.HARDLINK:
            return entry
        origin = self._find(entry.target)
        if origin is None or origin.kind is not EntryKind.FILE:
            raise CorruptArchiveError(
                f"{self.name}: {show(entry.path)} links to {show(entry.target)}, no file"
            )
        return origin

    def file(self, name: MemberName) -> Entry:
        """The entry of a file or of the file that a hard link leads to; MemberNotFoundError without one."""
        origin = self.origin(self.entry(name))
        if origin.kind is not EntryKind.FILE:
            what = "a folder" if origin.kind is EntryKind.DIRECTORY else "a symbolic link"
            raise MemberNotFoundError(f"{self.name}: {show(origin.path)} is {what}, not a file")
        return origin

    def _find(self, path: bytes) -> Entry | None:
        with naming(self.name):
            return self._finder.find(path)

    # -- contents

    def read(self, name: MemberName, *, limit: int = READ_LIMIT) -> bytes:
        """The whole content of a file.

        Args:
            name: the member's name.
            limit: refuse larger files, in bytes; `open` reads them in pieces.

        Raises:
            MemberNotFoundError: there is no such file.
            CorruptArchiveError: a block that it needs, or its content hash, does not fit.
            UnsafeArchiveError: the file is larger than `limit`.
            UsageError: `limit` is no number of bytes.
        """
        check_number("limit", limit, least=0)
        entry = self.file(name)
        if entry.size > limit:
            raise UnsafeArchiveError(
                f"{self.name}: {show(entry.path)} has {entry.size} bytes, more than the limit of {limit}"
            )
        data = b"".join([self._extent_bytes(extent) for extent in entry.extents])
        self._check_content(entry, check(data, len(entry.digest)) if entry.digest else None)
        return data

    def open(self, name: MemberName) -> io.BufferedReader:
        """A file's content as a seekable binary file; blocks are decoded as they are needed.

        Raises:
            MemberNotFoundError: there is no such file.
        """
        entry = self.file(name)
        self._check_content(entry, None)
        return io.BufferedReader(MemberFile(entry, self._block, self.name), 1 << 16)

    def blocks_of(self, entry: Entry) -> frozenset[int]:
        """The blocks that reading a file, or what a hard link leads to, decodes; references among them."""
        return self._blocks.needed(self.origin(entry))

    @property
    def tree_hash(self) -> bytes:
        """BLAKE3-256 over what the archive says, by which it is known again; empty if it was recovered."""
        return self._footer.tree_hash if self._footer is not None else b""

    # -- for the modules beside and above this one, which read many members at a time

    def _extent_bytes(self, extent: Extent) -> bytes:
        """The bytes of one extent."""
        if extent.block == HOLE:
            return bytes(extent.length)
        end = extent.offset + extent.length
        data = self._block(extent.block, end)
        self._check_extent(extent, len(data))
        return data[extent.offset : end]

    def _check_extent(self, extent: Extent, size: int) -> None:
        """Refuse an extent that leaves its block of `size` bytes."""
        if extent.offset + extent.length > size:
            raise CorruptArchiveError(f"{self.name}: an extent leaves block {extent.block}")

    def _check_content(self, entry: Entry, digest: bytes | None) -> None:
        """Refuse a content whose hash differs, or that lost errata may have replaced."""
        if digest is not None and entry.digest is not None:
            if digest != entry.digest:
                raise CorruptArchiveError(
                    f"{self.name}: the content of {show(entry.path)} differs from its hash"
                )
        elif self.is_doubtful and self._blocks.is_substituted(entry):
            raise CorruptArchiveError(
                f"{self.name}: {show(entry.path)} may have changed while it was packed; the errata are lost"
            )

    def _block(self, number: int, first: int) -> bytes:
        """The decoded bytes of a block, at least the `first` if it has so many, checked.

        Raises:
            CorruptArchiveError: it is damaged, or not there.
        """
        with naming(self.name):
            return self._blocks.get(number, first)

    def _block_once(self, number: int, first: int | None = None) -> bytes:
        """As `_block`, for readers that need each block only once: nothing is kept in the cache."""
        with naming(self.name):
            return self._blocks.decode(number, first)

    def _decoding_threads(self, wanted: int | None) -> int:
        """How many threads decode: as wanted, or one a core, if the memory bound has room for so many."""
        return self._blocks.threads(wanted)

    def _room_beside(self, threads: int) -> int:
        """Bytes of the memory bound that so many decoding threads leave."""
        return self._blocks.room_beside(threads)

    def _block_batches(self, numbers: Iterable[int]) -> list[list[int]]:
        """Blocks put together so that each reference is decoded once where one thread takes a batch."""
        return self._blocks.batches(numbers)


def _raw(prefix: bytes) -> bytes:
    if not isinstance(prefix, bytes):
        raise UsageError(f"prefix must be bytes, as raw paths are, not {prefix!r}")
    return prefix
