"""Database files for the tests: filled ones, and what SQLite itself says of them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from ucompress.database import FileAnalysis, FileStamp, PatternDatabase, utc_now
from ucompress.database.cache import AnalysisCache
from ucompress.patterns import PatternEntry
from ucompress.progress import PipelinePhase, PipelineState

# As the design's first programs made it: patterns and paths as text.
DESIGN_DDL = """
CREATE TABLE patterns (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    pattern TEXT NOT NULL UNIQUE,
    frequency INTEGER NOT NULL,
    first_seen DATETIME NOT NULL,
    last_updated DATETIME NOT NULL,
    file_count INTEGER DEFAULT 1
);
CREATE TABLE checkpoints (
    id INTEGER PRIMARY KEY,
    phase TEXT NOT NULL,
    files_processed INTEGER NOT NULL,
    total_files INTEGER NOT NULL,
    patterns_found INTEGER NOT NULL,
    current_file TEXT,
    created_at DATETIME NOT NULL
);
CREATE TABLE processed_files (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    file_path TEXT NOT NULL UNIQUE,
    file_size INTEGER NOT NULL,
    patterns_found INTEGER NOT NULL,
    processed_at DATETIME NOT NULL
);
CREATE INDEX idx_patterns_frequency ON patterns(frequency DESC);
CREATE INDEX idx_patterns_updated ON patterns(last_updated);
CREATE INDEX idx_checkpoints_created ON checkpoints(created_at DESC);
"""


def entry(pattern: bytes = b"pattern of bytes", frequency: int = 3) -> PatternEntry:
    now = utc_now()
    return PatternEntry(pattern, frequency, 2, now, now, 9)


def filled(path: Path, patterns: int = 200) -> Path:
    with PatternDatabase(path) as database:
        database.store_patterns(entry(b"%016d" % n, n + 2) for n in range(patterns))
        database.save_checkpoint(PipelineState(PipelinePhase.COMPRESSING, 1, 2, 3))
    return path


def folder_state(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def raw(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


def run_sql(path: Path, *statements: str) -> None:
    sql = raw(path)
    for statement in statements:
        sql.execute(statement)
    sql.close()


def lookup(cache: AnalysisCache, path: bytes, stamp: FileStamp, parameters: bytes) -> FileAnalysis | None:
    """The analysis of one file."""
    (found,) = cache.lookup_many([(path, stamp)], parameters)
    return found
