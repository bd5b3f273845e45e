"""One JSON document per line, one schema for all commands; the project's `docs/json.md` describes it."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, TextIO

from ucompress.progress import notice_document, phase_document, progress_document, summary_document

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ucompress.progress import CompressionStatistics, Notice, ProgressSnapshot


class JsonLines:
    """Writes documents to a stream, each on a line of its own; from any thread.

    Args:
        stream: where to; the lines are ASCII.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def write(self, document: Mapping[str, Any]) -> None:
        """Write one document and flush, so that a reader sees it at once."""
        line = json.dumps(document, ensure_ascii=True, allow_nan=False, separators=(", ", ": "))
        with self._lock:
            self._stream.write(line + "\n")
            self._stream.flush()


class JsonRenderer:
    """A run as JSON lines.

    Args:
        lines: where to.
        progress: False leaves out `progress` and `phase`.
    """

    def __init__(self, lines: JsonLines, *, progress: bool = True) -> None:
        self._lines = lines
        self._progress = progress

    def start(self) -> None:
        """Nothing to prepare."""

    def phase(self, snapshot: ProgressSnapshot) -> None:
        """A line of type `phase`."""
        if self._progress:
            self._lines.write(phase_document(snapshot))

    def draw(self, snapshot: ProgressSnapshot) -> None:
        """A line of type `progress`."""
        if self._progress:
            self._lines.write(progress_document(snapshot))

    def message(self, notice: Notice) -> None:
        """A line of type `notice` or `error`."""
        self._lines.write(notice_document(notice))

    def finish(self, statistics: CompressionStatistics) -> None:
        """A line of type `summary`."""
        self._lines.write(summary_document(statistics))

    def abort(self) -> None:
        """Nothing to give back; why it ended is the command's to say."""
