"""Packs whole trees: as small as a solid archive, with every file one short read away.

    import ucompress

    ucompress.compress("src", "src.ucz")
    with ucompress.open("src.ucz") as archive:
        text = archive.read("src/main.c")
    ucompress.decompress("src.ucz", "copy")

Names are loaded when they are first used, so that importing the package costs little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ucompress.lazy import loader_of

if TYPE_CHECKING:
    from ucompress.api import compress, decompress, open, train
    from ucompress.archive.archive import Archive
    from ucompress.archive.extracting.limits import ExtractionLimits
    from ucompress.codec.dictionary import Dictionary
    from ucompress.config import CompressionConfig, PipelineConfig
    from ucompress.database import PatternDatabase
    from ucompress.errors import CompressionError
    from ucompress.patterns import PatternEntry
    from ucompress.pipeline.analysis.analyzer import ParallelAnalyzer
    from ucompress.pipeline.analysis.file_processor import ParallelFileProcessor
    from ucompress.pipeline.cluster.executor import DaskExecutor
    from ucompress.pipeline.orchestrator import PipelineOrchestrator
    from ucompress.progress import (
        CompressionResult,
        CompressionStatistics,
        PipelinePhase,
        PipelineState,
        ProgressReporter,
        ProgressUpdate,
    )

__version__ = "0.1.0"

_HOMES = {
    "compress": "ucompress.api",
    "decompress": "ucompress.api",
    "open": "ucompress.api",
    "train": "ucompress.api",
    "Archive": "ucompress.archive.archive",
    "ExtractionLimits": "ucompress.archive.extracting.limits",
    "Dictionary": "ucompress.codec.dictionary",
    "CompressionConfig": "ucompress.config",
    "PipelineConfig": "ucompress.config",
    "PatternDatabase": "ucompress.database",
    "CompressionError": "ucompress.errors",
    "PatternEntry": "ucompress.patterns",
    "DaskExecutor": "ucompress.pipeline.cluster.executor",
    "ParallelAnalyzer": "ucompress.pipeline.analysis.analyzer",
    "ParallelFileProcessor": "ucompress.pipeline.analysis.file_processor",
    "PipelineOrchestrator": "ucompress.pipeline.orchestrator",
    "CompressionResult": "ucompress.progress",
    "CompressionStatistics": "ucompress.progress",
    "PipelinePhase": "ucompress.progress",
    "PipelineState": "ucompress.progress",
    "ProgressReporter": "ucompress.progress",
    "ProgressUpdate": "ucompress.progress",
}

__all__ = [  # noqa: RUF022  the calls first, then the classes
    "compress",
    "decompress",
    "open",
    "train",
    "Archive",
    "CompressionConfig",
    "CompressionError",
    "CompressionResult",
    "CompressionStatistics",
    "DaskExecutor",
    "Dictionary",
    "ExtractionLimits",
    "ParallelAnalyzer",
    "ParallelFileProcessor",
    "PatternDatabase",
    "PatternEntry",
    "PipelineConfig",
    "PipelineOrchestrator",
    "PipelinePhase",
    "PipelineState",
    "ProgressReporter",
    "ProgressUpdate",
]


__getattr__ = loader_of(globals(), _HOMES)


def __dir__() -> list[str]:
    """The public names, loaded or not; not what this file itself imports."""
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
