"""Files that changed between analysis and coding are stored again, as they are found now.

Their planned bytes stand in blocks as zeros, so every content that shares those bytes has lost
them, too. Each lost byte is stored again once, and each changed content once, in blocks after the
planned ones; intact duplicates and longer copies are led there. Files are read and hashed before
anything of them is written. When the primary name of a hard-linked file is lost, or another file's by now,
its other names become files of their own.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ucompress.archive import HOLE, Entry, EntryKind, Extent, blocks_bound
from ucompress.archive.format.layout import PAGE_EXTENTS_LIMIT
from ucompress.checksum import Digest
from ucompress.pipeline.analysis.anew import KEPT_CHANGING
from ucompress.pipeline.reading.digests import DigestIndex
from ucompress.pipeline.reading.spans import ShortFileError
from ucompress.pipeline.writing.entries import entry_of
from ucompress.scan import MemberKind, kept_identity, kept_time, open_source
from ucompress.scan.again import attributes_now

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import BinaryIO

    from ucompress.pipeline.analysis.analyzer import Analysis
    from ucompress.pipeline.placing.plan import Plan
    from ucompress.pipeline.running.context import RunContext
    from ucompress.pipeline.writing.extras import ExtraBlocks, LostBytes
    from ucompress.scan import Manifest, ScanEntry
    from ucompress.scan.opening import Xattrs

ATTEMPTS = 3
"""Times a file that keeps changing is read before it is stored as it comes."""


@dataclass(slots=True)
class _File:
    """A file that is read again, from beginning to end as often as needed.

    Attributes:
        file: open for reading.
        source: its path.
        status: what it was like when it was opened.
        chunk: bytes that are read at a time; a file that is not longer is read once.
    """

    file: BinaryIO
    source: bytes
    status: os.stat_result
    chunk: int
    _whole: bytes | None = None

    def chunks(self) -> Iterator[bytes]:
        """Its bytes, as many as it had when it was opened.

        Raises:
            ShortFileError: it has fewer now.
        """
        if self._whole is not None:
            yield self._whole
            return
        size = self.status.st_size
        self.file.seek(0)
        for at in range(0, size, self.chunk):
            wanted = min(self.chunk, size - at)
            data = self.file.read(wanted)
            if len(data) != wanted:
                raise ShortFileError.of(self.source)
            if wanted == size:
                self._whole = data
            yield data

    def is_of(self, scanned: ScanEntry) -> bool:
        """Whether it is the file that the scan saw, whatever it holds now."""
        return kept_identity(self.status) == (scanned.inode, scanned.device)

    def is_steady(self) -> bool:
        """Whether its size and time are still those that it was opened with."""
        now, before = os.fstat(self.file.fileno()), self.status
        return (now.st_size, now.st_mtime_ns) == (before.st_size, before.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a file turned out to be.

    Attributes:
        entry: how the index has it.
        steady: it held still while it was read.
        exchanged: it is not the file that the scan saw.
    """

    entry: Entry
    steady: bool = True
    exchanged: bool = False


@contextmanager
def _opened(source: bytes, root: bytes | None, chunk: int) -> Iterator[_File]:
    with open(open_source(source, root), "rb") as file:
        yield _File(file, source, os.fstat(file.fileno()), chunk)


class _OtherBytesError(Exception):
    """A file does not have the bytes that were looked for."""


@dataclass(slots=True)
class Corrector:
    """Stores what is affected by changes again in blocks after the planned ones.

    Attributes:
        context: the run.
        manifest: what the scan found.
        analysis: what analysis found.
        plan: where the bytes were planned.
        references: the blocks that need another one, and which.
        lost: what of the planned bytes is not in the blocks.
        extras: the blocks after the planned ones.
    """

    context: RunContext
    manifest: Manifest
    analysis: Analysis
    plan: Plan
    references: Mapping[int, int]
    lost: LostBytes
    extras: ExtraBlocks
    _stored: dict[bytes, tuple[Extent, ...]] = field(default_factory=dict)
    _planned: DigestIndex | None = None
    _ahead: int = 0

    def corrections(self, changed: set[int]) -> list[tuple[Entry, Entry]]:
        """(planned entry, what replaces it) of every affected member, in path order.

        Args:
            changed: the contents that are lost.

        Raises:
            InterruptedJobError: a signal has come.
        """
        affected = self.lost.owners() | changed
        replaced: list[tuple[Entry, Entry]] = []
        parted: set[bytes] = set()
        contents = self.analysis.contents
        content_of = contents.of_entries(len(self.manifest))
        indices = np.flatnonzero(np.isin(content_of, sorted(affected)))
        self._expect(int(contents.sizes[content_of[indices]].sum()))
        for index in indices.tolist():
            ordinal = int(content_of[index])
            scanned = self.manifest[index]
            extents = tuple(Extent(*extent) for extent in self.plan.extents[ordinal])
            planned = entry_of(scanned, extents, contents.digest(ordinal))
            truth = self._correct(scanned, planned, contents.sources(ordinal))
            replaced.append((planned, truth.entry))
            if truth.exchanged or truth.entry.kind is EntryKind.CANCELLED:
                parted.add(truth.entry.path)
        for index, target in self.manifest.targets.items():
            if self.manifest.kinds[index] == MemberKind.HARDLINK and target in parted:
                scanned = self.manifest[index]
                alone = replace(scanned, kind=MemberKind.FILE, target=b"")
                replaced.append((entry_of(scanned), self._correct(scanned, entry_of(alone), ()).entry))
        self._reach(self._ahead)
        self.extras.flush()
        return sorted(replaced, key=lambda pair: pair[0].path)

    def _expect(self, size: int) -> None:
        """Show so many bytes more of work."""
        tracker = self.context.tracker
        self._ahead = size
        tracker.expect((tracker.total_bytes or 0) + size)

    def _reach(self, size: int, path: bytes | None = None) -> None:
        """Count work done, of which there is never more than expected: some files are read several times."""
        size = min(size, self._ahead)
        self._ahead -= size
        self.context.tracker.advance(size=size, path=path)

    def _correct(self, scanned: ScanEntry, planned: Entry, twins: Sequence[bytes]) -> _Found:
        """What replaces a file's planned entry: the file as it is now, or a twin, or nothing."""
        self._reach(0, scanned.path)
        try:
            truth = self._found(scanned, planned, twins)
        except OSError as error:
            reason = error.strerror or str(error)
            self.context.fail_on(
                scanned.path, f"vanished or became unreadable while it was packed ({reason})"
            )
            return _Found(Entry(planned.path, EntryKind.CANCELLED, mode=0))
        if not truth.steady:
            self.context.fail_on(scanned.path, KEPT_CHANGING)
        elif truth.entry.digest != planned.digest:
            place = os.fsdecode(self.context.where(scanned.path))
            self.context.warnings.append(f"{place} changed while it was packed; stored as it was found last")
        return truth

    def _found(self, scanned: ScanEntry, planned: Entry, twins: Sequence[bytes]) -> _Found:
        """What `_store` gives; where the file is gone, another that still has its bytes will do."""
        try:
            return self._store(scanned, scanned.source, planned)
        except OSError:
            for other in twins:
                with suppress(OSError, _OtherBytesError):
                    truth = self._store(scanned, other, planned, wanted=planned.digest).entry
                    kept = truth._replace(mtime_ns=planned.mtime_ns, mode=planned.mode, xattrs=planned.xattrs)
                    return _Found(kept)
            raise

    def _store(
        self, scanned: ScanEntry, source: bytes, planned: Entry, wanted: bytes | None = None
    ) -> _Found:
        """A file as it is now: bytes, time, permissions and attributes are those of one file.

        Where certain bytes are wanted, it does not matter by which folders they are found.

        Raises:
            _OtherBytesError: its bytes are not those wanted; nothing was stored.
            OSError: it cannot be read.
        """
        for attempt in range(1, ATTEMPTS + 1):
            is_last = attempt == ATTEMPTS
            try:
                root = scanned.root if wanted is None else None
                with _opened(source, root, self.extras.block_size) as file:
                    _, digest = self._copy(file, [])
                    steady = file.is_steady()
                    if steady or is_last:
                        if wanted not in (None, digest):
                            raise _OtherBytesError
                        extents, stored = self._extents(file, digest)
                        xattrs = self._attributes(file, scanned)
                        steady = steady and stored == digest and file.is_steady()
            except ShortFileError:
                if is_last:
                    raise
                continue
            if steady or is_last:
                break
        truth = planned._replace(
            size=file.status.st_size,
            mode=stat.S_IMODE(file.status.st_mode),
            mtime_ns=kept_time(file.status.st_mtime_ns),
            extents=extents,
            digest=stored,
            xattrs=xattrs,
        )
        return _Found(truth, steady, exchanged=not file.is_of(scanned))

    def _attributes(self, file: _File, scanned: ScanEntry) -> Xattrs:
        """The attributes of a file as it is now."""
        if file.is_of(scanned) and kept_time(file.status.st_ctime_ns) == scanned.ctime_ns:
            return scanned.xattrs
        xattrs, fault = attributes_now(file.file.fileno())
        if fault is not None:
            self.context.fail_on(scanned.path, fault, packed=True)
        return xattrs

    def _extents(self, file: _File, digest: bytes) -> tuple[tuple[Extent, ...], bytes]:
        """Where the bytes of a hashed file stand, stored unless they are already; and their digest."""
        if digest in self._stored:
            return self._stored[digest], digest
        if self._planned is None:
            self._planned = DigestIndex(self.analysis.contents.digests)
        ordinal = self._planned.find(digest)
        if ordinal in self.context.given_up.contents:
            ordinal = None
        extents = () if ordinal is None else self._mend(file, ordinal, digest)
        stored = digest
        if not extents:
            (pieces,), stored = self._copy(file, [(0, file.status.st_size)])
            extents = tuple(pieces)
        self._stored[stored] = extents
        return extents, stored

    def _mend(self, file: _File, ordinal: int, digest: bytes) -> tuple[Extent, ...]:
        """Where a planned content stands once what it misses is stored from a file that has it.

        Nothing if the file has changed since it was hashed, or if too many blocks would be needed.
        """
        planned = self.plan.extents[ordinal]
        missing = self.lost.missing(planned)
        if missing:
            pieces, found = self._copy(file, [gap.span for gap in missing])
            if found != digest:
                return ()
            for gap, stored in zip(missing, pieces, strict=True):
                self.lost.restore(gap, stored)
        mended = self.lost.mended(planned)
        touched = {extent.block for extent in mended} - {HOLE}
        needed = touched | {self.references.get(block, block) for block in touched}
        fits = len(needed) <= blocks_bound(file.status.st_size) and len(mended) <= PAGE_EXTENTS_LIMIT
        return mended if fits else ()

    def _copy(self, file: _File, spans: Sequence[tuple[int, int]]) -> tuple[list[list[Extent]], bytes]:
        """Store spans (begin, end) of a file: where each stands now, and the digest of all its bytes."""
        hasher = Digest()
        pieces: list[list[Extent]] = [[] for _ in spans]
        at = row = 0
        for data in file.chunks():
            self.context.guard.check()
            hasher.update(data)
            if not spans:  # read for the first time
                self._reach(len(data))
            after = at + len(data)
            while row < len(spans) and spans[row][0] < after:
                begin, end = spans[row]
                pieces[row] += self.extras.append(data[max(begin - at, 0) : end - at])
                if end > after:
                    break
                row += 1
            at = after
        return pieces, hasher.digest()
