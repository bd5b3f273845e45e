"""The analysis cache: exact hits only, nothing believed unchecked, bounded."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from database.files import lookup
from ucompress.database import FileAnalysis, FileStamp, PatternDatabase
from ucompress.database import cache as cache_module
from ucompress.database.file_rows import row_checksum
from ucompress.errors import DatabaseError

if TYPE_CHECKING:
    from pathlib import Path

STAMP = FileStamp(10, 1_700_000_000_123_456_789, 1_700_000_000_123_456_790, 42, 7)
ANALYSIS = FileAnalysis(b"d" * 32, 1, b"sample bytes" * 4, 3)
PARAMETERS = b"length 16, version 1"


def alter(path: Path, statement: str, values: tuple[object, ...] = ()) -> int:
    sql = sqlite3.connect(path, isolation_level=None)
    changed = sql.execute(statement, values).rowcount
    sql.close()
    return changed


def test_a_file_is_found_as_it_was_stored() -> None:
    with PatternDatabase(":memory:") as database:
        cache = database.cache
        assert lookup(cache, b"/a", STAMP, PARAMETERS) is None
        assert cache.store([(b"/a", STAMP, ANALYSIS)], PARAMETERS) == 1
        assert lookup(cache, b"/a", STAMP, PARAMETERS) == ANALYSIS


@pytest.mark.parametrize("field", ["size", "mtime_ns", "ctime_ns", "inode", "device"])
def test_any_change_of_the_stamp_is_a_miss(field: str) -> None:
    with PatternDatabase(":memory:") as database:
        database.cache.store([(b"/a", STAMP, ANALYSIS)], PARAMETERS)
        for change in (-1, 1, 1 << 40):
            changed = STAMP._replace(**{field: getattr(STAMP, field) + change})
            assert lookup(database.cache, b"/a", changed, PARAMETERS) is None
        assert lookup(database.cache, b"/a", STAMP, b"other parameters") is None
        assert lookup(database.cache, b"/b", STAMP, PARAMETERS) is None


def test_an_analysis_with_too_large_a_sample_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "LARGEST_SAMPLE", len(ANALYSIS.sample))
    with PatternDatabase(":memory:") as database:
        large = ANALYSIS._replace(sample=ANALYSIS.sample + b"x")
        rows = [(b"/a", STAMP, large), (b"/b", STAMP, ANALYSIS)]
        assert database.cache.store(rows, PARAMETERS) == 1
        assert lookup(database.cache, b"/a", STAMP, PARAMETERS) is None
        assert lookup(database.cache, b"/b", STAMP, PARAMETERS) == ANALYSIS


def test_the_newest_analysis_of_a_path_is_kept() -> None:
    with PatternDatabase(":memory:") as database:
        cache = database.cache
        newer = STAMP._replace(mtime_ns=STAMP.mtime_ns + 1)
        other = FileAnalysis(b"e" * 32, 2, b"", 0)
        cache.store([(b"/a", STAMP, ANALYSIS), (b"/a", newer, other)], PARAMETERS)
        assert lookup(cache, b"/a", STAMP, PARAMETERS) is None
        assert lookup(cache, b"/a", newer, PARAMETERS) == other


def test_many_files_come_in_order() -> None:
    with PatternDatabase(":memory:", batch_size=100) as database:
        rows = [
            (
                b"/%d" % n,
                STAMP._replace(inode=n),
                FileAnalysis(n.to_bytes(32, "little"), n % 3, b"s" * n, n),
            )
            for n in range(1234)
        ]
        assert database.cache.store(iter(rows), PARAMETERS) == 1234
        requests = [(path, stamp) for path, stamp, _ in reversed(rows)]
        requests[7] = (b"/unknown", STAMP)
        found = list(database.cache.lookup_many(iter(requests), PARAMETERS))
        expected: list[FileAnalysis | None] = [analysis for _, _, analysis in reversed(rows)]
        expected[7] = None
        assert found == expected
        assert list(database.cache.lookup_many([], PARAMETERS)) == []
        twice = [requests[0], requests[0]]
        assert list(database.cache.lookup_many(twice, PARAMETERS)) == [expected[0]] * 2


@given(
    path=st.binary(min_size=1, max_size=30),
    numbers=st.tuples(*[st.integers(-(2**63), 2**64 - 1)] * 5),
    digest=st.binary(min_size=32, max_size=32),
    kind=st.integers(0, 255),
    sample=st.binary(max_size=100),
    found=st.integers(0, 2**63 - 1),
)
def test_all_values_survive(
    path: bytes, numbers: tuple[int, ...], digest: bytes, kind: int, sample: bytes, found: int
) -> None:
    size, *rest = numbers
    stamp = FileStamp(abs(size) >> 1, *rest)
    analysis = FileAnalysis(digest, kind, sample, found)
    with PatternDatabase(":memory:") as database:
        database.cache.store([(path, stamp, analysis)], PARAMETERS)
        assert lookup(database.cache, path, stamp, PARAMETERS) == analysis


@pytest.mark.parametrize(
    "bad",
    [
        ANALYSIS._replace(digest=b"short"),
        ANALYSIS._replace(kind_class=256),
        ANALYSIS._replace(kind_class=-1),
        ANALYSIS._replace(patterns_found=-1),
    ],
)
def test_what_lookup_would_not_accept_is_not_stored(bad: FileAnalysis) -> None:
    with PatternDatabase(":memory:") as database:
        with pytest.raises(ValueError, match="not an analysis"):
            database.cache.store([(b"/a", STAMP, bad)], PARAMETERS)
        assert lookup(database.cache, b"/a", STAMP, PARAMETERS) is None


@pytest.mark.parametrize(
    "harm",
    [
        "digest = zeroblob(32)",
        "digest = 'text'",
        "digest = zeroblob(31)",
        "sample = x'00'",
        "sample = NULL",
        "sample = 17",
        "kind_class = 2",
        "kind_class = 300",
        "kind_class = 'text'",
        "patterns_found = 4",
        "patterns_found = -1",
        "patterns_found = 1.5",
        "checksum = NULL",
        "checksum = zeroblob(8)",
        "file_path = x'2f62'",
        "stamp = NULL",
        "parameters = 'x'",
    ],
)
def test_rows_that_were_altered_are_as_good_as_none(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "p.db"
    with PatternDatabase(path) as database:
        database.cache.store([(b"/a", STAMP, ANALYSIS)], PARAMETERS)
        assert alter(path, f"UPDATE processed_files SET {harm}") == 1
        assert lookup(database.cache, b"/a", STAMP, PARAMETERS) is None
        assert lookup(database.cache, b"/b", STAMP, PARAMETERS) is None
        # And they are replaced by the next run.
        database.cache.store([(b"/a", STAMP, ANALYSIS)], PARAMETERS)
        assert lookup(database.cache, b"/a", STAMP, PARAMETERS) == ANALYSIS


@pytest.mark.parametrize("count", [1, cache_module.ROWS_AT_ONCE, 2 * cache_module.ROWS_AT_ONCE + 3])
def test_every_column_of_every_row_is_filled(tmp_path: Path, count: int) -> None:
    stamps = [STAMP._replace(size=n, inode=n << 40) for n in range(count)]
    found = [FileAnalysis(bytes([n]) * 32, 255 - n, b"s" * n, 1 << n % 63) for n in range(count)]
    with PatternDatabase(tmp_path / "x.db") as database:
        rows = [(b"/%d" % n, stamps[n], found[n]) for n in range(count)]
        assert database.cache.store(rows, PARAMETERS) == count
    sql = sqlite3.connect(tmp_path / "x.db")
    names = "file_path, stamp, parameters, digest, kind_class, sample, patterns_found, file_size, checksum"
    kept = sql.execute(f"SELECT {names} FROM processed_files ORDER BY id").fetchall()
    moments = sql.execute("SELECT DISTINCT typeof(processed_at), length(processed_at) FROM processed_files")
    assert moments.fetchall() == [("text", 32)]
    sql.close()
    rows = [(b"/%d" % n, stamps[n].to_bytes(), PARAMETERS, *found[n]) for n in range(count)]
    assert kept == [(*row, n, row_checksum(*row)) for n, row in enumerate(rows)]


def test_files_changed_right_before_the_scan_are_not_kept() -> None:
    scan = 1_700_000_000_500_000_001
    second = 1_000_000_000
    cases = {
        b"/long ago": (scan - 5 * second, scan - 5 * second, True),
        b"/content just now": (scan - 50_000_000, scan - 5 * second, False),
        b"/metadata just now": (scan - 5 * second, scan - 50_000_000, False),
        b"/while scanning": (scan + second, scan + second, False),
        b"/coarse clock": (1_699_999_999 * second, scan - 5 * second, False),
        b"/coarse clock long ago": (1_699_999_990 * second, scan - 5 * second, True),
        b"/fine clock": (scan - 150_000_000, scan - 150_000_000, True),
    }
    with PatternDatabase(":memory:") as database:
        rows = [(p, STAMP._replace(mtime_ns=m, ctime_ns=c), ANALYSIS) for p, (m, c, _) in cases.items()]
        kept = database.cache.store(rows, PARAMETERS, scanned_at_ns=scan)
        found = {path: lookup(database.cache, path, stamp, PARAMETERS) is not None for path, stamp, _ in rows}
        assert found == {path: settled for path, (_, _, settled) in cases.items()}
        assert kept == sum(found.values())


def test_large_samples_cut_batches_short() -> None:
    with PatternDatabase(":memory:", batch_size=10_000) as database:
        assert list(database.cache._cut([1 << 20] * 10)) == [(0, 4), (4, 8), (8, 10)]
        assert list(database.cache._cut([8 << 20, 1, 8 << 20])) == [(0, 1), (1, 3)]
        assert list(database.cache._cut([])) == []


# --- artifacts -------------------------------------------------------------------------------------


def test_artifacts() -> None:
    with PatternDatabase(":memory:") as database:
        cache = database.cache
        assert cache.artifact(b"key", "plan") is None
        assert cache.store_artifact(b"key", "plan", b"")
        assert cache.artifact(b"key", "plan") == b""
        assert cache.store_artifact(b"key", "plan", b"p" * 1000)
        assert cache.store_artifact(b"key", "dictionary", b"d")
        assert cache.artifact(b"key", "plan") == b"p" * 1000
        assert cache.artifact(b"other", "plan") is None
        cache.forget_artifacts(b"key")
        assert cache.artifact(b"key", "dictionary") is None


@pytest.mark.parametrize(
    "harm", ["content = x'71'", "content = 'text'", "checksum = x''", "key = x'00'", "name = 'counts'"]
)
def test_altered_artifacts_are_none(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "p.db"
    with PatternDatabase(path) as database:
        database.cache.store_artifact(b"key", "plan", b"p")
        alter(path, f"UPDATE artifacts SET {harm}")
        for key in (b"key", b"\x00"):
            for name in ("plan", "counts"):
                assert database.cache.artifact(key, name) is None


def test_the_oldest_artifacts_make_room() -> None:
    with PatternDatabase(":memory:") as database:
        cache = database.cache
        for number in range(6):
            assert cache.store_artifact(b"key", str(number), bytes(100), limit=350)
        left = [number for number in range(6) if cache.artifact(b"key", str(number)) is not None]
        assert left == [3, 4, 5]
        assert not cache.store_artifact(b"key", "large", bytes(351), limit=350)
        assert cache.artifact(b"key", "large") is None
        assert cache.artifact(b"key", "5") is not None


def test_the_oldest_analyses_make_room() -> None:
    with PatternDatabase(":memory:", batch_size=1) as database:
        cache = database.cache
        rows = [(b"/%d" % n, STAMP, ANALYSIS._replace(sample=bytes(1000))) for n in range(20)]
        cache.store(rows, PARAMETERS)
        cache.prune()
        assert all(cache.lookup_many([(path, STAMP) for path, _, _ in rows], PARAMETERS))
        cache.prune(files_limit=6 * 1300)
        left = [path for path, _, _ in rows if lookup(cache, path, STAMP, PARAMETERS)]
        assert left == [b"/%d" % n for n in range(14, 20)]


# --- damage and other errors in the middle of a run ------------------------------------------------


def test_damage_found_on_the_way_costs_only_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "p.db"
    with PatternDatabase(path) as database:
        rows = [(b"/%04d" % n, STAMP, ANALYSIS._replace(sample=bytes(900))) for n in range(2000)]
        database.cache.store(rows, PARAMETERS)
        database.cache.store_artifact(b"key", "plan", b"p")
    # Only pages of analyses, after the schema; a check at opening would find it, so none is made here.
    monkeypatch.setattr("ucompress.database.connection.FULL_CHECK_BYTES", 0)
    size = path.stat().st_size
    with path.open("r+b") as file:
        for page in range(40, size // 4096):
            file.seek(page * 4096)
            file.write(b"\xff" * 4096)
    with PatternDatabase(path) as database:
        cache = database.cache
        found = list(cache.lookup_many([(name, STAMP) for name, _, _ in rows], PARAMETERS))
        assert len(found) == 2000
        assert found.count(None) > 1000
        (warning,) = database.warnings
        assert "is damaged" in warning
        assert cache.store(rows[:10], PARAMETERS) == 0
        assert not cache.store_artifact(b"key", "plan", b"p")
        assert cache.artifact(b"key", "plan") is None
        cache.prune()
        assert len(database.warnings) == 1


def test_other_errors_are_errors() -> None:
    with PatternDatabase(":memory:") as database:
        pass
    with pytest.raises(DatabaseError, match="closed"):
        lookup(database.cache, b"/a", STAMP, PARAMETERS)
    with pytest.raises(DatabaseError, match="closed"):
        database.cache.store([(b"/a", STAMP, ANALYSIS)], PARAMETERS)
