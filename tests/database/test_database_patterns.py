"""Patterns: exact totals, sources, order, the cache in memory."""

from __future__ import annotations

import dataclasses
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ucompress.database import PatternDatabase, utc_now
from ucompress.patterns import PatternEntry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

EARLY = datetime(2024, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
LATE = EARLY + timedelta(days=400)


def entry(pattern: bytes, frequency: int = 3, file_count: int = 2, saved: int = 16) -> PatternEntry:
    return PatternEntry(pattern, frequency, file_count, EARLY, EARLY, saved)


@pytest.fixture(params=["memory", "disk"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PatternDatabase]:
    path = ":memory:" if request.param == "memory" else tmp_path / "patterns.db"
    with PatternDatabase(path, batch_size=3) as opened:
        yield opened


def test_entries_come_back_as_they_went_in(database: PatternDatabase) -> None:
    stored = [entry(bytes([n]) * 20 + b"\x00\xff", 100 - n, 1 + n, n) for n in range(10)]
    assert database.store_patterns(stored) == 10
    assert database.get_frequent_patterns(1) == stored
    assert database.get_frequent_patterns(96) == stored[:5]
    assert database.get_frequent_patterns(1, limit=2) == stored[:2]
    assert database.pattern_count() == 10


def test_equal_frequencies_are_ordered_by_bytes(database: PatternDatabase) -> None:
    database.store_patterns(entry(bytes([n]) * 16) for n in (7, 3, 9, 1))
    assert [e.pattern[0] for e in database.get_frequent_patterns(3)] == [1, 3, 7, 9]


def test_what_saves_most_is_found_without_looking_at_every_pattern(
    database: PatternDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = database._connection
    asked: list[tuple[str, Sequence[Any]]] = []
    query = connection.query

    def noted(statement: str, values: Sequence[Any] = (), *, bounded: bool = False) -> list[tuple[Any, ...]]:
        asked.append((statement, values))
        return query(statement, values, bounded=bounded)

    monkeypatch.setattr(connection, "query", noted)
    database.top_patterns(20)
    ((statement, values),) = asked
    plan = [row[-1] for row in query(f"EXPLAIN QUERY PLAN {statement}", values)]
    assert plan[0] == "SCAN patterns USING INDEX idx_patterns_saved"
    assert "USE TEMP B-TREE FOR ORDER BY" not in plan


def test_storing_again_replaces_counts_and_keeps_first_seen(database: PatternDatabase) -> None:
    database.store_patterns([PatternEntry(b"p" * 16, 5, 3, EARLY, EARLY, 7)])
    database.store_patterns([PatternEntry(b"p" * 16, 4, 2, LATE, LATE, 8)])
    assert database.get_frequent_patterns(1) == [PatternEntry(b"p" * 16, 4, 2, EARLY, LATE, 8)]


def test_the_earliest_first_seen_wins_whatever_the_order(database: PatternDatabase) -> None:
    database.store_patterns([PatternEntry(b"p" * 16, 5, 3, LATE, LATE)])
    database.store_patterns([PatternEntry(b"p" * 16, 5, 3, EARLY, EARLY)])
    kept = database.get_pattern(b"p" * 16)
    assert kept is not None
    assert (kept.first_seen, kept.last_updated) == (EARLY, LATE)


def test_totals_are_sums_over_sources_and_reruns_replace(database: PatternDatabase) -> None:
    shared, own = b"shared pattern!!", b"only in one tree"
    database.replace_patterns(b"one", [entry(shared, 10, 4, 100), entry(own, 6, 2, 50)])
    database.replace_patterns(b"two", [entry(shared, 3, 1, 20)])
    total = database.get_pattern(shared)
    assert total is not None
    assert (total.frequency, total.file_count, total.saved_bytes) == (13, 5, 120)

    for _ in range(3):
        database.replace_patterns(b"one", [entry(shared, 7, 3, 70)])
    total = database.get_pattern(shared)
    assert total is not None
    assert (total.frequency, total.file_count, total.saved_bytes) == (10, 4, 90)
    assert database.get_pattern(own) is None
    assert [(s.key, s.patterns, s.complete) for s in database.pattern_sources()] == [
        (b"one", 1, True),
        (b"two", 1, True),
    ]

    database.replace_patterns(b"one", [])
    database.replace_patterns(b"two", [])
    assert database.pattern_count() == 0
    assert database.pattern_sources() == []


def test_top_patterns_of_all_and_of_one_source(database: PatternDatabase) -> None:
    database.replace_patterns(b"one", [entry(b"a" * 16, 9, 1, 10), entry(b"b" * 16, 2, 1, 40)])
    database.replace_patterns(b"two", [entry(b"a" * 16, 9, 1, 35)])
    assert [(e.pattern[:1], e.saved_bytes) for e in database.top_patterns()] == [(b"a", 45), (b"b", 40)]
    assert [(e.pattern[:1], e.saved_bytes) for e in database.top_patterns(5, b"one")] == [
        (b"b", 40),
        (b"a", 10),
    ]
    assert [e.pattern[:1] for e in database.top_patterns(1)] == [b"a"]
    assert [e.pattern[:1] for e in database.top_patterns(min_frequency=3)] == [b"a"]
    assert [e.pattern[:1] for e in database.top_patterns(None, b"one", min_frequency=3)] == [b"a"]


def test_of_equal_entries_the_last_counts(database: PatternDatabase) -> None:
    database.replace_patterns(b"one", [entry(b"a" * 16, 9), entry(b"a" * 16, 5)])
    kept = database.get_pattern(b"a" * 16)
    assert kept is not None
    assert kept.frequency == 5


@pytest.mark.parametrize(
    "bad",
    [
        entry(b""),
        entry(b"x" * 16, 0, 0),
        entry(b"x" * 16, 2, 3),
        entry(b"x" * 16, 1 << 60),
        entry(b"x" * 16, saved=-1),
        dataclasses.replace(entry(b"x" * 16), first_seen=datetime(2024, 1, 1)),
    ],
)
def test_impossible_entries_are_refused_and_batches_before_them_kept(
    database: PatternDatabase, bad: PatternEntry
) -> None:
    good = [entry(bytes([n]) * 16) for n in range(1, 5)]
    with pytest.raises(ValueError, match=r"pattern|saved_bytes|time zone"):
        database.store_patterns([*good, bad])
    assert database.pattern_count() == 3


def test_a_source_of_entries_that_fails_leaves_whole_batches(database: PatternDatabase) -> None:
    def failing() -> Iterator[PatternEntry]:
        for n in range(1, 8):
            yield entry(bytes([n]) * 16)
        raise RuntimeError("reader failed")

    with pytest.raises(RuntimeError, match="reader failed"):
        database.replace_patterns(b"one", failing())
    assert [s.complete for s in database.pattern_sources()] == [False]
    assert database.pattern_count() == 6
    database.replace_patterns(b"one", [entry(b"z" * 16)])
    assert [e.pattern for e in database.get_frequent_patterns(1)] == [b"z" * 16]


def test_transactions_nest_and_an_error_anywhere_undoes_all(database: PatternDatabase) -> None:
    connection = database._connection
    with connection.transaction():
        database.store_patterns([entry(b"a" * 16)])
        database.store_patterns([entry(b"b" * 16)])
    assert database.pattern_count() == 2
    for error in (KeyboardInterrupt, RuntimeError):
        with pytest.raises(error), connection.transaction():
            database.store_patterns([entry(b"c" * 16)])
            raise error
    assert database.pattern_count() == 2
    database.store_patterns([entry(b"d" * 16)])
    assert database.pattern_count() == 3
    assert database.get_pattern(b"c" * 16) is None


def test_the_cache_is_bounded_and_forgets_what_was_written(tmp_path: Path) -> None:
    with PatternDatabase(tmp_path / "p.db", cache_bytes=10_000) as database:
        database.store_patterns(entry(n.to_bytes(2, "little") * 50) for n in range(1, 400))
        for n in range(1, 400):
            assert database.get_pattern(n.to_bytes(2, "little") * 50) is not None
        assert database._patterns._cache.nbytes <= 5_000
        database.store_patterns([entry(b"\x8f\x01" * 50, 77)])
        kept = database.get_pattern(b"\x8f\x01" * 50)
        assert kept is not None
        assert kept.frequency == 77


def test_the_cache_notices_another_connection(tmp_path: Path) -> None:
    with PatternDatabase(tmp_path / "p.db") as one, PatternDatabase(tmp_path / "p.db") as two:
        one.store_patterns([entry(b"a" * 16, 5)])
        assert one.get_pattern(b"a" * 16) == entry(b"a" * 16, 5)
        two.store_patterns([entry(b"a" * 16, 6)])
        assert one.get_pattern(b"a" * 16) == entry(b"a" * 16, 6)


def test_many_threads_write_and_read(database: PatternDatabase) -> None:
    failures: list[Exception] = []

    def work(number: int) -> None:
        try:
            for step in range(10):
                database.replace_patterns(
                    b"%d" % number, [entry(b"shared" * 3, step + 2), entry(b"%016d" % number)]
                )
                database.get_pattern(b"shared" * 3)
                database.get_frequent_patterns(2, limit=3)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    total = database.get_pattern(b"shared" * 3)
    assert total is not None
    assert total.frequency == 6 * 11
    assert database.pattern_count() == 7


def test_utc_now_is_aware() -> None:
    assert utc_now().utcoffset() == timedelta(0)


def test_what_a_source_counts_as_before_is_not_written_again(tmp_path: Path) -> None:
    listed = [entry(b"%016d" % n, 5 + n) for n in range(100)]
    with PatternDatabase(tmp_path / "p.db", batch_size=10) as database:
        database.replace_patterns(b"one", listed)
    written: list[str] = []
    with PatternDatabase(tmp_path / "p.db", batch_size=10) as database:
        database._connection._sql.set_trace_callback(written.append)
        changed = dataclasses.replace(listed[7], frequency=70)
        assert database.replace_patterns(b"one", [*listed[:7], changed, *listed[8:90]]) == 90
        database._connection._sql.set_trace_callback(None)
        kept = {e.pattern: e for e in database.get_frequent_patterns(1)}
    assert len(kept) == 90
    assert kept[changed.pattern].frequency == 70
    assert kept[listed[8].pattern] == listed[8]
    rows = [line for line in written if "INTO patterns" in line or "INTO pattern_counts" in line]
    (statement,) = set(rows)
    assert "70" in statement


def test_of_equal_patterns_the_last_counts_even_if_the_first_is_what_the_source_had(tmp_path: Path) -> None:
    with PatternDatabase(tmp_path / "p.db") as database:
        database.replace_patterns(b"one", [entry(b"a" * 16, 5)])
        for batch_size in (1, 1000):
            database._patterns._batch_size = batch_size
            database.replace_patterns(b"one", [entry(b"a" * 16, 5), entry(b"a" * 16, 6), entry(b"a" * 16, 5)])
            assert database.get_pattern(b"a" * 16) == entry(b"a" * 16, 5)


def test_a_rerun_does_not_hide_what_another_connection_wrote(tmp_path: Path) -> None:
    """What is kept in memory is checked against other writers before a rerun notes that it has seen them."""
    path, asked, own = tmp_path / "p.db", b"asked for" * 2, b"our own" * 3
    with PatternDatabase(path) as first, PatternDatabase(path) as second:
        first.replace_patterns(b"corpus", [entry(own)])
        first.store_patterns([entry(asked, frequency=5)])
        assert first.get_pattern(asked) == entry(asked, frequency=5)
        second.store_patterns([entry(asked, frequency=9)])
        first.replace_patterns(b"corpus", [entry(own)])
        assert first.get_pattern(asked) == entry(asked, frequency=9)


def test_a_rerun_drops_what_is_gone_however_little_fits_into_memory(tmp_path: Path) -> None:
    before = [entry(b"pattern %04d ......" % n) for n in range(50)]
    after = before[::3]
    with PatternDatabase(tmp_path / "p.db", batch_size=4, cache_bytes=5_000) as database:
        database.replace_patterns(b"corpus", before)
        assert database.replace_patterns(b"corpus", after) == len(after)
        assert database.top_patterns(source_key=b"corpus") == after
        assert database.pattern_count() == len(after)
