"""What a run is told: frozen values with the design's defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from ucompress.errors import UsageError

MIB = 1 << 20

LOWEST_LEVEL = 1
HIGHEST_LEVEL = 6
DEFAULT_LEVEL = 6
DEFAULT_DATABASE = Path("compression_patterns.db")


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineConfig:
    """How a run keeps its state, shows itself and limits itself.

    Attributes:
        database_path: SQLite file with patterns, files and checkpoints; `:memory:` keeps nothing.
        checkpoint_interval: the most work that a kill may cost.
        progress_update_interval: the least time between two updates of the display.
        batch_size: rows per transaction.
        memory_limit_mb: bound on peak resident memory, in MB of 1024 * 1024 bytes.
        enable_resume: continue an interrupted run of the same job.
    """

    database_path: Path = DEFAULT_DATABASE
    checkpoint_interval: timedelta = timedelta(seconds=30)
    progress_update_interval: timedelta = timedelta(milliseconds=100)
    batch_size: int = 1000
    memory_limit_mb: int = 1024
    enable_resume: bool = True

    def __post_init__(self) -> None:
        """Refuse values that no run could honour."""
        if self.batch_size < 1:
            raise UsageError(f"batch_size must be at least 1, not {self.batch_size}")
        if self.memory_limit_mb < 1:
            raise UsageError(f"memory_limit_mb must be at least 1, not {self.memory_limit_mb}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressionConfig:
    """One job: what is packed, where to, and how.

    Attributes:
        inputs: files and directories; members are named from each input's own name on.
        output: the archive's path.
        level: 1-3 zstd frames, 4-6 our LZ codec.
        threads: worker threads; None takes the cores, fewer where the memory limit says so.
        min_pattern_length: shortest pattern that is counted, in bytes.
        min_frequency: fewest positions at which a pattern must stand.
        chunk_size: files handed to a worker at a time.
        memory_map_threshold: files of this many bytes and more are handled in windows.
        include, exclude: gitignore-style patterns on member names; exclude wins.
        gitignore: honour `.gitignore` files inside the inputs.
        content_hash_bytes: None lets the writer decide; 32 stores full content hashes.
        dictionary: a raw dictionary file to use instead of building one.
        pipeline: how the run keeps its state.
    """

    inputs: tuple[Path, ...]
    output: Path
    level: int = DEFAULT_LEVEL
    threads: int | None = None
    min_pattern_length: int = 16
    min_frequency: int = 3
    chunk_size: int = 256
    memory_map_threshold: int = 16 * MIB
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    gitignore: bool = False
    content_hash_bytes: int | None = None
    dictionary: Path | None = None
    pipeline: PipelineConfig = field(default_factory=PipelineConfig)

    def __post_init__(self) -> None:
        """Refuse values that no run could honour."""
        if not self.inputs:
            raise UsageError("nothing to compress: name at least one file or directory")
        if not LOWEST_LEVEL <= self.level <= HIGHEST_LEVEL:
            raise UsageError(
                f"level {self.level} does not exist yet: choose one from {LOWEST_LEVEL} to {HIGHEST_LEVEL}"
            )
        if self.threads is not None and self.threads < 1:
            raise UsageError(f"threads must be at least 1, not {self.threads}")
        if not 8 <= self.min_pattern_length <= 64:
            raise UsageError(f"min_pattern_length must be from 8 to 64 bytes, not {self.min_pattern_length}")
        if self.min_frequency < 2:
            raise UsageError(f"min_frequency must be at least 2, not {self.min_frequency}")
        if self.chunk_size < 1:
            raise UsageError(f"chunk_size must be at least 1, not {self.chunk_size}")
