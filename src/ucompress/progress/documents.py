"""Progress as JSON documents: the same in `--json` output and in the database's progress row.

`docs/json.md` of the project describes every field.
"""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Any

from ucompress.progress.events import Severity

if TYPE_CHECKING:
    from pathlib import Path

    from ucompress.progress.events import Notice, ProgressSnapshot
    from ucompress.progress.statistics import CompressionStatistics

JsonObject = dict[str, Any]


def path_fields(path: bytes | Path | None, name: str = "path") -> JsonObject:
    """A path as fields of a document: `name` as text, and `name_b64` where the text cannot tell its bytes.

    Args:
        path: raw bytes, or a path whose undecodable bytes are surrogate escapes; None for no path.
        name: the field.
    """
    if path is None:
        return {name: None}
    raw = path if isinstance(path, bytes) else os.fsencode(path)
    try:
        return {name: raw.decode("utf-8")}
    except UnicodeDecodeError:
        return {name: raw.decode("utf-8", "replace"), f"{name}_b64": base64.b64encode(raw).decode("ascii")}


def raw_bytes(text: str) -> bytes:
    """The bytes of text that may have surrogates in place of stray ones, whatever the locale was."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def plain_text(text: str) -> str:
    """Text for a document: U+FFFD in place of stray bytes."""
    return raw_bytes(text).decode("utf-8", "replace")


def progress_document(snapshot: ProgressSnapshot) -> JsonObject:
    """A moment of a run, as type `progress`."""
    update = snapshot.update
    left = update.estimated_remaining
    return {
        "type": "progress",
        "phase": update.phase.value,
        "fraction": None if update.fraction is None else round(update.fraction, 4),
        "files_processed": update.files_processed,
        "total_files": update.total_files,
        "bytes_processed": update.bytes_processed,
        "total_bytes": update.total_bytes,
        "bytes_per_second": round(snapshot.bytes_per_second),
        "patterns_found": update.patterns_found,
        "estimated_remaining": None if left is None else round(left.total_seconds(), 1),
        "memory_bytes": update.memory_bytes,
        "elapsed": round(snapshot.elapsed, 3),
        "phase_seconds": _phase_seconds(snapshot),
        **path_fields(update.current_file, "current_file"),
    }


def phase_document(snapshot: ProgressSnapshot) -> JsonObject:
    """The begin of a phase, as type `phase`."""
    phase = snapshot.update.phase
    return {
        "type": "phase",
        "phase": phase.value,
        "label": phase.label,
        "number": phase.order,
        "elapsed": round(snapshot.elapsed, 3),
    }


def notice_document(notice: Notice) -> JsonObject:
    """A notice or warning as type `notice`, an error as type `error`."""
    if notice.severity is Severity.ERROR:
        return error_document(notice.message, path=notice.path)
    return {
        "type": "notice",
        "severity": notice.severity.value,
        "message": plain_text(notice.message),
        **path_fields(notice.path),
    }


def error_document(
    message: str, *, path: bytes | None = None, kind: str | None = None, exit_code: int | None = None
) -> JsonObject:
    """Something failed, as type `error`.

    Args:
        message: what failed and what to do.
        path: the file it is about.
        kind: the error's class, where it ends the command.
        exit_code: the command's exit code, where it ends the command.
    """
    return {
        "type": "error",
        "message": plain_text(message),
        **path_fields(path),
        "fatal": exit_code is not None,
        "kind": kind,
        "exit_code": exit_code,
    }


def summary_document(statistics: CompressionStatistics) -> JsonObject:
    """A finished run in numbers, as type `summary`."""
    saved = statistics.saved
    return {
        "type": "summary",
        "original_bytes": statistics.original_bytes,
        "unique_bytes": statistics.unique_bytes,
        "archive_bytes": statistics.archive_bytes,
        "ratio": round(statistics.ratio, 6),
        "dictionary_bytes": statistics.dictionary_bytes,
        "dictionary_coded_bytes": statistics.dictionary_coded_bytes,
        "index_bytes": statistics.index_bytes,
        "patterns_found": statistics.patterns_found,
        "members": statistics.members,
        "files": statistics.files,
        "duplicate_files": statistics.duplicate_files,
        "blocks": statistics.blocks,
        "blocks_resumed": statistics.blocks_resumed,
        "errors": statistics.errors,
        "phase_seconds": {phase.value: round(s, 3) for phase, s in statistics.phase_seconds.items()},
        "cpu_seconds": round(statistics.cpu_seconds, 3),
        "peak_rss_bytes": statistics.peak_rss_bytes,
        "saved_bytes": {
            "files": saved.files,
            "segments": saved.segments,
            "patterns": saved.patterns,
            "context": saved.context,
        },
    }


def _phase_seconds(snapshot: ProgressSnapshot) -> JsonObject:
    return {phase.value: round(seconds, 3) for phase, seconds in snapshot.phase_seconds.items()}
