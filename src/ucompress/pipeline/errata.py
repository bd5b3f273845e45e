"""Files that changed between analysis and coding are stored again, as they are found now.

Their planned bytes stand in blocks as zeros, so every content that shares those bytes needs
its own again, too: an intact duplicate or a longer copy is stored anew unchanged. When the
primary name of a hard-linked file is lost, its other names become files of their own.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ucompress.archive import Entry, EntryKind, Extent
from ucompress.checksum import Digest, short_digest
from ucompress.pipeline.entries import entry_of
from ucompress.pipeline.spans import ShortFileError
from ucompress.scan import MemberKind, kept_time, open_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ucompress.archive import ArchiveWriter
    from ucompress.codec.proven import ProvenCompressor
    from ucompress.pipeline.analyzer import Analysis
    from ucompress.pipeline.context import RunContext
    from ucompress.pipeline.plan import Plan
    from ucompress.scan import Manifest, ScanEntry

ATTEMPTS = 3
"""Times a file that keeps changing is read before it is stored as it comes."""


def affected_contents(plan: Plan, changed: Iterable[int]) -> set[int]:
    """Contents that have bytes in a run of a changed content."""
    runs = np.isin(plan.run_content, np.fromiter(changed, np.uint32))
    ends = np.cumsum(plan.run_length, dtype=np.int64)
    sizes = plan.block_sizes
    block_begin = np.cumsum(sizes) - sizes
    # Block offsets as offsets in the stream of all blocks: one axis, on which spans are compared.
    run_end = ends[runs]
    run_begin = run_end - plan.run_length[runs]
    stored = np.flatnonzero(plan.extent_block >= 0)
    begin = block_begin[plan.extent_block[stored]] + plan.extent_offset[stored]
    end = begin + plan.extent_length[stored]
    order = np.argsort(run_begin)
    run_begin, run_end = run_begin[order], run_end[order]
    first_after = np.searchsorted(run_begin, end)
    hit = (first_after > 0) & (run_end[np.maximum(first_after - 1, 0)] > begin)
    owners = np.searchsorted(plan.extent_start, stored[hit], side="right") - 1
    return set(owners.tolist())


@dataclass(slots=True)
class Corrector:
    """Stores affected files again in blocks after the planned ones.

    Attributes:
        context: the run.
        manifest: what the scan found.
        analysis: what analysis found.
        plan: where the bytes were planned.
        writer: the archive.
        compressor: codes the extra blocks.
        block_size: bytes of an extra block.
    """

    context: RunContext
    manifest: Manifest
    analysis: Analysis
    plan: Plan
    writer: ArchiveWriter
    compressor: ProvenCompressor
    block_size: int

    def corrections(self, changed: set[int]) -> list[tuple[Entry, Entry]]:
        """(planned entry, what replaces it) of every affected member, in path order."""
        affected = affected_contents(self.plan, changed) | changed
        replaced: list[tuple[Entry, Entry]] = []
        lost: set[bytes] = set()
        contents = self.analysis.contents
        content_of = contents.of_entries(len(self.manifest))
        for index in np.flatnonzero(np.isin(content_of, sorted(affected))).tolist():
            ordinal = int(content_of[index])
            scanned = self.manifest[index]
            extents = tuple(Extent(*extent) for extent in self.plan.extents[ordinal])
            planned = entry_of(scanned, extents, contents.digest(ordinal))
            truth = self._correct(scanned, planned, contents.sources(ordinal))
            replaced.append((planned, truth))
            if truth.kind is EntryKind.CANCELLED:
                lost.add(truth.path)
        for index, target in self.manifest.targets.items():
            if self.manifest.kinds[index] == MemberKind.HARDLINK and target in lost:
                scanned = self.manifest[index]
                alone = replace(scanned, kind=MemberKind.FILE, target=b"")
                replaced.append((entry_of(scanned), self._correct(scanned, entry_of(alone), ())))
        return sorted(replaced, key=lambda pair: pair[0].path)

    def _correct(self, scanned: ScanEntry, planned: Entry, twins: Sequence[bytes]) -> Entry:
        """What replaces a file's planned entry: the file as it is now, or a twin, or nothing."""
        try:
            truth, steady = self._found(scanned.source, planned, twins)
        except OSError as error:
            reason = error.strerror or str(error)
            self.context.fail_on(
                scanned.path, f"vanished or became unreadable while it was packed ({reason})"
            )
            return Entry(planned.path, EntryKind.CANCELLED, mode=0)
        if not steady:
            self.context.fail_on(scanned.path, "kept changing while it was read; stored as it came")
        elif truth.digest != planned.digest:
            self.context.warnings.append(
                f"{os.fsdecode(scanned.path)} changed while it was packed; stored as it was found last"
            )
        return truth

    def _found(self, source: bytes, planned: Entry, twins: Sequence[bytes]) -> tuple[Entry, bool]:
        """What `_store` gives; where the file is gone, another that still has its bytes will do."""
        try:
            return self._store(source, planned)
        except OSError:
            for other in twins:
                with suppress(OSError):
                    truth, steady = self._store(other, planned)
                    if truth.digest == planned.digest:
                        return truth._replace(mtime_ns=planned.mtime_ns), steady
            raise

    def _store(self, source: bytes, planned: Entry) -> tuple[Entry, bool]:
        """The entry of a file as it is now, and whether it held still while it was read."""
        for attempt in range(1, ATTEMPTS + 1):
            descriptor = open_source(source)
            try:
                before = os.fstat(descriptor)
                pieces, digest = self._read(descriptor, source, before.st_size)
                after = os.fstat(descriptor)
            except ShortFileError:
                if attempt == ATTEMPTS:
                    raise
                continue
            finally:
                os.close(descriptor)
            steady = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
            if steady or attempt == ATTEMPTS:
                break
        truth = planned._replace(
            size=before.st_size,
            mtime_ns=kept_time(before.st_mtime_ns),
            extents=tuple(pieces),
            digest=digest,
        )
        return truth, steady

    def _read(self, descriptor: int, source: bytes, size: int) -> tuple[list[Extent], bytes]:
        """Code a file's bytes into extra blocks; what an attempt before this one wrote stays unused."""
        hasher = Digest()
        extents: list[Extent] = []
        with os.fdopen(os.dup(descriptor), "rb") as file:
            for at in range(0, size, self.block_size):
                wanted = min(self.block_size, size - at)
                data = file.read(wanted)
                if len(data) != wanted:
                    raise ShortFileError(
                        None, "the file became shorter while it was read", os.fsdecode(source)
                    )
                hasher.update(data)
                codec_id, payload = self.compressor.compress(data)
                number = self.writer.write_block(codec_id, payload, len(data), short_digest(data))
                extents.append(Extent(number, 0, len(data)))
        return extents, hasher.digest()
