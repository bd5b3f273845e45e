"""What a finished run did, in numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ucompress.progress.phases import PipelinePhase


@dataclass(frozen=True, slots=True)
class SavedBytes:
    """What each scale of redundancy saved, in bytes; together with the archive they make the original.

    Attributes:
        files: bytes of files that are copies of others.
        segments: bytes of longer copies inside files, and of holes.
        patterns: bytes saved by the shared dictionary, its own coded size deducted.
        context: bytes saved by the codec's models inside each block.
    """

    files: int = 0
    segments: int = 0
    patterns: int = 0
    context: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressionStatistics:
    """What a run did, in numbers.

    Attributes:
        original_bytes: bytes of all files that went in.
        unique_bytes: bytes left once copies of files and segments are taken away.
        archive_bytes: size of the archive.
        dictionary_bytes: size of the shared dictionary, decoded.
        dictionary_coded_bytes: what the dictionary takes in the archive, with header and parity.
        index_bytes: what the index takes in the archive, with header and parity.
        patterns_found: patterns of these inputs, with exact counts.
        members: entries of the archive, directories and links included.
        files: regular files among them.
        duplicate_files: files whose content is another file's.
        blocks: blocks in the archive.
        blocks_resumed: blocks that an earlier, interrupted run had already written.
        errors: inputs that could not be read.
        phase_seconds: seconds spent in each phase.
        cpu_seconds: processor time of all threads.
        peak_rss_bytes: most resident memory the process had.
        saved: what each scale of redundancy saved.
    """

    original_bytes: int = 0
    unique_bytes: int = 0
    archive_bytes: int = 0
    dictionary_bytes: int = 0
    dictionary_coded_bytes: int = 0
    index_bytes: int = 0
    patterns_found: int = 0
    members: int = 0
    files: int = 0
    duplicate_files: int = 0
    blocks: int = 0
    blocks_resumed: int = 0
    errors: int = 0
    phase_seconds: Mapping[PipelinePhase, float] = field(default_factory=dict)
    cpu_seconds: float = 0.0
    peak_rss_bytes: int = 0
    saved: SavedBytes = field(default_factory=SavedBytes)

    @property
    def ratio(self) -> float:
        """Archive size as a part of the original size (smaller is better); 0.0 for an empty input."""
        return self.archive_bytes / self.original_bytes if self.original_bytes else 0.0

    @property
    def seconds(self) -> float:
        """Seconds of all phases together."""
        return sum(self.phase_seconds.values())


@dataclass(frozen=True, slots=True)
class CompressionResult:
    """What a finished run hands back.

    Attributes:
        archive: path of the finished archive.
        statistics: the run in numbers.
        unreadable: what could not be read: (raw path in the file system, why).
        warnings: what went otherwise than expected without harming the archive.
        resumed: whether an interrupted run was continued.
    """

    archive: Path
    statistics: CompressionStatistics
    unreadable: tuple[tuple[bytes, str], ...] = ()
    warnings: tuple[str, ...] = ()
    resumed: bool = False

    @property
    def exit_code(self) -> int:
        """0, or 3 if some inputs could not be read."""
        return 3 if self.unreadable else 0
