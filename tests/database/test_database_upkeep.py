"""Size: what the database tells of itself, what it gives back, and the bounds it keeps."""

from __future__ import annotations

import json
import os
import sqlite3
from typing import TYPE_CHECKING

import pytest

from ucompress.cli.upkeep import Upkeep, db
from ucompress.database import FileAnalysis, FileStamp, PatternDatabase, utc_now
from ucompress.database import pattern_table as pattern_table_module
from ucompress.errors import DatabaseError, InputError, JobBusyError
from ucompress.patterns import PatternEntry

if TYPE_CHECKING:
    from pathlib import Path


def entries(prefix: bytes, count: int) -> list[PatternEntry]:
    now = utc_now()
    return [PatternEntry(b"%s %06d" % (prefix, n), 9, 3, now, now, 40) for n in range(count)]


def filled(path: Path) -> None:
    """A database with a little of everything."""
    with PatternDatabase(path) as database:
        database.replace_patterns(b"one", entries(b"pattern", 50))
        database.replace_patterns(b"two", entries(b"pattern", 20))
        stamp, analysis = FileStamp(10, 1, 1, 1, 1), FileAnalysis(b"d" * 32, 1, b"s" * 100, 3)
        database.cache.store([(b"/a", stamp, analysis)], b"parameters")
        database.cache.store_artifact(b"key", "plan", b"p" * 1000)
        database.jobs.finish(database.jobs.open(b"job", {}, remember=False))
        database.jobs.interrupt(database.jobs.open(b"other", {}, remember=False))


def test_figures_count_what_was_stored(tmp_path: Path) -> None:
    filled(tmp_path / "p.db")
    with PatternDatabase(tmp_path / "p.db", read_only=True) as database:
        found = database.figures()
    assert [path.name for path in tmp_path.iterdir()] == ["p.db"]
    assert (found.patterns, found.pattern_bytes, found.sources, found.counts) == (50, 50 * 14, 2, 70)
    assert (found.files, found.file_bytes) == (1, 102)
    assert (found.results, found.result_bytes) == (1, 1000)
    assert (found.running, found.interrupted, found.done) == (0, 1, 1)
    assert found.disk_bytes == sum(path.stat().st_size for path in tmp_path.glob("p.db*"))


def test_vacuum_gives_back_what_is_free_and_keeps_the_rest(tmp_path: Path) -> None:
    filled(tmp_path / "p.db")
    with PatternDatabase(tmp_path / "p.db") as database:
        database.replace_patterns(b"large", entries(b"x" * 500, 3000))
        database.replace_patterns(b"large", [])
        before = database.figures()
        top = database.top_patterns()
        freed = database.vacuum()
        after = database.figures()
        assert database.top_patterns() == top
        assert database.cache.artifact(b"key", "plan") == b"p" * 1000
    assert before.free_bytes > 1_000_000
    assert after.free_bytes == 0
    assert freed == before.disk_bytes - after.disk_bytes >= before.free_bytes
    assert (after.patterns, after.counts, after.files) == (before.patterns, before.counts, before.files)


def test_vacuum_is_refused_while_a_job_runs_and_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "p.db"
    with PatternDatabase(path) as worker:
        worker.jobs.open(b"job", {}, remember=False)
        with PatternDatabase(path) as other, pytest.raises(JobBusyError, match=str(os.getpid())):
            other.vacuum()


def test_the_corpora_written_longest_ago_go_beyond_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pattern_table_module, "COUNTS_KEPT", 100)
    with PatternDatabase(":memory:", batch_size=7) as database:
        database.store_patterns(entries(b"unnamed", 5))
        for name in (b"a", b"b", b"c"):
            database.replace_patterns(name, entries(name, 40))
        assert [source.key for source in database.pattern_sources()] == [b"", b"b", b"c"]
        assert database.pattern_count() == 85
        database.replace_patterns(b"d", entries(b"d", 150))
        assert [source.key for source in database.pattern_sources()] == [b"", b"d"]
        assert database.pattern_count() == 155


def test_the_command_tells_and_gives_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.db"
    filled(path)
    db(Upkeep.INFO, database=path)
    assert "50 of 700 B" in capsys.readouterr().out
    db(Upkeep.INFO, database=path, json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["type"], told["patterns"], told["freed_bytes"]) == ("database", 50, None)
    db(Upkeep.VACUUM, database=path, json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["free_bytes"], told["interrupted"]) == (0, 1)
    assert told["freed_bytes"] >= 0
    db(Upkeep.VACUUM, database=path)
    assert "given back" in capsys.readouterr().err


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no database"):
        db(Upkeep.VACUUM, database=tmp_path / "none.db")
    assert not list(tmp_path.iterdir())


def broken(path: Path, what: str) -> bytes:
    """Damage a database; returns its bytes."""
    if what == "tables":
        with sqlite3.connect(path) as sql:
            sql.execute("DROP TABLE pattern_counts")
        sql.close()
    else:
        content = bytearray(path.read_bytes())
        begin = 100 if what == "header" else 4096
        content[begin : begin + 3000] = b"\xff" * 3000
        path.write_bytes(content)
    return path.read_bytes()


@pytest.mark.parametrize("what", ["header", "pages", "tables"])
def test_a_damaged_database_is_not_begun_anew_to_be_made_smaller(tmp_path: Path, what: str) -> None:
    path = tmp_path / "p.db"
    filled(path)
    content = broken(path, what)
    with pytest.raises(DatabaseError, match="damaged"):
        db(Upkeep.VACUUM, database=path)
    assert path.read_bytes() == content
    assert [found.name for found in tmp_path.iterdir()] == ["p.db"]


@pytest.mark.parametrize("writable", [True, False])
def test_looking_leaves_nothing_beside_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writable: bool
) -> None:
    path = tmp_path / "p.db"
    filled(path)
    content = path.read_bytes()
    if not writable:
        monkeypatch.setattr(os, "access", lambda *_: False)
    with PatternDatabase(path, read_only=True) as database:
        assert database.top_patterns()
        database.figures()
        with pytest.raises(DatabaseError):
            database.replace_patterns(b"large", entries(b"x" * 500, 3))
    assert [found.name for found in tmp_path.iterdir()] == ["p.db"]
    assert path.read_bytes() == content
