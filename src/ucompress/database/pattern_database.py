"""The database of a run: patterns, checkpoints, jobs and the analysis cache behind one connection."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ucompress.database.cache import AnalysisCache
from ucompress.database.checkpoints import CheckpointTable
from ucompress.database.connection import Connection
from ucompress.database.jobs import JobStore
from ucompress.database.pattern_table import PatternSource, PatternTable
from ucompress.database.recovery import database_files, is_aside
from ucompress.database.upkeep import DatabaseFigures, disk_bytes, figures

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

    from ucompress.patterns import PatternEntry
    from ucompress.progress import PipelineState


class PatternDatabase:
    """Everything a run keeps, in one SQLite file; usable from any thread, closed by `close` or `with`.

    It is a cache: losing it costs time and a resume, never an archive's bytes. A damaged or foreign
    file is moved aside, a new one begun, and `warnings` says so; of somebody else's only the patterns count.

    Args:
        path: the file, or `:memory:` to keep nothing.
        batch_size: rows per transaction.
        read_only: open an existing file without ever writing to it.
        begin_anew: False refuses a damaged or foreign file, which stays as it is.
        busy_timeout: seconds to wait for another process's transaction.
        cache_bytes: bound on memory for SQLite's pages and for entries, half each.

    Raises:
        DatabaseError: the file cannot be opened or written; says how to choose another.
        DatabaseVersionError: a newer program wrote it; it is untouched.
        JobBusyError: another process held it for longer than `busy_timeout`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        batch_size: int = 1000,
        read_only: bool = False,
        begin_anew: bool = True,
        busy_timeout: float = 10.0,
        cache_bytes: int = 8 << 20,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, not {batch_size}")
        self._connection = Connection(
            path,
            read_only=read_only,
            begin_anew=begin_anew,
            busy_timeout=busy_timeout,
            cache_bytes=cache_bytes // 2,
        )
        self._patterns = PatternTable(self._connection, batch_size, cache_bytes // 2)
        self._checkpoints = CheckpointTable(self._connection)
        self.jobs = JobStore(self._connection)
        self.cache = AnalysisCache(self._connection, batch_size)

    def __enter__(self) -> PatternDatabase:
        """The database itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the database."""
        self.close()

    def close(self) -> None:
        """Mark jobs that are still held interrupted, and close; harmless when done twice."""
        if not self._connection.closed:
            self.jobs.release()
            self._connection.close()

    @property
    def path(self) -> Path | None:
        """The file's real path; None for a database in memory."""
        return self._connection.path

    @property
    def files(self) -> tuple[Path, ...]:
        """The database, its log and what was moved aside: what a scan of the same folder must leave out."""
        path = self._connection.path
        if path is None:
            return ()
        aside = sorted(p for p in path.parent.iterdir() if is_aside(p.name, path.name))
        return (*database_files(path), *aside)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What went otherwise than expected since the database was opened."""
        return tuple(self._connection.warnings)

    def store_patterns(self, entries: Iterable[PatternEntry]) -> int:
        """Set the counts of patterns, apart from any source's; returns how many were stored.

        Storing a pattern again replaces its counts and keeps the earlier `first_seen`.

        Raises:
            ValueError: an entry is impossible; batches before it are stored.
        """
        return self._patterns.store(entries)

    def replace_patterns(self, source_key: bytes, entries: Iterable[PatternEntry]) -> int:
        """Make these entries all that one source counts; returns how many were stored.

        The totals of a pattern are the sums over all sources, so a rerun never counts twice. Cut short,
        the source holds old and new counts until it is replaced again (`PatternSource.complete`).

        Args:
            source_key: names the corpus; any bytes but empty ones, which are `store_patterns`'s own.
            entries: the source's patterns; of equal ones the last counts.
        """
        return self._patterns.replace(source_key, entries)

    def get_frequent_patterns(self, min_frequency: int, limit: int | None = None) -> list[PatternEntry]:
        """Patterns of at least this total frequency, the most frequent first, ties by bytes.

        For callers with questions of their own: runs and commands ask for `top_patterns`.

        Args:
            min_frequency: fewest positions, over all sources.
            limit: the most patterns; None: all.
        """
        return self._patterns.frequent(min_frequency, limit)

    def top_patterns(
        self, limit: int | None = None, source_key: bytes | None = None, *, min_frequency: int = 0
    ) -> list[PatternEntry]:
        """Patterns by bytes saved, most first: of one source with its own counts, or of all with totals."""
        return self._patterns.top(limit, source_key, min_frequency)

    def get_pattern(self, pattern: bytes) -> PatternEntry | None:
        """One pattern's entry with its totals, from memory where it was asked for before; None if unknown.

        For callers that ask about patterns one by one: `cache_bytes` bounds what is kept for them.
        """
        return self._patterns.get(pattern)

    def pattern_count(self, source_key: bytes | None = None) -> int:
        """Number of patterns stored: those that one source counts, or all."""
        return self._patterns.count(source_key)

    def pattern_sources(self) -> list[PatternSource]:
        """The sources that hold counts, by key."""
        return self._patterns.sources()

    def save_checkpoint(self, state: PipelineState, job: int | None = None) -> None:
        """Save how far a run is; durable on return. The last hundred of each job are kept.

        Raises:
            CheckpointSaveError: the database refused; earlier checkpoints are kept.
        """
        self._checkpoints.save(state, job)

    def load_checkpoint(self, job: int | None = None) -> PipelineState | None:
        """The newest checkpoint of a job, or of the whole database; None if there is none."""
        return self._checkpoints.load(job)

    def figures(self) -> DatabaseFigures:
        """What the database holds, by kind; goes over all tables once."""
        return figures(self._connection, self.jobs)

    def vacuum(self) -> int:
        """Give back the bytes that nothing uses; returns how many that were. Nothing is forgotten.

        What is bounded is brought within its bounds before. Needs about as much free disk as the database
        takes; cut short, the file is as it was.

        Raises:
            JobBusyError: a living process works on a job of this database.
            DatabaseError: no space for the copy; nothing was changed.
        """
        self.jobs.refuse_living()
        before = disk_bytes(self._connection)
        self.cache.prune()
        self._connection.rewrite()
        return max(0, before - disk_bytes(self._connection))
