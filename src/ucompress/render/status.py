"""A job as another shell shows it, in lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ucompress.database import JobState, utc_now
from ucompress.progress import PipelinePhase
from ucompress.render.format import (
    display_text,
    format_bytes,
    format_count,
    format_percent,
    format_rate,
    format_seconds,
)
from ucompress.render.plain import aligned
from ucompress.render.summary import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ucompress.database import JobRecord

LAST_SEEN = {
    JobState.RUNNING: "Last sign of life",
    JobState.INTERRUPTED: "Stopped",
    JobState.DONE: "Finished",
}
SHOWN_DESCRIPTION = ("inputs", "output", "level")


def status_lines(record: JobRecord, progress: dict[str, Any] | None) -> list[str]:
    """The job and its latest numbers, a line each; numbers that are missing or make no sense are left out.

    Args:
        record: the job.
        progress: its progress row, a document of type `progress`; it comes from a file and is not trusted.
    """
    rows = [*_job(record), *_numbers(progress or {}, running=record.state is JobState.RUNNING)]
    return aligned(rows, numbers=False)


def _job(record: JobRecord) -> Iterator[Row]:
    state = record.state.value
    yield Row("Job", f"{state}, process {record.pid}" if record.pid else state)
    for name in SHOWN_DESCRIPTION:
        value = record.description.get(name)
        if value is not None:
            words = " ".join(map(str, value)) if isinstance(value, list) else str(value)
            yield Row(name.capitalize(), display_text(words))
    if record.updated_at is not None:
        ago = max(0.0, (utc_now() - record.updated_at).total_seconds())
        yield Row(LAST_SEEN[record.state], f"{format_seconds(ago)} ago")


def _numbers(progress: dict[str, Any], *, running: bool) -> Iterator[Row]:
    """What is known; of a job that has stopped only what still means something."""
    phase = progress.get("phase")
    if phase in [known.value for known in PipelinePhase]:
        yield Row("Phase", PipelinePhase(phase).label)
    if (fraction := _number(progress, "fraction")) is not None:
        yield Row("Done", format_percent(fraction))
    for label, done, total, shown in (
        ("Files", "files_processed", "total_files", _count),
        ("Bytes", "bytes_processed", "total_bytes", format_bytes),
    ):
        if (value := _number(progress, done)) is not None:
            whole = _number(progress, total)
            yield Row(label, f"{shown(value)} of {shown(whole)}" if whole else shown(value))
    measures: tuple[tuple[str, str, Callable[[float], str]], ...] = (
        ("Patterns", "patterns_found", _count),
        ("Elapsed", "elapsed", format_seconds),
        ("Rate", "bytes_per_second", format_rate),
        ("Memory", "memory_bytes", format_bytes),
        ("Left", "estimated_remaining", format_seconds),
    )
    for label, name, spoken in measures if running else measures[:2]:
        value = _number(progress, name)
        if value is not None and (value or name != "bytes_per_second"):
            yield Row(label, spoken(value))
    path = progress.get("current_file")
    if running and isinstance(path, str):
        yield Row("Current file", display_text(path))


def _number(progress: dict[str, Any], name: str) -> float | None:
    value = progress.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 <= value < 2**63 else None


def _count(value: float) -> str:
    return format_count(round(value))
