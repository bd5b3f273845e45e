"""What a finished run tells of itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ucompress.progress import CompressionResult, CompressionStatistics, SavedBytes
from ucompress.scan import MemberKind

if TYPE_CHECKING:
    from ucompress.archive import WriterTotals
    from ucompress.pipeline.analysis.analyzer import Analysis
    from ucompress.pipeline.running.context import RunContext
    from ucompress.pipeline.writing.assembly import Assembly
    from ucompress.scan import Manifest


def number_of(manifest: Manifest, kind: MemberKind) -> int:
    """How many entries are of a kind."""
    count = int(np.count_nonzero(np.asarray(manifest.kinds) == kind))
    manifest.spill.release()
    return count


def packed_files(manifest: Manifest, analysis: Analysis) -> tuple[int, int]:
    """Number and bytes of the files whose content is known: those that can be read, and empty ones."""
    kinds, sizes = np.asarray(manifest.kinds), np.asarray(manifest.sizes)
    empty = int(np.count_nonzero((kinds == MemberKind.FILE) & (sizes == 0)))
    manifest.spill.release()
    contents = analysis.contents
    return empty + len(contents.files), int(np.dot(contents.sizes, contents.multiplicities))


def summarize(
    context: RunContext,
    manifest: Manifest,
    analysis: Analysis,
    assembly: Assembly,
    totals: WriterTotals,
    *,
    cpu_seconds: float,
    peak_bytes: int,
) -> CompressionResult:
    """The result of a run.

    Args:
        context: the run.
        manifest: what the scan found.
        analysis: what analysis found.
        assembly: the archive as it was written.
        totals: the archive's sizes.
        cpu_seconds: processor time of the whole process.
        peak_bytes: most resident memory the process had.
    """
    files, original = packed_files(manifest, analysis)
    distinct = int(analysis.contents.sizes.sum())
    context.spill.release()
    planned = assembly.plan.statistics
    unique = planned.literal_bytes
    by_dictionary = assembly.dictionary_gain
    saved = SavedBytes(
        files=original - distinct,
        segments=planned.hole_bytes + planned.copied_bytes,
        patterns=by_dictionary,
        context=original - (original - distinct) - (distinct - unique) - by_dictionary - totals.archive_bytes,
    )
    statistics = CompressionStatistics(
        original_bytes=original,
        unique_bytes=unique,
        archive_bytes=totals.archive_bytes,
        dictionary_bytes=len(assembly.dictionary),
        dictionary_coded_bytes=totals.dictionary_bytes,
        index_bytes=totals.index_bytes,
        patterns_found=context.tracker.patterns,
        members=totals.entries,
        files=files - assembly.lost_files,
        duplicate_files=analysis.duplicates,
        blocks=totals.blocks,
        blocks_resumed=assembly.resumed_blocks,
        errors=len(context.unreadable),
        phase_seconds=context.reporter.phase_seconds,
        cpu_seconds=cpu_seconds,
        peak_rss_bytes=peak_bytes,
        saved=saved,
    )
    return CompressionResult(
        archive=context.config.output,
        statistics=statistics,
        unreadable=tuple(context.unreadable),
        warnings=(*context.database.warnings, *context.warnings),
        resumed=bool(assembly.resumed_blocks),
    )
