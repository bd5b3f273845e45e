"""What happens in a run: states, reports, notices, and the protocol of what draws them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta
    from pathlib import Path

    from ucompress.progress.phases import PipelinePhase
    from ucompress.progress.statistics import CompressionStatistics


@dataclass(frozen=True, slots=True)
class PipelineState:
    """How far a run has come: what a checkpoint stores and gives back.

    Attributes:
        phase: the phase the run is in.
        files_processed: files done in this phase.
        total_files: files this phase has to do; 0 while unknown.
        patterns_found: patterns found so far.
        current_file: the file last begun; names that are not UTF-8 carry surrogate escapes.
    """

    phase: PipelinePhase
    files_processed: int = 0
    total_files: int = 0
    patterns_found: int = 0
    current_file: Path | None = None


@dataclass(frozen=True, slots=True)
class ProgressUpdate:
    """A worker's report. All counts are totals of the phase so far, never differences.

    Attributes:
        phase: the phase the run is in.
        current_file: the file last begun.
        files_processed: files done in this phase.
        total_files: files this phase has to do; 0 while unknown.
        patterns_found: patterns found so far.
        bytes_processed: bytes of work done in this phase.
        estimated_remaining: time left in this phase; None lets the reporter estimate it.
        total_bytes: bytes of work this phase has to do; None while unknown.
        memory_bytes: resident memory of the process, in bytes.
    """

    phase: PipelinePhase
    current_file: Path | None = None
    files_processed: int = 0
    total_files: int = 0
    patterns_found: int = 0
    bytes_processed: int = 0
    estimated_remaining: timedelta | None = None
    total_bytes: int | None = None
    memory_bytes: int | None = None

    @property
    def state(self) -> PipelineState:
        """The part of the report that a checkpoint keeps."""
        return PipelineState(
            self.phase, self.files_processed, self.total_files, self.patterns_found, self.current_file
        )

    @property
    def fraction(self) -> float | None:
        """How much of the phase is done, from 0 to 1, by bytes where that total is known; else None."""
        if self.total_bytes:
            return min(1.0, self.bytes_processed / self.total_bytes)
        if self.total_files:
            return min(1.0, self.files_processed / self.total_files)
        return None


@dataclass(frozen=True, slots=True)
class ProgressSnapshot:
    """One moment of a run as renderers and observers see it.

    Attributes:
        update: the latest report, its `estimated_remaining` filled in where it can be estimated.
        bytes_per_second: rate over the last seconds of this phase.
        elapsed: seconds since the first report.
        phase_seconds: seconds spent in each phase so far, the present one included.
    """

    update: ProgressUpdate
    bytes_per_second: float = 0.0
    elapsed: float = 0.0
    phase_seconds: Mapping[PipelinePhase, float] = field(default_factory=dict)


class Severity(Enum):
    """How much a notice matters."""

    NOTICE = "notice"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that people should know, beside the numbers.

    Attributes:
        message: a sentence that says what happened and what was done about it.
        path: the file it is about, as raw bytes.
        severity: how much it matters.
    """

    message: str
    path: bytes | None = None
    severity: Severity = Severity.NOTICE


@runtime_checkable
class Renderer(Protocol):
    """Draws a run somewhere. Called from one thread at a time; what it raises ends only the drawing."""

    def start(self) -> None:
        """Prepare to draw."""

    def phase(self, snapshot: ProgressSnapshot) -> None:
        """A phase has begun; called once for each, in order, whatever the interval."""

    def draw(self, snapshot: ProgressSnapshot) -> None:
        """Show the present numbers; called at most once per interval."""

    def message(self, notice: Notice) -> None:
        """Show a notice, at once and for good."""

    def finish(self, statistics: CompressionStatistics) -> None:
        """Show the final numbers and give the terminal back."""

    def abort(self) -> None:
        """Give the terminal back without final numbers."""


class WorkReporter(Protocol):
    """Hears of work as it is done; a `ProgressReporter`, or what counts for one."""

    def enter(self, phase: PipelinePhase, *, files: int = 0, size: int | None = None) -> None:
        """Begin a phase that has `files` files and `size` bytes of work."""

    def expect(self, size: int) -> None:
        """Correct the bytes of work that the phase has in all."""

    def advance(self, *, files: int = 0, size: int = 0, path: bytes | None = None) -> None:
        """Note so many more files and bytes as done; what it raises ends the work."""

    def found(self, patterns: int) -> None:
        """Note how many patterns are known by now."""
