"""The numbers of a run: what happens now, how quickly, how much longer, and what came out.

Workers call `ProgressReporter.update` as often as they like; it costs a microsecond. A display thread
takes the updates from a queue and draws at most once per interval through a `Renderer`, of which this
package knows only the protocol. Progress flows one way: nothing here can stop or change a run.
"""

from ucompress.progress.documents import (
    error_document,
    notice_document,
    path_fields,
    phase_document,
    plain_text,
    progress_document,
    raw_bytes,
    summary_document,
)
from ucompress.progress.events import (
    Notice,
    PipelineState,
    ProgressSnapshot,
    ProgressUpdate,
    Renderer,
    Severity,
    WorkReporter,
)
from ucompress.progress.phases import PipelinePhase
from ucompress.progress.rate import RateEstimator
from ucompress.progress.reporter import ProgressReporter
from ucompress.progress.statistics import CompressionResult, CompressionStatistics, SavedBytes

__all__ = [
    "CompressionResult",
    "CompressionStatistics",
    "Notice",
    "PipelinePhase",
    "PipelineState",
    "ProgressReporter",
    "ProgressSnapshot",
    "ProgressUpdate",
    "RateEstimator",
    "Renderer",
    "SavedBytes",
    "Severity",
    "WorkReporter",
    "error_document",
    "notice_document",
    "path_fields",
    "phase_document",
    "plain_text",
    "progress_document",
    "raw_bytes",
    "summary_document",
]
