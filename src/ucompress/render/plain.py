"""Progress as plain lines, for logs and pipes: one for each phase, then one every few seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from ucompress.progress import PipelinePhase, Severity
from ucompress.render.format import (
    counted,
    display_path,
    display_text,
    format_bytes,
    format_count,
    format_percent,
    format_rate,
    format_seconds,
    shorten_path,
)
from ucompress.render.summary import Row, phase_rows, result_rows, saved_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ucompress.progress import CompressionStatistics, Notice, ProgressSnapshot, ProgressUpdate

PACE_SECONDS = 10.0

PATH_WIDTH = 60
"""Characters that the current file's path takes of a line, at most."""


class PlainRenderer:
    """Writes lines to a stream.

    Args:
        stream: where to; characters it cannot encode become escapes.
        pace: seconds between two lines of one phase.
    """

    def __init__(self, stream: TextIO, pace: float = PACE_SECONDS) -> None:
        self._stream = stream
        self._pace = pace
        self._last = 0.0

    def start(self) -> None:
        """Nothing to prepare."""

    def phase(self, snapshot: ProgressSnapshot) -> None:
        """One line for each phase; the end is the summary's."""
        self._last = snapshot.elapsed
        if snapshot.update.phase is not PipelinePhase.COMPLETED:
            self._line(snapshot.update.phase.label)

    def draw(self, snapshot: ProgressSnapshot) -> None:
        """One line, if the last one is long enough ago."""
        if (
            snapshot.elapsed - self._last >= self._pace
            and snapshot.update.phase is not PipelinePhase.COMPLETED
        ):
            self._last = snapshot.elapsed
            parts = figures(snapshot)
            if (current := snapshot.update.current_file) is not None:
                parts.append(f"at {shorten_path(current, PATH_WIDTH)}")
            self._line(f"{snapshot.update.phase.label}: {', '.join(parts)}")

    def message(self, notice: Notice) -> None:
        """One line, at once."""
        self._line(notice_line(notice))

    def finish(self, statistics: CompressionStatistics) -> None:
        """The summary, a line for each row."""
        for title, rows in (
            ("Result", result_rows(statistics)),
            ("Saved by", saved_rows(statistics)),
            ("Time", phase_rows(statistics)),
        ):
            self._line(title)
            for line in aligned(rows):
                self._line(f"  {line}")

    def abort(self) -> None:
        """Nothing to give back."""

    def _line(self, text: str) -> None:
        self._stream.write(encodable(text, self._stream) + "\n")
        self._stream.flush()


def encodable(text: str, stream: TextIO) -> str:
    """The text, what the stream cannot encode replaced by escapes: a file name must not stop a report."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def aligned(rows: Iterable[Row], *, numbers: bool = True) -> list[str]:
    """Rows as lines in columns, values to the right if they are numbers."""
    listed = list(rows)
    label = max((len(row.label) for row in listed), default=0)
    value = max((len(row.value) for row in listed), default=0)
    side = ">" if numbers else "<"
    return [f"{row.label:<{label}}  {row.value:{side}{value}}  {row.remark}".rstrip() for row in listed]


def notice_line(notice: Notice) -> str:
    """A notice as one line that a file name cannot disturb."""
    prefix = "" if notice.severity is Severity.NOTICE else f"{notice.severity.value}: "
    where = f"{display_path(notice.path)}: " if notice.path is not None else ""
    return f"{prefix}{where}{display_text(notice.message)}"


def figures(snapshot: ProgressSnapshot) -> list[str]:
    """The numbers of a moment in words, without phase and current file; what is unknown is left out."""
    update = snapshot.update
    parts = []
    if update.fraction is not None:
        parts.append(format_percent(update.fraction))
    parts.extend(counts(update))
    if snapshot.bytes_per_second > 0:
        parts.append(format_rate(snapshot.bytes_per_second))
    if update.patterns_found:
        parts.append(counted(update.patterns_found, "pattern"))
    if update.memory_bytes:
        parts.append(f"memory {format_bytes(update.memory_bytes)}")
    if update.estimated_remaining is not None:
        parts.append(f"{format_seconds(update.estimated_remaining)} left")
    return parts


def counts(update: ProgressUpdate) -> list[str]:
    """Files and bytes done, of how many where that is known."""
    parts = []
    if update.total_files:
        parts.append(f"{format_count(update.files_processed)} of {counted(update.total_files, 'file')}")
    elif update.files_processed:
        parts.append(counted(update.files_processed, "file"))
    if update.total_bytes:
        parts.append(f"{format_bytes(update.bytes_processed)} of {format_bytes(update.total_bytes)}")
    elif update.bytes_processed:
        parts.append(format_bytes(update.bytes_processed))
    return parts
