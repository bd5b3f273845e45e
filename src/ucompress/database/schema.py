"""The tables, and how a file of any earlier version becomes one of this version.

Migrations are named functions in a fixed order. Each runs in one transaction together with the record
that it ran, so a file is always exactly at one version. Never change a migration that was released:
add one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import cache

from ucompress.database.times import to_text, utc_now

APPLICATION_ID = 0x55435A44  # "UCZD"

DESIGN_TABLES: dict[str, tuple[str, ...]] = {
    "patterns": ("id", "pattern", "frequency", "first_seen", "last_updated", "file_count"),
    "checkpoints": (
        "id",
        "phase",
        "files_processed",
        "total_files",
        "patterns_found",
        "current_file",
        "created_at",
    ),
    "processed_files": ("id", "file_path", "file_size", "patterns_found", "processed_at"),
}

CREATE_PATTERNS = """
CREATE TABLE patterns (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    pattern BLOB NOT NULL UNIQUE,
    frequency INTEGER NOT NULL,
    first_seen DATETIME NOT NULL,
    last_updated DATETIME NOT NULL,
    file_count INTEGER DEFAULT 1
)"""

CREATE_CHECKPOINTS = """
CREATE TABLE checkpoints (
    id INTEGER PRIMARY KEY,
    phase TEXT NOT NULL,
    files_processed INTEGER NOT NULL,
    total_files INTEGER NOT NULL,
    patterns_found INTEGER NOT NULL,
    current_file TEXT,
    created_at DATETIME NOT NULL
)"""

CREATE_PROCESSED_FILES = """
CREATE TABLE processed_files (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    file_path BLOB NOT NULL UNIQUE,
    file_size INTEGER NOT NULL,
    patterns_found INTEGER NOT NULL,
    processed_at DATETIME NOT NULL
)"""

CREATE_DESIGN_INDEXES = (
    "CREATE INDEX idx_patterns_frequency ON patterns(frequency DESC)",
    "CREATE INDEX idx_patterns_updated ON patterns(last_updated)",
    "CREATE INDEX idx_checkpoints_created ON checkpoints(created_at DESC)",
)


def table_names(sql: sqlite3.Connection) -> set[str]:
    """Names of the tables, SQLite's own left out."""
    rows = sql.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'"
    )
    return {name for (name,) in rows}


def columns(sql: sqlite3.Connection, table: str) -> tuple[str, ...]:
    """Names of a table's columns, in order."""
    return tuple(name for (name,) in sql.execute("SELECT name FROM pragma_table_info(?)", (table,)))


def is_design_file(sql: sqlite3.Connection) -> bool:
    """Whether the file holds the design's three tables and nothing else, as its first programs wrote it."""
    names = table_names(sql)
    return names == set(DESIGN_TABLES) and all(columns(sql, name) == DESIGN_TABLES[name] for name in names)


def _design_tables(sql: sqlite3.Connection) -> None:
    """The design's three tables and indexes; takes over the rows of a file that had them as TEXT."""
    before = table_names(sql) & set(DESIGN_TABLES)
    for name in before:
        sql.execute(f"ALTER TABLE {name} RENAME TO before_{name}")
    for index in ("idx_patterns_frequency", "idx_patterns_updated", "idx_checkpoints_created"):
        sql.execute(f"DROP INDEX IF EXISTS {index}")
    for statement in (CREATE_PATTERNS, CREATE_CHECKPOINTS, CREATE_PROCESSED_FILES, *CREATE_DESIGN_INDEXES):
        sql.execute(statement)
    bytes_columns = {"pattern", "file_path"}
    for name in before:
        names = DESIGN_TABLES[name]
        values = ", ".join(f"CAST({n} AS BLOB)" if n in bytes_columns else n for n in names)
        sql.execute(f"INSERT INTO {name} ({', '.join(names)}) SELECT {values} FROM before_{name}")
        sql.execute(f"DROP TABLE before_{name}")


def _pattern_sources(sql: sqlite3.Connection) -> None:
    """Counts by source, so that a rerun replaces its own; the totals in `patterns` follow by triggers."""
    sql.execute("ALTER TABLE patterns ADD COLUMN saved_bytes INTEGER NOT NULL DEFAULT 0")
    sql.execute("""
CREATE TABLE pattern_sources (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,
    generation INTEGER NOT NULL,
    complete INTEGER NOT NULL,
    updated_at DATETIME NOT NULL
)""")
    sql.execute("""
CREATE TABLE pattern_counts (
    source_id INTEGER NOT NULL REFERENCES pattern_sources(id),
    pattern_id INTEGER NOT NULL REFERENCES patterns(id) ON DELETE CASCADE,
    generation INTEGER NOT NULL,
    frequency INTEGER NOT NULL,
    file_count INTEGER NOT NULL,
    saved_bytes INTEGER NOT NULL,
    PRIMARY KEY (source_id, pattern_id)
) WITHOUT ROWID""")
    sql.execute("CREATE INDEX idx_pattern_counts_pattern ON pattern_counts(pattern_id)")
    sql.execute(
        "INSERT INTO pattern_sources (id, key, generation, complete, updated_at) VALUES (1, x'', 0, 1, ?)",
        (to_text(utc_now()),),
    )
    sql.execute("""
INSERT INTO pattern_counts (source_id, pattern_id, generation, frequency, file_count, saved_bytes)
SELECT 1, id, 0, frequency, coalesce(file_count, 1), saved_bytes FROM patterns""")
    for statement in PATTERN_TRIGGERS:
        sql.execute(statement)


_ADD_NEW = """UPDATE patterns SET frequency = frequency + new.frequency,
        file_count = file_count + new.file_count, saved_bytes = saved_bytes + new.saved_bytes
        WHERE id = new.pattern_id;"""
_TAKE_OLD = """UPDATE patterns SET frequency = frequency - old.frequency,
        file_count = file_count - old.file_count, saved_bytes = saved_bytes - old.saved_bytes
        WHERE id = old.pattern_id;"""

PATTERN_TRIGGERS = (
    f"CREATE TRIGGER pattern_counts_insert AFTER INSERT ON pattern_counts BEGIN {_ADD_NEW} END",
    f"CREATE TRIGGER pattern_counts_update AFTER UPDATE ON pattern_counts BEGIN {_TAKE_OLD} {_ADD_NEW} END",
    f"""CREATE TRIGGER pattern_counts_delete AFTER DELETE ON pattern_counts BEGIN {_TAKE_OLD}
        DELETE FROM patterns WHERE id = old.pattern_id
        AND NOT EXISTS (SELECT 1 FROM pattern_counts WHERE pattern_id = old.pattern_id); END""",
)


def _jobs(sql: sqlite3.Connection) -> None:
    """Jobs with their leases, the blocks they have written, and their progress."""
    sql.execute("""
CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key BLOB NOT NULL UNIQUE,
    description TEXT NOT NULL,
    state TEXT NOT NULL,
    lease TEXT,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL
)""")
    sql.execute("""
CREATE TABLE blocks (
    job_id INTEGER NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    offset INTEGER NOT NULL,
    coded INTEGER NOT NULL,
    decoded INTEGER NOT NULL,
    digest BLOB NOT NULL,
    PRIMARY KEY (job_id, number)
) WITHOUT ROWID""")
    sql.execute("""
CREATE TABLE progress (
    job_id INTEGER PRIMARY KEY REFERENCES jobs(id) ON DELETE CASCADE,
    document TEXT NOT NULL,
    updated_at DATETIME NOT NULL
)""")
    sql.execute("ALTER TABLE checkpoints ADD COLUMN job_id INTEGER REFERENCES jobs(id) ON DELETE CASCADE")


def _analysis_cache(sql: sqlite3.Connection) -> None:
    """What analysis found in each file, and larger results by key."""
    for column in ("stamp BLOB", "parameters BLOB", "digest BLOB", "kind_class INTEGER", "sample BLOB"):
        sql.execute(f"ALTER TABLE processed_files ADD COLUMN {column}")
    sql.execute("ALTER TABLE processed_files ADD COLUMN checksum BLOB")
    sql.execute("""
CREATE TABLE artifacts (
    key BLOB NOT NULL,
    name TEXT NOT NULL,
    content BLOB NOT NULL,
    checksum BLOB NOT NULL,
    created_at DATETIME NOT NULL,
    PRIMARY KEY (key, name)
)""")


def _origin(sql: sqlite3.Connection) -> None:
    """The database's name, and the proof of whose it is."""
    sql.execute("CREATE TABLE origin (name BLOB NOT NULL PRIMARY KEY, proof BLOB NOT NULL)")


def _top_patterns(sql: sqlite3.Connection) -> None:
    """The way to the patterns that saved most, of millions."""
    sql.execute("CREATE INDEX idx_patterns_saved ON patterns(saved_bytes DESC)")


MIGRATIONS: tuple[tuple[str, Callable[[sqlite3.Connection], None]], ...] = (
    ("design_tables", _design_tables),
    ("pattern_sources", _pattern_sources),
    ("jobs", _jobs),
    ("analysis_cache", _analysis_cache),
    ("origin", _origin),
    ("top_patterns", _top_patterns),
)

SCHEMA_VERSION = len(MIGRATIONS)


def user_version(sql: sqlite3.Connection) -> int:
    """The schema version that the file says it has."""
    return int(sql.execute("PRAGMA user_version").fetchone()[0])


def migrate(sql: sqlite3.Connection) -> None:
    """Bring the file to `SCHEMA_VERSION`; a failing migration leaves it at the version before."""
    if user_version(sql) >= SCHEMA_VERSION:
        return
    for number, (name, step) in enumerate(MIGRATIONS, 1):
        sql.execute("BEGIN IMMEDIATE")
        try:
            # Asked again under the lock: another process may have migrated meanwhile.
            if user_version(sql) < number:
                sql.execute(
                    "CREATE TABLE IF NOT EXISTS migrations"
                    " (name TEXT PRIMARY KEY, applied_at DATETIME NOT NULL)"
                )
                step(sql)
                sql.execute(
                    "INSERT INTO migrations (name, applied_at) VALUES (?, ?)", (name, to_text(utc_now()))
                )
                sql.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                sql.execute(f"PRAGMA user_version = {number}")
            sql.execute("COMMIT")
        except BaseException:
            if sql.in_transaction:
                sql.execute("ROLLBACK")
            raise


_Rows = frozenset[tuple[object, ...]]


def _signature(sql: sqlite3.Connection) -> tuple[_Rows, _Rows]:
    """(columns by table, triggers by table): what must fit for our statements to work."""
    columns = frozenset(
        (table, *row)
        for table in table_names(sql)
        for row in sql.execute('SELECT name, type, "notnull", pk FROM pragma_table_info(?)', (table,))
    )
    return columns, frozenset(sql.execute("SELECT tbl_name, sql FROM sqlite_master WHERE type = 'trigger'"))


@cache
def _expected() -> tuple[tuple[_Rows, _Rows], _Rows]:
    """Signature and whole schema of a new database."""
    sql = sqlite3.connect(":memory:", isolation_level=None)
    try:
        migrate(sql)
        return _signature(sql), _schema(sql)
    finally:
        sql.close()


def _schema(sql: sqlite3.Connection) -> _Rows:
    return frozenset(sql.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"))


def has_only_our_schema(sql: sqlite3.Connection) -> bool:
    """Whether nothing stands in the schema that we have not written, so that nothing else is ever run."""
    return _schema(sql) == _expected()[1]


def has_our_schema(sql: sqlite3.Connection) -> bool:
    """Whether our tables have the columns and exactly the triggers that this version gives them.

    What others keep beside them is theirs: columns, tables with their triggers, indexes, views.
    """
    columns, triggers = _signature(sql)
    expected_columns, expected_triggers = _expected()[0]
    ours = {table for table, *_ in expected_columns}
    return expected_columns <= columns and {row for row in triggers if row[0] in ours} == expected_triggers
