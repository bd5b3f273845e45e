"""What the bytes of a database are for, and giving back those that nothing uses any more."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ucompress.database.recovery import database_files
from ucompress.database.schema import SCHEMA_VERSION

if TYPE_CHECKING:
    from ucompress.database.connection import Connection
    from ucompress.database.jobs import JobStore


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFigures:
    """What a database holds; all sizes in bytes.

    Attributes:
        schema_version: version of its tables.
        disk_bytes: size of the file and of its log; 0 in memory.
        free_bytes: what of it nothing uses: `PatternDatabase.vacuum` gives it back.
        patterns, pattern_bytes: patterns, and their own bytes.
        sources, counts: corpora that count patterns, and the counts of all of them.
        files, file_bytes: files whose analysis is kept, and the bytes of what was found in them.
        results, result_bytes: larger results, kept for runs that go on.
        running, interrupted, done: jobs by their state.
    """

    schema_version: int
    disk_bytes: int
    free_bytes: int
    patterns: int
    pattern_bytes: int
    sources: int
    counts: int
    files: int
    file_bytes: int
    results: int
    result_bytes: int
    running: int
    interrupted: int
    done: int


def figures(connection: Connection, jobs: JobStore) -> DatabaseFigures:
    """Count what a database holds; goes over all of its tables once."""

    def row(statement: str) -> tuple[int, ...]:
        (numbers,) = connection.query(statement)
        return tuple(map(int, numbers))

    (page,), (free,) = row("PRAGMA page_size"), row("PRAGMA freelist_count")
    patterns, pattern_bytes = row("SELECT count(*), coalesce(sum(length(pattern)), 0) FROM patterns")
    (sources,) = row("SELECT count(DISTINCT source_id) FROM pattern_counts")
    (counts,) = row("SELECT count(*) FROM pattern_counts")
    files, file_bytes = row(
        "SELECT count(*), coalesce(sum(length(file_path) + coalesce(length(sample), 0)), 0)"
        " FROM processed_files"
    )
    results, result_bytes = row("SELECT count(*), coalesce(sum(length(content)), 0) FROM artifacts")
    states = Counter(record.state.value for record in jobs.all())
    return DatabaseFigures(
        schema_version=SCHEMA_VERSION,
        disk_bytes=disk_bytes(connection),
        free_bytes=page * free,
        patterns=patterns,
        pattern_bytes=pattern_bytes,
        sources=sources,
        counts=counts,
        files=files,
        file_bytes=file_bytes,
        results=results,
        result_bytes=result_bytes,
        running=states["running"],
        interrupted=states["interrupted"],
        done=states["done"],
    )


def disk_bytes(connection: Connection) -> int:
    """Size of the database's file and of its log; 0 in memory."""
    if connection.path is None:
        return 0
    # What SQLite keeps for those who have the file open, the index of the log, goes with the last of them.
    files = [path for path in database_files(connection.path) if not path.name.endswith("-shm")]
    return sum(path.stat().st_size for path in files if path.exists())
