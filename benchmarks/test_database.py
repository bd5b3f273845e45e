"""Speed of the database: `python -m pytest -p benchmark benchmarks/test_database.py`."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ucompress.database import AnalysisCache, FileAnalysis, FileStamp, PatternDatabase
from ucompress.patterns import PatternEntry

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 10_000


def entries(count: int) -> list[PatternEntry]:
    """Distinct patterns of 16 to 64 bytes."""
    return [
        PatternEntry(
            hashlib.sha512(b"%d" % n).digest()[: 16 + n % 49], n % 997 + 3, n % 3 + 1, MOMENT, MOMENT, n
        )
        for n in range(count)
    ]


@pytest.mark.parametrize("batch_size", [100, 1000, 10_000])
def test_store_patterns(benchmark: Any, tmp_path: Path, batch_size: int) -> None:
    """Ten thousand rows into a new file, by size of the batch."""
    rows = entries(ROWS)
    numbers = iter(range(1000))

    def store() -> None:
        with PatternDatabase(tmp_path / f"{next(numbers)}.db", batch_size=batch_size) as database:
            database.store_patterns(rows)

    benchmark.pedantic(store, rounds=5)
    benchmark.extra_info["rows/s"] = round(ROWS / benchmark.stats.stats.min) if benchmark.stats else None


def test_frequent_patterns(benchmark: Any, tmp_path: Path) -> None:
    """The frequent ones of ten thousand."""
    with PatternDatabase(tmp_path / "patterns.db") as database:
        database.store_patterns(entries(ROWS))
        found = benchmark(database.get_frequent_patterns, 900)
        assert all(entry.frequency >= 900 for entry in found)


def test_analysis_cache(benchmark: Any, tmp_path: Path) -> None:
    """What a rerun asks: ten thousand unchanged files."""
    with PatternDatabase(tmp_path / "patterns.db") as database:
        cache: AnalysisCache = database.cache
        keys = [(b"tree/%d" % n, FileStamp(n, n, n, n, 1)) for n in range(ROWS)]
        analyses = [(*key, FileAnalysis(hashlib.sha256(key[0]).digest(), 0, bytes(64))) for key in keys]
        cache.store(analyses, b"parameters")
        found = benchmark(lambda: sum(row is not None for row in cache.lookup_many(keys, b"parameters")))
        assert found == ROWS
    benchmark.extra_info["rows/s"] = round(ROWS / benchmark.stats.stats.min) if benchmark.stats else None
