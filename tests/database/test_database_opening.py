"""Opening: new, older, newer, foreign and damaged files, folders that do not allow it."""

from __future__ import annotations

import os
import random
import sqlite3
from pathlib import Path

import pytest

from database.files import DESIGN_DDL, entry, filled, folder_state, raw, run_sql
from database.processes import Process
from ucompress.database import APPLICATION_ID, SCHEMA_VERSION, PatternDatabase, schema
from ucompress.database.recovery import uri
from ucompress.database.schema import (
    CREATE_CHECKPOINTS,
    CREATE_DESIGN_INDEXES,
    CREATE_PATTERNS,
    CREATE_PROCESSED_FILES,
    MIGRATIONS,
    has_our_schema,
    migrate,
)
from ucompress.errors import DatabaseError, DatabaseVersionError
from ucompress.progress import PipelinePhase, PipelineState

# --- the design's schema ---------------------------------------------------------------------------


def test_the_tables_are_the_designs(tmp_path: Path) -> None:
    sql = raw(filled(tmp_path / "p.db"))
    expected = sqlite3.connect(":memory:")
    expected.executescript(
        DESIGN_DDL.replace("pattern TEXT", "pattern BLOB").replace("file_path TEXT", "file_path BLOB")
    )
    for table in ("patterns", "checkpoints", "processed_files"):
        wanted = expected.execute(f"PRAGMA table_info({table})").fetchall()
        assert sql.execute(f"PRAGMA table_info({table})").fetchall()[: len(wanted)] == wanted
        unique = [row[2:] for row in expected.execute(f"PRAGMA index_list({table})") if row[3] == "u"]
        assert [row[2:] for row in sql.execute(f"PRAGMA index_list({table})") if row[3] == "u"] == unique
    indexes = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql NOT NULL"
    ours = dict(sql.execute(indexes).fetchall())
    for name, text in expected.execute(indexes):
        assert ours[name] == text
    assert sql.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    assert sql.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
    assert sql.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert [name for (name,) in sql.execute("SELECT name FROM migrations ORDER BY rowid")] == [
        n for n, _ in MIGRATIONS
    ]
    sql.close()
    expected.close()


def test_the_document_shows_the_tables_as_they_are(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "database.md").read_text(encoding="utf-8")
    ddl = text.partition("```sql\n")[2].partition("```")[0]
    statements = [*(CREATE_PATTERNS, CREATE_CHECKPOINTS, CREATE_PROCESSED_FILES), *CREATE_DESIGN_INDEXES]
    assert [part.strip() for part in ddl.split(";")][:-1] == [statement.strip() for statement in statements]
    assert f"at present {SCHEMA_VERSION}" in text
    assert f"{APPLICATION_ID:#X}".replace("0X", "0x") in text
    names = ", ".join(f"`{name}`" for name, _ in MIGRATIONS)
    assert names in text
    sql = raw(filled(tmp_path / "p.db"))
    for table in schema.table_names(sql):
        assert f"`{table}`" in text or f"TABLE {table} " in text, table
    sql.close()


def test_times_are_iso_utc(tmp_path: Path) -> None:
    sql = raw(filled(tmp_path / "p.db"))
    for column, table in (("first_seen", "patterns"), ("created_at", "checkpoints")):
        (text,) = sql.execute(f"SELECT {column} FROM {table} LIMIT 1").fetchone()
        assert len(text) == 32
        assert text.endswith("+00:00")
    sql.close()


def test_connection_settings(tmp_path: Path) -> None:
    with PatternDatabase(tmp_path / "p.db") as database:
        query = database._connection.query
        assert query("PRAGMA synchronous") == [(2,)]
        assert query("PRAGMA mmap_size") == [(0,)]
        assert query("PRAGMA foreign_keys") == [(1,)]


# --- older files -----------------------------------------------------------------------------------


@pytest.mark.parametrize("as_bytes", [False, True])
def test_a_file_of_the_designs_first_programs_is_taken_over(tmp_path: Path, as_bytes: bool) -> None:
    path = tmp_path / "seed.db"
    sql = raw(path)
    kind = "BLOB" if as_bytes else "TEXT"
    sql.executescript(
        DESIGN_DDL.replace("pattern TEXT", f"pattern {kind}").replace("file_path TEXT", f"file_path {kind}")
    )
    sql.execute(
        "INSERT INTO patterns (pattern, frequency, first_seen, last_updated, file_count)"
        " VALUES (?, 5, ?, ?, 2)",
        (b"caf\xc3\xa9" if as_bytes else "café", "2024-01-02 03:04:05", "2024-01-02T03:04:06+02:00"),
    )
    sql.execute(
        "INSERT INTO checkpoints"
        " (phase, files_processed, total_files, patterns_found, current_file, created_at)"
        " VALUES ('compressing', 1, 2, 3, 'a.txt', '2024-01-02 03:04:05')"
    )
    sql.close()
    with PatternDatabase(path) as database:
        assert database.warnings == ()
        (kept,) = database.get_frequent_patterns(1)
        assert (kept.pattern, kept.frequency, kept.file_count) == ("café".encode(), 5, 2)
        assert kept.first_seen.isoformat() == "2024-01-02T03:04:05+00:00"
        assert kept.last_updated.isoformat() == "2024-01-02T01:04:06+00:00"
        assert database.load_checkpoint() == PipelineState(PipelinePhase.COMPRESSING, 1, 2, 3, Path("a.txt"))
        # What was there counts as the unnamed source: storing again replaces it.
        database.store_patterns([entry("café".encode(), 8)])
        assert database.get_frequent_patterns(1)[0].frequency == 8
    sql = raw(path)
    assert has_our_schema(sql)
    sql.close()


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_each_earlier_version_migrates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int) -> None:
    path = tmp_path / "old.db"
    sql = raw(path)
    monkeypatch.setattr(schema, "MIGRATIONS", MIGRATIONS[:version])
    migrate(sql)
    monkeypatch.undo()
    sql.execute(
        "INSERT INTO processed_files (file_path, file_size, patterns_found, processed_at)"
        " VALUES (x'ff', 1, 2, 't')"
    )
    sql.close()
    with PatternDatabase(path) as database:
        assert database.warnings == ()
        assert database._connection.query("SELECT file_path FROM processed_files") == [(b"\xff",)]
        assert database._connection.query("PRAGMA user_version") == [(SCHEMA_VERSION,)]
        database.store_patterns([entry()])


def test_a_migration_that_fails_leaves_the_version_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def failing(sql: sqlite3.Connection) -> None:
        sql.execute("CREATE TABLE half_made (x)")
        sql.execute("INSERT INTO nowhere VALUES (1)")

    path = tmp_path / "p.db"
    sql = raw(path)
    monkeypatch.setattr(schema, "MIGRATIONS", (*MIGRATIONS[:2], ("failing", failing)))
    with pytest.raises(sqlite3.OperationalError):
        migrate(sql)
    assert sql.execute("PRAGMA user_version").fetchone() == (2,)
    assert "half_made" not in schema.table_names(sql)
    assert sql.execute("SELECT count(*) FROM migrations").fetchone() == (2,)
    monkeypatch.undo()
    sql.close()
    with PatternDatabase(path) as database:
        assert database._connection.query("PRAGMA user_version") == [(SCHEMA_VERSION,)]


def test_an_empty_file_and_an_empty_database_are_filled(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    run_sql(tmp_path / "bare.db", "CREATE TABLE t (x)", "DROP TABLE t", "VACUUM")
    for name in ("empty.db", "bare.db"):
        with PatternDatabase(tmp_path / name) as database:
            assert database.warnings == ()
            database.store_patterns([entry()])


# --- newer files -----------------------------------------------------------------------------------


def test_a_newer_file_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = filled(tmp_path / "p.db")
    run_sql(path, f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    before = folder_state(tmp_path)
    for read_only in (False, True):
        with pytest.raises(DatabaseVersionError, match="newer ucompress and was left untouched"):
            PatternDatabase(path, read_only=read_only)
    assert folder_state(tmp_path) == before


def test_a_newer_version_that_stands_only_in_the_log_is_seen(tmp_path: Path) -> None:
    path = filled(tmp_path / "p.db")
    code = f"""
import sqlite3
sql = sqlite3.connect(sys.argv[1], isolation_level=None)
sql.execute("PRAGMA wal_autocheckpoint = 0")
sql.execute("PRAGMA user_version = {SCHEMA_VERSION + 1}")
say("ready")
sys.stdin.readline()
"""
    with Process(code, path) as process:
        assert process.line() == "ready"
        process.kill()
    before = path.read_bytes(), Path(f"{path}-wal").read_bytes()
    assert len(before[1]) > 0
    with pytest.raises(DatabaseVersionError):
        PatternDatabase(path)
    assert (path.read_bytes(), Path(f"{path}-wal").read_bytes()) == before


# --- files that cannot be used ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "content", [b"not a database at all\n" * 100, b"x", b"SQLite format 3\x00" + b"\xff" * 5000]
)
def test_what_is_no_database_is_moved_aside(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "p.db"
    path.write_bytes(content)
    Path(f"{path}-wal").write_bytes(b"log of it")
    (tmp_path / "p.db.corrupt-1").write_bytes(b"an earlier one")
    with PatternDatabase(path) as database:
        database.store_patterns([entry()])
        (warning,) = database.warnings
        moved = {tmp_path / f"p.db.corrupt-{number}" for number in ("1", "2", "2-wal")}
        assert moved | {path, tmp_path / "p.db-wal"} <= set(database.files)
    assert "p.db.corrupt-2" in warning
    assert (tmp_path / "p.db.corrupt-2").read_bytes() == content
    assert (tmp_path / "p.db.corrupt-2-wal").read_bytes() == b"log of it"
    assert (tmp_path / "p.db.corrupt-1").read_bytes() == b"an earlier one"
    with PatternDatabase(path) as database:
        assert database.warnings == ()
        assert database.pattern_count() == 1


@pytest.mark.parametrize("identity", [0, 12345])
def test_the_database_of_another_program_is_moved_aside_whole(tmp_path: Path, identity: int) -> None:
    path = tmp_path / "p.db"
    run_sql(
        path,
        f"PRAGMA application_id = {identity}",
        "PRAGMA user_version = 99",
        "CREATE TABLE bookmarks (url)",
        "INSERT INTO bookmarks VALUES ('x')",
    )
    content = path.read_bytes()
    with PatternDatabase(path) as database:
        assert "was not a database of ucompress" in database.warnings[0]
        assert tmp_path / "p.db.foreign-1" in database.files
    assert (tmp_path / "p.db.foreign-1").read_bytes() == content


def test_a_design_file_with_other_columns_is_foreign(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    run_sql(
        path, *(f"CREATE TABLE {name} (id, other)" for name in ("patterns", "checkpoints", "processed_files"))
    )
    with PatternDatabase(path) as database:
        assert "was not a database of ucompress" in database.warnings[0]


@pytest.mark.parametrize(
    "harm",
    [
        "DROP TABLE blocks",
        "DROP TRIGGER pattern_counts_update",
        "ALTER TABLE jobs RENAME COLUMN lease TO other",
        "CREATE TRIGGER spy AFTER INSERT ON patterns BEGIN DELETE FROM patterns; END",
    ],
)
def test_a_schema_that_was_tampered_with_is_moved_aside(tmp_path: Path, harm: str) -> None:
    path = filled(tmp_path / "p.db")
    run_sql(path, harm)
    with PatternDatabase(path) as database:
        assert "was damaged" in database.warnings[0]
        assert database.pattern_count() == 0


def test_a_schema_whose_names_are_no_text_is_damage(tmp_path: Path) -> None:
    path = filled(tmp_path / "p.db")
    run_sql(
        path,
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET name = CAST(x'F46C' AS TEXT), sql = 'CREATE TABLE (' WHERE name = 'blocks'",
    )
    with pytest.raises(DatabaseError, match="is damaged"):
        PatternDatabase(path, read_only=True)
    with pytest.raises(DatabaseError, match="is damaged"):
        PatternDatabase(path, begin_anew=False)
    with PatternDatabase(path) as database:
        assert "was damaged" in database.warnings[0]


def test_what_others_keep_beside_our_tables_is_left_alone(tmp_path: Path) -> None:
    path = filled(tmp_path / "p.db")
    run_sql(
        path,
        "CREATE TABLE mine (x)",
        "CREATE TRIGGER own AFTER INSERT ON mine BEGIN DELETE FROM mine; END",
        "CREATE VIEW best AS SELECT * FROM patterns ORDER BY saved_bytes DESC",
        "CREATE INDEX by_count ON patterns(file_count)",
        "ALTER TABLE patterns ADD COLUMN remark TEXT",
        "ANALYZE",
    )
    with PatternDatabase(path) as database:
        assert database.warnings == ()
        assert database.pattern_count() == 200


def test_flipped_and_missing_bytes_never_stop_a_run(tmp_path: Path) -> None:
    path = filled(tmp_path / "p.db", 400)
    whole = path.read_bytes()
    generator = random.Random(11)
    moved = 0
    for attempt in range(36):
        content = bytearray(whole)
        if attempt % 3 == 0:
            del content[generator.randrange(len(content)) :]
        elif attempt % 3 == 1:
            begin = generator.randrange(len(content))
            content[begin : begin + 600] = generator.randbytes(600)
        else:
            for _ in range(8):
                content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
        path.write_bytes(content)
        try:
            database = PatternDatabase(path)
        except DatabaseVersionError:
            continue  # a flip in the version itself: only people can tell
        with database:
            moved += bool(database.warnings)
            database.store_patterns([entry(b"new" * 6)])
            assert database.get_pattern(b"new" * 6) is not None
            database.get_frequent_patterns(1)
            database.load_checkpoint()
        for left in tmp_path.glob("p.db.corrupt-*"):
            left.unlink()
    assert moved > 10


# --- places that do not allow it -------------------------------------------------------------------


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match=r"the folder .*nowhere does not exist.*--database"):
        PatternDatabase(tmp_path / "nowhere" / "p.db")


def test_folders_and_devices_are_not_moved(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    targets = [tmp_path / "folder"]
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        targets += [tmp_path / "pipe", Path(os.devnull)]
    for target in targets:
        for read_only in (False, True):
            with pytest.raises(DatabaseError, match="not a regular file and was left untouched"):
                PatternDatabase(target, read_only=read_only)
        assert target.exists()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    # The one folder in which even root makes no files.
    folder = Path("/proc/self") if Path("/proc/self").is_dir() else tmp_path / "closed"
    if not folder.exists():
        folder.mkdir(mode=0o500)
    with pytest.raises(DatabaseError, match=r"cannot be opened for writing.*--database") as caught:
        PatternDatabase(folder / "p.db")
    assert isinstance(caught.value.__cause__, sqlite3.Error)


def test_a_full_disk_keeps_what_was_there(tmp_path: Path) -> None:
    path = filled(tmp_path / "p.db")
    with PatternDatabase(path) as database:
        (pages,) = database._connection.query("PRAGMA page_count")[0]
        database._connection.query(f"PRAGMA max_page_count = {pages + 2}")
        with pytest.raises(
            DatabaseError, match=r"no space left for .*p\.db; what was saved before is kept"
        ) as caught:
            database.store_patterns(entry(os.urandom(200)) for _ in range(5000))
        assert isinstance(caught.value.__cause__, sqlite3.Error)
        assert database.pattern_count() == 200
        database._connection.query("PRAGMA max_page_count = 1000000")
        database.store_patterns([entry()])
    with PatternDatabase(path) as database:
        assert database.pattern_count() == 201


def test_names_of_any_bytes(tmp_path: Path) -> None:
    for name in (b"a?b#c%41 d.db", b"caf\xe9.db", "ä漢.db".encode()):
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
        with PatternDatabase(path) as database:
            database.store_patterns([entry()])
        assert path.exists()
        with PatternDatabase(path, read_only=True) as database:
            assert database.pattern_count() == 1
    assert uri(Path("/a?b"), "mode=ro") == "file:/a%3Fb?mode=ro"


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target = tmp_path / "real" / "p.db"
    target.write_bytes(b"garbage")
    (tmp_path / "link.db").symlink_to(target)
    with PatternDatabase(tmp_path / "link.db") as database:
        assert database.path == target
        assert database.files[0] == target
    assert (tmp_path / "link.db").is_symlink()
    assert (tmp_path / "real" / "p.db.corrupt-1").read_bytes() == b"garbage"


def test_a_relative_path_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with PatternDatabase("p.db") as database:
        monkeypatch.chdir("/")
        database.store_patterns([entry()])
        assert database.path == tmp_path / "p.db"


def test_memory() -> None:
    with PatternDatabase(":memory:") as database:
        assert database.path is None
        assert database.files == ()
        database.store_patterns([entry()])
        assert database.pattern_count() == 1


def test_closing_twice_and_using_after(tmp_path: Path) -> None:
    database = PatternDatabase(tmp_path / "p.db")
    database.close()
    database.close()
    with pytest.raises(DatabaseError, match="closed"):
        database.pattern_count()
    assert sorted(path.name for path in tmp_path.glob("p.db*")) == ["p.db"]


def test_a_batch_size_must_be_possible() -> None:
    with pytest.raises(ValueError, match="batch_size"):
        PatternDatabase(":memory:", batch_size=0)


@pytest.mark.parametrize(
    ("what", "code", "failing"),
    [
        ("disk I/O error", sqlite3.SQLITE_IOERR | 1 << 8, "the disk fails"),
        ("locking protocol", sqlite3.SQLITE_PROTOCOL, "the locks of the file system fail"),
    ],
)
def test_a_disk_that_fails_is_told_with_what_is_kept_and_what_to_do(
    tmp_path: Path, monkeypatch, what, code, failing
) -> None:
    error = sqlite3.OperationalError(what)
    error.sqlite_errorcode = code

    class Failing:
        def execute(self, *_: object) -> None:
            raise error

    with PatternDatabase(filled(tmp_path / "p.db")) as database:
        with monkeypatch.context() as patched:
            patched.setattr(database._connection, "_sql", Failing())
            with pytest.raises(DatabaseError) as raised:
                database._connection.query("SELECT 1")
        assert database._connection.query("SELECT 1") == [(1,)]
    told = str(raised.value)
    assert f"{failing} under {tmp_path / 'p.db'} ({what}); what was saved before is kept there" in told
    assert "Run the same command again" in told and "--database" in told
    assert raised.value.path == os.fsencode(tmp_path / "p.db")
