"""Opening a database only to read it, and beside other processes."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from database.files import DESIGN_DDL, entry, filled, raw
from database.processes import Process
from ucompress.database import PatternDatabase
from ucompress.database.recovery import Verdict, identity, move_aside
from ucompress.errors import DatabaseError, JobBusyError

# --- reading only ----------------------------------------------------------------------------------


def test_reading_only_never_creates_or_changes(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="there is no database at"):
        PatternDatabase(tmp_path / "p.db", read_only=True)
    assert list(tmp_path.glob("p.db*")) == []
    path = filled(tmp_path / "p.db")
    content = path.read_bytes()
    with PatternDatabase(path, read_only=True) as database:
        assert database.pattern_count() == 200
        assert database.load_checkpoint() is not None
        with pytest.raises(DatabaseError, match="cannot be opened for writing"):
            database.store_patterns([entry()])
    assert path.read_bytes() == content


def test_reading_only_refuses_what_writing_would_move_or_migrate(tmp_path: Path) -> None:
    garbage = tmp_path / "g.db"
    garbage.write_bytes(b"garbage" * 1000)
    with pytest.raises(DatabaseError, match="is no database of ucompress, or damaged"):
        PatternDatabase(garbage, read_only=True)
    assert garbage.exists()
    seed = tmp_path / "seed.db"
    sql = raw(seed)
    sql.executescript(DESIGN_DDL)
    sql.close()
    with pytest.raises(DatabaseError, match="earlier version"):
        PatternDatabase(seed, read_only=True)


def test_reading_while_another_process_writes(tmp_path: Path) -> None:
    path = filled(tmp_path / "p.db")
    code = """
database = PatternDatabase(sys.argv[1])
database.store_patterns([entry(b"from another process")])
say("stored")
sys.stdin.readline()
database.store_patterns([entry(b"and one more pattern")])
say("stored")
sys.stdin.readline()
"""
    with Process(code, path) as process:
        assert process.line() == "stored"
        with PatternDatabase(path, read_only=True) as database:
            assert database.get_pattern(b"from another process") is not None
            assert database.get_pattern(b"and one more pattern") is None
            process.tell()
            assert process.line() == "stored"
            assert database.get_pattern(b"and one more pattern") is not None


# --- several processes -----------------------------------------------------------------------------


def test_a_transaction_of_another_process_is_waited_for_then_named(tmp_path: Path) -> None:
    path = filled(tmp_path / "p.db")
    code = """
import os
import sqlite3
sql = sqlite3.connect(sys.argv[1], isolation_level=None)
sql.execute("BEGIN IMMEDIATE")
say("locked")
sys.stdin.readline()
"""
    with Process(code, path) as process:
        assert process.line() == "locked"
        with PatternDatabase(path, busy_timeout=0.1) as database:
            assert database.pattern_count() == 200
            with pytest.raises(JobBusyError, match="being written by another process") as caught:
                database.store_patterns([entry()])
            assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
            process.kill()
            database.store_patterns([entry()])


def test_many_processes_open_a_new_database_at_once(tmp_path: Path) -> None:
    code = """
say("ready")
sys.stdin.readline()
with PatternDatabase(sys.argv[1], batch_size=7) as database:
    for step in range(5):
        database.replace_patterns(sys.argv[2].encode(), [entry(b"%016d" % n, step + 2) for n in range(20)])
    say(*database.warnings)
"""
    processes = [Process(code, tmp_path / "p.db", number) for number in range(3)]
    for process in processes:
        assert process.line() == "ready"
    for process in processes:
        process.tell()
    assert [process.wait().strip() for process in processes] == [""] * 3
    with PatternDatabase(tmp_path / "p.db") as database:
        assert [(e.frequency, e.file_count) for e in database.get_frequent_patterns(1)] == [(18, 3)] * 20
        assert [source.patterns for source in database.pattern_sources()] == [20] * 3
    assert list(tmp_path.glob("*corrupt*")) == []


def test_many_processes_find_a_damaged_database_at_once(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    path.write_bytes(b"garbage" * 1000)
    code = """
say("ready")
sys.stdin.readline()
with PatternDatabase(sys.argv[1]) as database:
    database.replace_patterns(sys.argv[2].encode(), [entry(b"%016d" % n) for n in range(20)])
"""
    processes = [Process(code, path, number) for number in range(3)]
    for process in processes:
        assert process.line() == "ready"
    for process in processes:
        process.tell()
    assert [process.wait() for process in processes] == [""] * 3
    assert (tmp_path / "p.db.corrupt-1").read_bytes() == b"garbage" * 1000


def test_a_file_that_was_replaced_meanwhile_is_not_moved(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    path.write_bytes(b"garbage")
    judged = identity(path)
    (tmp_path / "other").write_bytes(b"another process's new database")
    (tmp_path / "other").rename(path)
    assert move_aside(path, Verdict.CORRUPT, judged) is None
    assert path.read_bytes() == b"another process's new database"


def test_a_folder_that_somebody_else_has_locked_is_waited_for_and_then_used_all_the_same(tmp_path):
    """Whoever may read a folder may lock it: that holds nobody up for ever."""
    fcntl = pytest.importorskip("fcntl")
    other = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(other, fcntl.LOCK_EX)
        with PatternDatabase(tmp_path / "p.db", busy_timeout=0.1) as database:
            database.store_patterns([entry()])
            assert database.pattern_count() == 1
    finally:
        os.close(other)
