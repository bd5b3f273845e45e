"""What somebody else's database says of files and jobs is not used."""

import os
import sqlite3
import stat
import struct
from pathlib import Path

import pytest

from database.files import lookup
from support import fill_codebase
from tests.pipeline.runs import pack
from ucompress.database import FileAnalysis, FileStamp, PatternDatabase, file_rows, utc_now
from ucompress.database.origin import KEY_FILE
from ucompress.errors import DatabaseError
from ucompress.patterns import PatternEntry

STAMP = FileStamp(5, 6, 7, 8, 9)
ANALYSIS = FileAnalysis(bytes(32), 0, b"")


@pytest.fixture
def state(tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    monkeypatch.setenv("UCOMPRESS_STATE_DIR", str(folder))
    return folder


def fill(path):
    with PatternDatabase(path) as database:
        database.cache.store([(b"/f", STAMP, ANALYSIS)], b"")
        database.cache.store_artifact(b"key", "plan", b"content")
        database.store_patterns([PatternEntry(b"pattern", 3, 2, utc_now(), utc_now(), 1)])
        database.jobs.open(b"job", {})


def knows(path):
    """(file, artifact, job, patterns, warnings) that are to be had from a database."""
    with PatternDatabase(path) as database:
        return (
            lookup(database.cache, b"/f", STAMP, b"") is not None,
            database.cache.artifact(b"key", "plan") is not None,
            database.jobs.find(b"job") is not None,
            database.pattern_count(),
            len(database.warnings),
        )


def test_what_one_has_made_oneself_is_used(tmp_path, state):
    fill(tmp_path / "p.db")
    assert knows(tmp_path / "p.db") == (True, True, True, 1, 0)


def test_of_a_database_from_elsewhere_only_patterns_are_kept(tmp_path, state, monkeypatch):
    monkeypatch.setenv("UCOMPRESS_STATE_DIR", str(tmp_path / "theirs"))
    fill(tmp_path / "p.db")
    monkeypatch.setenv("UCOMPRESS_STATE_DIR", str(state))
    assert knows(tmp_path / "p.db") == (False, False, False, 1, 1)
    fill(tmp_path / "p.db")
    assert knows(tmp_path / "p.db") == (True, True, True, 1, 0)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE origin SET proof = zeroblob(32)",
        "UPDATE origin SET name = 'text'",
        "UPDATE origin SET proof = NULL WHERE 0",
        "DELETE FROM origin",
    ],
)
def test_a_proof_that_does_not_fit_proves_nothing(tmp_path, state, statement):
    fill(tmp_path / "p.db")
    with PatternDatabase(tmp_path / "p.db") as database, database._connection.transaction() as sql:
        changed = sql.execute(statement).rowcount
    assert knows(tmp_path / "p.db")[:3] == (not changed,) * 3


def test_the_key_is_the_users_alone_and_stays(tmp_path, state):
    fill(tmp_path / "p.db")
    key = (state / KEY_FILE).read_bytes()
    assert len(key) == 32
    if os.name == "posix":
        assert stat.S_IMODE((state / KEY_FILE).stat().st_mode) == 0o600
    fill(tmp_path / "q.db")
    assert (state / KEY_FILE).read_bytes() == key
    assert sorted(os.listdir(state)) == [KEY_FILE, "last-job.json"]


def test_a_key_that_was_cut_off_is_made_anew(tmp_path, state):
    fill(tmp_path / "p.db")
    (state / KEY_FILE).write_bytes(b"short")
    assert knows(tmp_path / "p.db")[:3] == (False, False, False)
    fill(tmp_path / "p.db")
    assert knows(tmp_path / "p.db") == (True, True, True, 1, 0)


def test_without_a_state_folder_nothing_is_taken_over(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("UCOMPRESS_STATE_DIR", str(tmp_path / "file" / "state"))
    fill(tmp_path / "p.db")
    assert knows(tmp_path / "p.db") == (False, False, False, 1, 1)


def tell_that_two_files_are_one(database, told, truth):
    """Write into a database that file `told` has the bytes of `truth`, all checksums right."""
    rows = database._connection.query(
        "SELECT file_path, stamp, parameters, digest, kind_class, sample, patterns_found FROM processed_files"
    )
    by_path = {Path(os.fsdecode(row[0])).name: row[1:] for row in rows}
    paths = {Path(os.fsdecode(row[0])).name: row[0] for row in rows}
    stamp, parameters, *_ = by_path[told]
    analysis = FileAnalysis(*by_path[truth][2:])
    assert database.cache.store(
        [(paths[told], FileStamp(*struct.unpack("<5Q", stamp)), analysis)], parameters
    )


def test_a_database_that_lies_about_a_file_is_believed_by_who_made_it_only(tmp_path, state, monkeypatch):
    """It says that two files have the same bytes: no key, no belief."""
    for tick in ("FINE_TICK_NS", "COARSE_TICK_NS"):
        monkeypatch.setattr(file_rows, tick, -(10**12))  # new files are kept, too
    tree, database = tmp_path / "tree", tmp_path / "p.db"
    fill_codebase(tree, 6, 2000)
    (tree / "a").write_bytes(b"the true bytes of a " * 10)
    (tree / "b").write_bytes(b"the bytes that b has" * 10)
    reference = pack(tree, tmp_path / "r.ucz")[1]
    monkeypatch.setenv("UCOMPRESS_STATE_DIR", str(tmp_path / "theirs"))
    pack(tree, tmp_path / "x.ucz", database=database)
    with PatternDatabase(database) as opened:
        tell_that_two_files_are_one(opened, "b", "a")
    lying = database.read_bytes()
    assert pack(tree, tmp_path / "x.ucz", database=database)[1] != reference
    database.write_bytes(lying)
    monkeypatch.setenv("UCOMPRESS_STATE_DIR", str(state))
    result, packed = pack(tree, tmp_path / "y.ucz", database=database)
    assert packed == reference
    assert any("somebody else" in warning for warning in result.warnings)


def hide(sql, forged):
    """Let the schema say of triggers on other tables than they are on, or that they are something else."""
    sql.execute("PRAGMA writable_schema = ON")
    sql.execute(f"UPDATE sqlite_master SET {forged} WHERE name LIKE 'keep%'")
    sql.execute("PRAGMA writable_schema = OFF")


KEEP = (
    "CREATE TRIGGER keep_artifacts BEFORE DELETE ON artifacts BEGIN SELECT RAISE(IGNORE); END",
    "CREATE TRIGGER keep_files BEFORE UPDATE ON processed_files BEGIN SELECT RAISE(IGNORE); END",
    "CREATE TRIGGER keep_jobs BEFORE DELETE ON jobs BEGIN SELECT RAISE(IGNORE); END",
)


@pytest.mark.parametrize("forged", ["tbl_name = 'mine'", "type = 'index'", "type = 'x'"])
def test_what_is_dropped_cannot_be_kept_by_a_trigger_that_the_schema_does_not_own_up_to(
    tmp_path, state, monkeypatch, forged
):
    monkeypatch.setenv("UCOMPRESS_STATE_DIR", str(tmp_path / "theirs"))
    fill(tmp_path / "p.db")
    sql = sqlite3.connect(tmp_path / "p.db", isolation_level=None)
    sql.execute("CREATE TABLE mine (x)")
    for statement in KEEP:
        sql.execute(statement)
    hide(sql, forged)
    sql.close()
    monkeypatch.setenv("UCOMPRESS_STATE_DIR", str(state))
    found = knows(tmp_path / "p.db")
    assert found[:3] == (False, False, False)
    assert found[4] == 1


def test_what_is_dropped_cannot_be_kept_by_a_column_that_is_made_of_another(tmp_path, state, monkeypatch):
    """Of whose values there may be one each: rows that would come to have it too are left as they are."""
    monkeypatch.setenv("UCOMPRESS_STATE_DIR", str(tmp_path / "theirs"))
    fill(tmp_path / "p.db")
    with PatternDatabase(tmp_path / "p.db") as database:
        database.cache.store([(b"/first", STAMP, ANALYSIS), (b"/f", STAMP, ANALYSIS)], b"")
    sql = sqlite3.connect(tmp_path / "p.db", isolation_level=None)
    (table,) = sql.execute("SELECT sql FROM sqlite_master WHERE name = 'processed_files'").fetchone()
    names = ", ".join(row[1] for row in sql.execute("PRAGMA table_info(processed_files)"))
    sql.execute("ALTER TABLE processed_files RENAME TO before")
    once = "once AS (CASE WHEN checksum IS NULL THEN 1 END) UNIQUE ON CONFLICT IGNORE"
    sql.execute(f"{table.rstrip().removesuffix(')')}, {once})")
    sql.execute(f"INSERT INTO processed_files ({names}) SELECT {names} FROM before")
    sql.execute("DROP TABLE before")
    sql.close()
    monkeypatch.setenv("UCOMPRESS_STATE_DIR", str(state))
    for name in (b"/first", b"/f"):
        with PatternDatabase(tmp_path / "p.db") as database:
            assert lookup(database.cache, name, STAMP, b"") is None


def test_what_is_said_of_a_job_that_is_still_to_come_is_dropped_too(tmp_path, state, monkeypatch):
    monkeypatch.setenv("UCOMPRESS_STATE_DIR", str(tmp_path / "theirs"))
    with PatternDatabase(tmp_path / "p.db"):
        pass
    sql = sqlite3.connect(tmp_path / "p.db", isolation_level=None)
    sql.execute("INSERT INTO sqlite_sequence VALUES ('jobs', 41)")
    sql.execute("INSERT INTO blocks VALUES (42, 0, 64, 5, 5, zeroblob(16))")
    sql.execute("INSERT INTO progress VALUES (42, '{}', '2026-01-01')")
    sql.execute("INSERT INTO checkpoints VALUES (1, 'compressing', 1, 1, 1, NULL, '2026-01-01', 42)")
    sql.close()
    monkeypatch.setenv("UCOMPRESS_STATE_DIR", str(state))
    with PatternDatabase(tmp_path / "p.db") as database:
        assert database.jobs.open(b"mine", {}) == 42
        assert database.jobs.blocks(42) == []
        assert database.jobs.progress(42) is None
        assert database.load_checkpoint(42) is None
        assert len(database.warnings) == 1


EXTRAS = [
    "CREATE INDEX slow ON patterns (hex(zeroblob(1000)))",
    "CREATE INDEX part ON patterns (id) WHERE length(hex(zeroblob(1000))) > 0",
    "ALTER TABLE patterns ADD COLUMN slow AS (hex(zeroblob(1000)))",
    "ALTER TABLE patterns ADD COLUMN checked INTEGER CHECK (length(hex(zeroblob(1000))) > checked)",
    "CREATE VIEW endless AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT i FROM n",
    "CREATE TABLE more (x)",
]


@pytest.mark.parametrize("statement", EXTRAS)
def test_of_somebody_else_nothing_is_run_that_we_have_not_written(tmp_path, state, monkeypatch, statement):
    """Expressions cost what they like, row by row, already where a file is only checked."""
    monkeypatch.setenv("UCOMPRESS_STATE_DIR", str(tmp_path / "theirs"))
    fill(tmp_path / "p.db")
    sql = sqlite3.connect(tmp_path / "p.db", isolation_level=None)
    sql.execute(statement)
    sql.close()
    assert knows(tmp_path / "p.db") == (True, True, True, 1, 0)
    monkeypatch.setenv("UCOMPRESS_STATE_DIR", str(state))
    assert knows(tmp_path / "p.db") == (False, False, False, 0, 1)
    assert (tmp_path / "p.db.corrupt-1").exists()


def test_a_table_that_is_a_view_is_not_read(tmp_path, state):
    """It may go on for ever."""
    fill(tmp_path / "p.db")
    sql = sqlite3.connect(tmp_path / "p.db", isolation_level=None)
    sql.execute("DROP TABLE progress")
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) SELECT i FROM n"
    sql.execute(f"CREATE VIEW progress(job_id, document, updated_at) AS SELECT 1, '', '' FROM ({endless})")
    sql.close()
    with pytest.raises(DatabaseError, match="damaged"):
        PatternDatabase(tmp_path / "p.db", read_only=True)
