"""Where a run stands: one place that feeds the display, the checkpoints and `status`."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ucompress.config import MIB
from ucompress.pipeline.running.memory import resident_bytes
from ucompress.progress import PipelinePhase, PipelineState, ProgressUpdate

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from ucompress.progress import ProgressReporter

MEMORY_SAMPLE_SECONDS = 0.5
SHOW_SECONDS = 0.02
RELEASED_BYTES = MIB
"""Bytes worked on after which memory is let go of."""


class RunTracker:
    """Counts what a run has done in its present phase.

    Called from the orchestrator's thread only. From `save_with` on, the state is saved at the end
    of each phase and whenever `checkpoint_interval` has passed since the last time.

    Args:
        reporter: shows the numbers.
        interval: the most time between two calls of `save`.
        clock: monotonic seconds.
        release: called on the way, some thousand times in a large tree: lets go of what can be had again.
    """

    def __init__(
        self,
        reporter: ProgressReporter,
        interval: timedelta,
        clock: Callable[[], float] = time.monotonic,
        release: Callable[[], None] = lambda: None,
    ) -> None:
        self._reporter = reporter
        self._interval = interval.total_seconds()
        self._save: Callable[[PipelineState], None] | None = None
        self._unsaved: list[PipelineState] = []
        self._clock = clock
        self._release = release
        self._unreleased = 0
        self._saved_at = clock()
        self._memory = 0
        self._memory_at = -MEMORY_SAMPLE_SECONDS
        self.phase = PipelinePhase.INITIALIZING
        self.files = 0
        self.bytes = 0
        self.total_files = 0
        self.total_bytes: int | None = None
        self.patterns = 0
        self._path: bytes | None = None
        self._shown_at = -SHOW_SECONDS

    @property
    def current(self) -> Path | None:
        """The file last worked on."""
        return None if self._path is None else Path(os.fsdecode(self._path))

    @property
    def state(self) -> PipelineState:
        """What a checkpoint stores."""
        return PipelineState(self.phase, self.files, self.total_files, self.patterns, self.current)

    def enter(self, phase: PipelinePhase, *, files: int = 0, size: int | None = None) -> None:
        """Begin a phase that has `files` files and `size` bytes of work."""
        self.phase = phase
        self.files = self.bytes = 0
        self.total_files, self.total_bytes = files, size
        self._path = None  # the file last begun belongs to the phase before
        self._show()

    def expect(self, size: int) -> None:
        """Correct the bytes of work that the phase has in all."""
        self.total_bytes = size

    def complete(self, files: int, size: int) -> None:
        """End the run, which went over `files` files of `size` bytes, with a checkpoint."""
        self.phase = PipelinePhase.COMPLETED
        self.files = self.total_files = files
        self.bytes = self.total_bytes = size
        self._path = None
        self.leave()

    def leave(self) -> None:
        """End the phase with a checkpoint; work that was expected and not needed is left out."""
        if self.total_bytes is not None:
            self.total_bytes = self.bytes
        self._show()
        self.checkpoint()

    def advance(self, *, files: int = 0, size: int = 0, path: bytes | None = None) -> None:
        """Note work done; saves a checkpoint when one is due."""
        self.files += files
        self.bytes += size
        self._unreleased += size
        if self._unreleased >= RELEASED_BYTES:
            self._release()
            self._unreleased = 0
        if path is not None:
            self._path = path
        now = self._clock()
        if now - self._shown_at >= SHOW_SECONDS:
            self._show()
        if now - self._saved_at >= self._interval:
            self.checkpoint()

    def reach(self, *, files: int, size: int, path: bytes) -> None:
        """Note totals of a phase whose end is not known, such as a scan."""
        self.files, self.bytes = files, size
        self._path = path
        self._show()

    def save_with(self, save: Callable[[PipelineState], None]) -> None:
        """Save checkpoints by `save`, which makes them durable, from now on; first those due before.

        Until a run has claimed its job there is nothing in the database that it may write to.
        """
        self._save = save
        while self._unsaved:
            save(self._unsaved.pop(0))

    def begin_again(self, phase: PipelinePhase) -> None:
        """Go back to an earlier phase, for files have changed."""
        self.phase = phase
        self._reporter.begin_again(phase)

    def found(self, patterns: int) -> None:
        """Note how many patterns are known by now."""
        self.patterns = patterns
        self._show()

    def checkpoint(self) -> None:
        """Save the present state now, or when it is known how."""
        if self._save is None:
            self._unsaved.append(self.state)
        else:
            self._save(self.state)
        self._saved_at = self._clock()

    def _show(self) -> None:
        now = self._shown_at = self._clock()
        if now - self._memory_at >= MEMORY_SAMPLE_SECONDS:
            self._memory, self._memory_at = resident_bytes(), now
        self._reporter.update(
            ProgressUpdate(
                phase=self.phase,
                current_file=self.current,
                files_processed=self.files,
                total_files=self.total_files,
                patterns_found=self.patterns,
                bytes_processed=self.bytes,
                total_bytes=self.total_bytes,
                memory_bytes=self._memory or None,
            )
        )
