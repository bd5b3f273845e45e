"""A database at size: `database_at_size.py [--patterns N] [--files N] [--folder DIR]`.

Fills a new database with so many patterns of one corpus and analyses of so many files, in batches as a run
does, and tells for each tenfold step what a row costs in time and bytes; then the questions that people
and runs ask of it, and what `vacuum` takes. The rows are made by a counter, so every run has the same ones.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ucompress.database import FileAnalysis, FileStamp, PatternDatabase
from ucompress.patterns import PatternEntry

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SMALLEST_STEP = 10_000
ASKED = 1000
PARAMETERS = b"length 16, version 1"


def patterns(count: int) -> Iterator[PatternEntry]:
    """Patterns of 24 to 56 bytes in no order, as counted ones are."""
    for number in range(count):
        digest = hashlib.blake2b(number.to_bytes(8, "little"), digest_size=56).digest()
        frequency = 3 + digest[0] * digest[1]
        yield PatternEntry(digest[: 24 + digest[2] % 33], frequency, 3, NOW, NOW, 20 * (frequency - 1))


def files(count: int) -> Iterator[tuple[bytes, FileStamp, FileAnalysis]]:
    """Files in folders of a thousand, with samples of 16 hashes."""
    for number in range(count):
        digest = hashlib.blake2b(number.to_bytes(8, "little"), digest_size=32).digest()
        path = b"/srv/tree/folder%04d/file%08d.json" % (number // 1000, number)
        stamp = FileStamp(
            1000 + digest[0], 1_700_000_000_000_000_000 + number, 1_700_000_000_000_000_000, number, 7
        )
        yield path, stamp, FileAnalysis(digest, 1, digest * 4, 3)


def steps(most: int) -> Iterator[int]:
    """Ten thousand, ten times that, and so on up to `most`."""
    count = SMALLEST_STEP
    while count < most:
        yield count
        count *= 10
    yield most


def timed(action: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """Seconds of wall time, and what came out."""
    started = time.perf_counter()
    result = action(*arguments)
    return time.perf_counter() - started, result


def tell(what: str, count: int, seconds: float, size: int) -> None:
    """One line: what a row costs."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    each = f"{seconds / count * 1e6:7.1f} µs and {size / count:6.1f} bytes a row"
    print(f"{what:<10} {count:>12,}  {seconds:8.2f} s  {each}  peak {peak} MB", flush=True)


def fill(folder: Path, most_patterns: int, most_files: int) -> Path:
    """Databases of rising size; the largest is returned, the others are removed."""
    path = folder / "none"
    for count in steps(most_patterns):
        _remove(path)
        path = folder / f"patterns-{count}.db"
        with PatternDatabase(path) as database:
            seconds, stored = timed(database.replace_patterns, b"corpus", patterns(count))
            tell("patterns", stored, seconds, database.figures().disk_bytes)
    with PatternDatabase(path) as database:
        done = 0
        for count in steps(most_files):
            before = database.figures().disk_bytes
            seconds, stored = timed(database.cache.store, files(count), PARAMETERS)
            tell("files", stored, seconds, database.figures().disk_bytes - before)
            done = count
        asked = [(path, stamp) for path, stamp, _ in files(min(done, 100_000))]
        seconds, found = timed(
            lambda: sum(row is not None for row in database.cache.lookup_many(asked, PARAMETERS))
        )
        tell("looked up", found, seconds, 0)
    return path


def ask(path: Path) -> None:
    """The questions that people and runs ask."""
    seconds, database = timed(lambda: PatternDatabase(path))
    print(f"{'opening':<28} {seconds * 1000:10.1f} ms")
    with database:
        known = [entry.pattern for entry in patterns(ASKED)]
        for name, question in (
            ("the 20 that save most", lambda: database.top_patterns(20)),
            ("the 20 most frequent", lambda: database.get_frequent_patterns(2, 20)),
            (f"{ASKED} single patterns", lambda: [database.get_pattern(one) for one in known]),
            ("how many there are", database.pattern_count),
            ("figures", database.figures),
            ("vacuum", database.vacuum),
        ):
            seconds, _ = timed(question)
            print(f"{name:<28} {seconds * 1000:10.1f} ms", flush=True)


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            Path(f"{path}{suffix}").unlink()


def main() -> int:
    """Fill, ask, print."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--patterns", type=int, default=1_000_000)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="where the databases are made, and removed again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="database-", dir=options.folder) as folder:
        ask(fill(Path(folder), options.patterns, options.files))
    return 0


if __name__ == "__main__":
    sys.exit(main())
