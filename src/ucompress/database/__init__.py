"""What a run keeps in SQLite: patterns, checkpoints, jobs and blocks, analyses of files.

One connection writes, under one lock, in WAL mode, without a memory map. The tables are described in
the project's `docs/database.md`.
"""

from ucompress.database.cache import AnalysisCache
from ucompress.database.file_rows import FileAnalysis, FileRows, FileStamp
from ucompress.database.jobs import BlockRow, JobRecord, JobState, JobStore
from ucompress.database.pattern_database import PatternDatabase
from ucompress.database.pattern_table import PatternSource
from ucompress.database.pointer import LastJob, last_job, remember_job, state_folder
from ucompress.database.recovery import database_files, is_strange
from ucompress.database.schema import APPLICATION_ID, SCHEMA_VERSION
from ucompress.database.times import utc_now
from ucompress.database.upkeep import DatabaseFigures

__all__ = [
    "APPLICATION_ID",
    "SCHEMA_VERSION",
    "AnalysisCache",
    "BlockRow",
    "DatabaseFigures",
    "FileAnalysis",
    "FileRows",
    "FileStamp",
    "JobRecord",
    "JobState",
    "JobStore",
    "LastJob",
    "PatternDatabase",
    "PatternSource",
    "database_files",
    "is_strange",
    "last_job",
    "remember_job",
    "state_folder",
    "utc_now",
]
