"""The final summary of a run, as rows that every renderer for people shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ucompress.render.format import format_bytes, format_count, format_percent, format_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ucompress.progress import CompressionStatistics


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a summary.

    Attributes:
        label: what it is.
        value: how much, formatted.
        remark: what that means, or "".
    """

    label: str
    value: str
    remark: str = ""


def result_rows(statistics: CompressionStatistics) -> list[Row]:
    """Sizes and counts."""
    return list(_results(statistics))


def saved_rows(statistics: CompressionStatistics) -> list[Row]:
    """What each of the four scales of redundancy saved, in bytes and as a part of the original."""
    saved = statistics.saved
    scales = (
        ("whole files", saved.files),
        ("segments", saved.segments),
        ("patterns (dictionary)", saved.patterns),
        ("context (codec)", saved.context),
    )
    whole = statistics.original_bytes
    told = statistics.archive_bytes <= whole  # else some are many times the original, and tell nothing
    return [
        Row(name, format_bytes(count), format_percent(count / whole) if whole and told else "")
        for name, count in scales
    ]


def phase_rows(statistics: CompressionStatistics) -> list[Row]:
    """Seconds of each phase, in the order of the run, then of all."""
    phases = sorted(statistics.phase_seconds.items(), key=lambda item: item[0].order)
    rows = [Row(phase.label, format_seconds(seconds)) for phase, seconds in phases]
    return [*rows, Row("All phases", format_seconds(statistics.seconds), _processor(statistics))]


def _processor(statistics: CompressionStatistics) -> str:
    return f"{format_seconds(statistics.cpu_seconds)} of processor time" if statistics.cpu_seconds else ""


def _of_the_original(statistics: CompressionStatistics) -> str:
    if not statistics.original_bytes:
        return ""
    if statistics.archive_bytes > statistics.original_bytes:
        return "larger than the original"
    return f"{format_percent(statistics.ratio)} of the original"


def _results(statistics: CompressionStatistics) -> Iterator[Row]:
    duplicates = statistics.duplicate_files
    yield Row(
        "Files",
        format_count(statistics.files),
        f"{format_count(duplicates)} with the content of another" if duplicates else "",
    )
    if others := statistics.members - statistics.files:
        yield Row("Folders and links", format_count(others))
    yield Row("Original", format_bytes(statistics.original_bytes))
    yield Row("Unique", format_bytes(statistics.unique_bytes))
    yield Row(
        "Archive",
        format_bytes(statistics.archive_bytes),
        _of_the_original(statistics),
    )
    if statistics.dictionary_bytes:
        coded = format_bytes(statistics.dictionary_coded_bytes)
        yield Row("Dictionary", format_bytes(statistics.dictionary_bytes), f"{coded} in the archive")
    else:
        yield Row("Dictionary", "none", "nothing to gain from one")
    if statistics.index_bytes:
        yield Row("Index", format_bytes(statistics.index_bytes), "in the archive")
    yield Row("Patterns", format_count(statistics.patterns_found))
    resumed = statistics.blocks_resumed
    yield Row(
        "Blocks",
        format_count(statistics.blocks),
        f"{format_count(resumed)} from the interrupted run" if resumed else "",
    )
    if statistics.peak_rss_bytes:
        yield Row("Peak memory", format_bytes(statistics.peak_rss_bytes))
    if statistics.errors:
        inputs = "input" if statistics.errors == 1 else "inputs"
        yield Row("Not read", format_count(statistics.errors), f"{inputs} left out; the rest is packed")
