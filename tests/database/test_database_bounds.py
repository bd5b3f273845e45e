"""What somebody else's database holds takes no more memory than what ucompress itself would keep."""

import os
import sqlite3
import subprocess
import sys

import pytest

import ucompress.database.bounds as bounds_module
from database.files import entry, filled, lookup, raw
from fuzz.run import LIMITS_MEMORY
from support import fill_codebase
from ucompress.database import FileAnalysis, FileStamp, PatternDatabase
from ucompress.database.bounds import LARGEST_PATTERN, LARGEST_VALUE
from ucompress.errors import DatabaseError

MIB = 1 << 20


def change(path, *statements):
    sql = raw(path)
    for statement in statements:
        sql.execute(statement)
    sql.commit()
    sql.close()


def command(*words, cwd, memory=1200 * MIB):
    """Run the command with at most so much address space, of which threads reserve none for themselves."""
    import resource

    bounded = {"OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
    return subprocess.run(
        [sys.executable, "-m", "ucompress", *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        env={**os.environ, "UCOMPRESS_STATE_DIR": str(cwd / "state"), **bounded},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (memory, memory)),
    )


@pytest.mark.skipif(not LIMITS_MEMORY, reason="address space is bounded on Linux, without a sanitizer")
@pytest.mark.parametrize("size", [20 * MIB, 100 * MIB])
def test_huge_patterns_take_no_memory(tmp_path, size):
    path = filled(tmp_path / "p.db", 9)
    change(path, f"UPDATE patterns SET pattern = zeroblob({size} + id) WHERE id < 3")
    for extra in ((), ("--json",)):
        done = command("patterns", "-n", "20", "--database", path, *extra, cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert len(done.stdout.splitlines()) == (7 if extra else 8)
        assert len(done.stdout) < 10_000
    fill_codebase(tmp_path / "tree", 12, 2000)
    done = command("compress", "tree", "-1", "--threads", "1", "--database", path, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "tree.ucz").exists()


def test_patterns_of_no_size_of_ours_are_passed_over_and_refused(tmp_path):
    path = filled(tmp_path / "p.db", 5)
    change(path, f"UPDATE patterns SET pattern = zeroblob({LARGEST_PATTERN + 1}) WHERE id = 2")
    change(path, f"UPDATE patterns SET pattern = zeroblob({LARGEST_PATTERN}) WHERE id = 3")
    with PatternDatabase(path) as database:
        lengths = sorted(len(found.pattern) for found in database.top_patterns())
        assert lengths == [16, 16, 16, LARGEST_PATTERN]
        assert len(database.get_frequent_patterns(0)) == 4
        assert database.get_pattern(bytes(LARGEST_PATTERN + 1)) is None
        with pytest.raises(ValueError, match="1 to 65536 bytes"):
            database.store_patterns([entry(bytes(LARGEST_PATTERN + 1))])


@pytest.mark.parametrize("column", ["first_seen", "frequency", "file_count", "saved_bytes"])
def test_rows_whose_other_values_are_huge_are_passed_over(tmp_path, column):
    path = filled(tmp_path / "p.db", 5)
    change(path, f"UPDATE patterns SET {column} = zeroblob(100000) WHERE id = 2")
    with PatternDatabase(path) as database:
        assert len(database.top_patterns()) == 4


def test_a_value_larger_than_any_of_ours_is_never_read(tmp_path):
    path = filled(tmp_path / "p.db", 5)
    change(path, f"UPDATE checkpoints SET current_file = CAST(zeroblob({LARGEST_VALUE + 1}) AS TEXT)")
    with PatternDatabase(path, read_only=True) as database, pytest.raises(DatabaseError, match="not ours"):
        database.load_checkpoint()


def test_an_answer_has_a_bound_in_all(tmp_path, monkeypatch):
    path = filled(tmp_path / "p.db", 5)
    change(path, *["INSERT INTO checkpoints SELECT NULL, 'x', 1, 1, 1, hex(zeroblob(500)), '', NULL"] * 50)
    with PatternDatabase(path, read_only=True) as database:
        assert database.load_checkpoint() is not None
        monkeypatch.setattr(bounds_module, "ANSWER_LIMIT", 40_000)
        with pytest.raises(DatabaseError, match="larger than any of ours"):
            database.load_checkpoint()


def test_somebody_elses_samples_are_not_even_read(tmp_path, monkeypatch):
    path, stamp = tmp_path / "p.db", FileStamp(5, 6, 7, 8, 9)
    monkeypatch.setenv("UCOMPRESS_STATE_DIR", str(tmp_path / "theirs"))
    with PatternDatabase(path) as database:
        database.cache.store([(b"/f", stamp, FileAnalysis(bytes(32), 0, bytes(MIB)))], b"")
    monkeypatch.setenv("UCOMPRESS_STATE_DIR", str(tmp_path / "mine"))
    with PatternDatabase(path) as database:
        answers = []
        query = database._connection.query
        monkeypatch.setattr(
            database._connection, "query", lambda *a, **k: answers.append(query(*a, **k)) or answers[-1]
        )
        assert lookup(database.cache, b"/f", stamp, b"") is None
        assert answers == [[]]


def test_results_of_any_size_that_is_kept_are_read_again(tmp_path, monkeypatch):
    monkeypatch.setenv("UCOMPRESS_STATE_DIR", str(tmp_path / "state"))
    content = os.urandom(LARGEST_VALUE + 5)
    with PatternDatabase(tmp_path / "p.db") as database:
        assert database.cache.store_artifact(b"key", "plan", content)
    with PatternDatabase(tmp_path / "p.db") as database:
        assert database.warnings == ()
        assert database.cache.artifact(b"key", "plan") == content


def test_a_database_with_a_value_that_is_too_large_is_moved_aside_when_it_is_opened_to_write(tmp_path):
    path = filled(tmp_path / "p.db", 5)
    change(path, f"UPDATE processed_files SET sample = zeroblob({LARGEST_VALUE + 1})")
    change(
        path,
        "INSERT INTO processed_files (file_path, file_size, patterns_found, processed_at, sample, checksum)"
        f" VALUES (x'aa', 1, 1, '', zeroblob({LARGEST_VALUE + 1}), x'bb')",
        "DELETE FROM origin",
    )
    with PatternDatabase(path) as database:
        assert "moved" in database.warnings[0]
        assert database.pattern_count() == 0
    with sqlite3.connect(f"{path}.corrupt-1") as sql:
        assert sql.execute("SELECT count(*) FROM patterns").fetchone() == (5,)
