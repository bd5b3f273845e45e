"""The patterns, their exact counts by source, and a bounded cache of entries in memory."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress, islice
from typing import TYPE_CHECKING, Any, TypeVar

from ucompress.database.bounds import LARGEST_PATTERN, SOUND_PATTERN, sound_counts
from ucompress.database.times import from_text, to_text, utc_now
from ucompress.patterns import PatternEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from ucompress.database.connection import Connection

_T = TypeVar("_T")

UNNAMED_SOURCE = b""
COUNTS_KEPT = 16_000_000
LARGEST_COUNT = 1 << 53  # sums of a few thousand sources still fit SQLite's integers
ENTRY_OVERHEAD_BYTES = 400  # an entry's objects and its place in the cache, measured

_SELECT = (
    "SELECT pattern, frequency, file_count, first_seen, last_updated, saved_bytes FROM patterns"
    f" WHERE {sound_counts('patterns')} AND {SOUND_PATTERN}"
)

_KEEP_PATTERN = """
INSERT INTO patterns (pattern, frequency, first_seen, last_updated, file_count, saved_bytes)
VALUES (?, 0, ?, ?, 0, 0)
ON CONFLICT (pattern) DO UPDATE SET
    first_seen = min(first_seen, excluded.first_seen),
    last_updated = max(last_updated, excluded.last_updated)"""

_KEEP_COUNTS = """
INSERT INTO pattern_counts (source_id, pattern_id, generation, frequency, file_count, saved_bytes)
SELECT ?, id, ?, ?, ?, ? FROM patterns WHERE pattern = ?
ON CONFLICT (source_id, pattern_id) DO UPDATE SET
    generation = excluded.generation, frequency = excluded.frequency,
    file_count = excluded.file_count, saved_bytes = excluded.saved_bytes"""


@dataclass(frozen=True, slots=True)
class PatternSource:
    """One corpus whose counts are part of the totals.

    Attributes:
        key: what the caller named it by.
        patterns: how many patterns it counts.
        complete: False if its last replacement was cut short.
        updated_at: when it was last written (aware, UTC).
    """

    key: bytes
    patterns: int
    complete: bool
    updated_at: datetime | None


class EntryCache:
    """The entries asked for last, at most so many bytes of them.

    Args:
        limit: bound in bytes, by estimate; 0 keeps nothing.

    Attributes:
        limit: as given.
        nbytes: what the entries take, by estimate.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._entries: OrderedDict[bytes, PatternEntry] = OrderedDict()
        self.nbytes = 0

    def __len__(self) -> int:
        """Number of entries held."""
        return len(self._entries)

    def get(self, pattern: bytes) -> PatternEntry | None:
        """The entry, if it is here."""
        entry = self._entries.get(pattern)
        if entry is not None:
            self._entries.move_to_end(pattern)
        return entry

    def put(self, entry: PatternEntry) -> None:
        """Hold an entry; what was not asked for longest makes room."""
        self.drop(entry.pattern)
        self._entries[entry.pattern] = entry
        self.nbytes += len(entry.pattern) + ENTRY_OVERHEAD_BYTES
        while self.nbytes > self.limit:
            pattern, _ = self._entries.popitem(last=False)
            self.nbytes -= len(pattern) + ENTRY_OVERHEAD_BYTES

    def drop(self, pattern: bytes) -> None:
        """Forget one entry."""
        if self._entries.pop(pattern, None) is not None:
            self.nbytes -= len(pattern) + ENTRY_OVERHEAD_BYTES

    def clear(self) -> None:
        """Forget all."""
        self._entries.clear()
        self.nbytes = 0


class PatternTable:
    """Reads and writes patterns. The totals in `patterns` are always the sums of the sources' counts.

    Args:
        connection: the database.
        batch_size: rows per transaction.
        cache_bytes: bound on the entries held in memory.
    """

    def __init__(self, connection: Connection, batch_size: int, cache_bytes: int) -> None:
        self._connection = connection
        self._batch_size = batch_size
        self._cache = EntryCache(cache_bytes)
        self._data_version: object = None

    def store(self, entries: Iterable[PatternEntry]) -> int:
        """Set the counts of these patterns in the unnamed source; returns how many were stored."""
        source, generation = self._source(UNNAMED_SOURCE, bump=False)
        return self._write(source, generation, entries, EntryCache(0), set())

    def replace(self, source_key: bytes, entries: Iterable[PatternEntry]) -> int:
        """Make these entries all that the source counts; returns how many were stored."""
        source, generation = self._source(source_key, bump=True)
        held = self._held(source) if generation > 1 else EntryCache(0)
        kept: set[bytes] = set()
        stored = self._write(source, generation, entries, held, kept)
        if generation > 1:
            self._drop_others(source, generation, kept)
        self._forget_corpora(source)
        with self._connection.transaction() as sql:
            if stored or source_key == UNNAMED_SOURCE:
                sql.execute(
                    "UPDATE pattern_sources SET complete = 1, updated_at = ? WHERE id = ?",
                    (to_text(utc_now()), source),
                )
            else:
                sql.execute("DELETE FROM pattern_sources WHERE id = ?", (source,))
        return stored

    def get(self, pattern: bytes) -> PatternEntry | None:
        """One pattern's entry, from memory where it is there."""
        with self._connection.lock:
            self._notice_other_writers()
            entry = self._cache.get(pattern)
            if entry is None:
                rows = self._connection.query(f"{_SELECT} AND pattern = ?", (pattern,), bounded=True)
                entry = _entry(rows[0]) if rows else None
                if entry is not None:
                    self._cache.put(entry)
            return entry

    def frequent(self, min_frequency: int, limit: int | None) -> list[PatternEntry]:
        """Entries of at least this frequency, the most frequent first, then by bytes."""
        return self._select("AND frequency >= ? ORDER BY frequency DESC, pattern", (min_frequency,), limit)

    def top(self, limit: int | None, source_key: bytes | None, min_frequency: int) -> list[PatternEntry]:
        """Entries by bytes saved, most first; of one source with that source's counts, or of all."""
        if source_key is None:
            # The sign keeps SQLite off the index by frequency: that of saved bytes needs no sorting.
            clause = "AND +frequency >= ? ORDER BY saved_bytes DESC, frequency DESC, pattern"
            return self._select(clause, (min_frequency,), limit)
        rows = self._connection.query(
            "SELECT p.pattern, c.frequency, c.file_count, p.first_seen, p.last_updated, c.saved_bytes"
            " FROM pattern_counts c JOIN patterns p ON p.id = c.pattern_id"
            " JOIN pattern_sources s ON s.id = c.source_id WHERE s.key = ? AND c.frequency >= ?"
            f" AND {sound_counts('c')} AND {SOUND_PATTERN}"
            " ORDER BY c.saved_bytes DESC, c.frequency DESC, p.pattern LIMIT ?",
            (source_key, min_frequency, -1 if limit is None else limit),
            bounded=True,
        )
        return _entries(rows)

    def sources(self) -> list[PatternSource]:
        """The sources that hold counts, by key."""
        rows = self._connection.query(
            "SELECT s.key, count(c.pattern_id), s.complete, s.updated_at FROM pattern_sources s"
            " JOIN pattern_counts c ON c.source_id = s.id GROUP BY s.id ORDER BY s.key"
        )
        return [PatternSource(bytes(key), n, bool(done), from_text(when)) for key, n, done, when in rows]

    def count(self, source_key: bytes | None) -> int:
        """Number of patterns, of one source or of all."""
        if source_key is None:
            return int(self._connection.query("SELECT count(*) FROM patterns")[0][0])
        rows = self._connection.query(
            "SELECT count(*) FROM pattern_counts c JOIN pattern_sources s ON s.id = c.source_id"
            " WHERE s.key = ?",
            (source_key,),
        )
        return int(rows[0][0])

    def _select(self, clause: str, values: Sequence[Any], limit: int | None) -> list[PatternEntry]:
        rows = self._connection.query(
            f"{_SELECT} {clause} LIMIT ?", (*values, -1 if limit is None else limit), bounded=True
        )
        return _entries(rows)

    def _source(self, key: bytes, *, bump: bool) -> tuple[int, int]:
        """(id, generation) of a source; a bumped generation tells its new rows from its old ones."""
        with self._connection.transaction() as sql:
            sql.execute(
                "INSERT INTO pattern_sources (key, generation, complete, updated_at) VALUES (?, 0, 1, ?)"
                " ON CONFLICT (key) DO UPDATE SET updated_at = excluded.updated_at",
                (key, to_text(utc_now())),
            )
            if bump:
                sql.execute(
                    "UPDATE pattern_sources SET generation = generation + 1, complete = 0 WHERE key = ?",
                    (key,),
                )
            row = sql.execute("SELECT id, generation FROM pattern_sources WHERE key = ?", (key,)).fetchone()
            return int(row[0]), int(row[1])

    def _held(self, source: int) -> EntryCache:
        """What the source counts now, as far as there is room: what stays as it is need not be written."""
        held = EntryCache(self._cache.limit)
        self._notice_other_writers()  # first: whoever writes from here on is seen when a batch is written
        rows = self._connection.query(
            "SELECT p.pattern, c.frequency, c.file_count, p.first_seen, p.last_updated, c.saved_bytes"
            " FROM pattern_counts c JOIN patterns p ON p.id = c.pattern_id WHERE c.source_id = ?"
            f" AND {sound_counts('c')} AND {SOUND_PATTERN} LIMIT ?",
            (source, held.limit // ENTRY_OVERHEAD_BYTES),
            bounded=True,
        )
        for entry in _entries(rows):
            held.put(entry)
        return held

    def _write(
        self,
        source: int,
        generation: int,
        entries: Iterable[PatternEntry],
        held: EntryCache,
        kept: set[bytes],
    ) -> int:
        """Store entries but those that `held` has as they are; adds the patterns of all to `kept`."""
        stored = 0
        for batch in batches(entries, self._batch_size):
            # Rows are made before the transaction begins: a bad entry then costs nothing.
            names = [(e.pattern, _text(e.first_seen), _text(e.last_updated)) for e in map(_sound, batch)]
            last = {e.pattern: e for e in batch}  # of equal patterns the last one counts
            counts = [
                (source, generation, e.frequency, e.file_count, e.saved_bytes, e.pattern)
                for e in last.values()
            ]
            with self._connection.transaction() as sql:
                if self._version() != self._data_version:
                    held.clear()  # somebody else has written
                olds = [held.get(e.pattern) for e in batch]
                late = [not _covers(old, e) for old, e in zip(olds, batch, strict=True)]
                changed = [not _counts_alike(held.get(e.pattern), e) for e in last.values()]
                sql.executemany(_KEEP_PATTERN, compress(names, late))
                sql.executemany(_KEEP_COUNTS, compress(counts, changed))
                for pattern in last:
                    self._cache.drop(pattern)
                    held.drop(pattern)
            kept.update(last)
            stored += len(batch)
        return stored

    def _drop_others(self, source: int, generation: int, kept: set[bytes]) -> None:
        """Drop what the source counted before and counts no more; a batch at a time is held."""
        last = 0
        while rows := self._connection.query(
            f"SELECT c.pattern_id, CASE WHEN {SOUND_PATTERN} THEN p.pattern END"
            " FROM pattern_counts c JOIN patterns p ON p.id = c.pattern_id"
            " WHERE c.source_id = ? AND c.generation <> ? AND c.pattern_id > ?"
            " ORDER BY c.pattern_id LIMIT ?",
            (source, generation, last, self._batch_size),
            bounded=True,
        ):
            last = rows[-1][0]
            gone = [(source, number) for number, pattern in rows if pattern not in kept]
            if gone:
                with self._connection.transaction() as sql:
                    self._cache.clear()
                    sql.executemany("DELETE FROM pattern_counts WHERE source_id = ? AND pattern_id = ?", gone)

    def _version(self) -> object:
        """Changes with every transaction of another connection."""
        return self._connection.query("PRAGMA data_version")[0][0]

    def _forget_corpora(self, kept: int) -> None:
        """Drop the sources written longest ago while all together hold more than `COUNTS_KEPT` counts.

        Neither the source just written nor the unnamed one goes.
        """
        rows = self._connection.query(
            "SELECT s.id, s.key, count(c.pattern_id) FROM pattern_sources s"
            " JOIN pattern_counts c ON c.source_id = s.id GROUP BY s.id ORDER BY s.updated_at, s.id"
        )
        held = sum(counts for _, _, counts in rows)
        for source, key, counts in rows:
            if held <= COUNTS_KEPT:
                return
            if source == kept or key == UNNAMED_SOURCE:
                continue
            self._drop_source(source)
            held -= counts

    def _drop_source(self, source: int) -> None:
        """Drop a source and all that it counts."""
        dropped = self._batch_size
        while dropped == self._batch_size:
            with self._connection.transaction() as sql:
                self._cache.clear()
                dropped = sql.execute(
                    "DELETE FROM pattern_counts WHERE source_id = ? AND pattern_id IN"
                    " (SELECT pattern_id FROM pattern_counts WHERE source_id = ? LIMIT ?)",
                    (source, source, self._batch_size),
                ).rowcount
        with self._connection.transaction() as sql:
            sql.execute("DELETE FROM pattern_sources WHERE id = ?", (source,))

    def _notice_other_writers(self) -> None:
        version = self._version()
        if version != self._data_version:
            self._cache.clear()
            self._data_version = version


def batches(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """The items in lists of `size`, the last one shorter."""
    source = iter(items)
    while batch := list(islice(source, size)):
        yield batch


@lru_cache(maxsize=16)
def _text(moment: datetime) -> str:
    """`to_text`; the entries of a run share a few moments."""
    return to_text(moment)


def _counts_alike(held: PatternEntry | None, entry: PatternEntry) -> bool:
    """Whether an entry is held with just these counts."""
    return held is not None and (held.frequency, held.file_count, held.saved_bytes) == (
        entry.frequency,
        entry.file_count,
        entry.saved_bytes,
    )


def _covers(held: PatternEntry | None, entry: PatternEntry) -> bool:
    """Whether a held entry's times span those of an entry."""
    return (
        held is not None and held.first_seen <= entry.first_seen and entry.last_updated <= held.last_updated
    )


def _sound(entry: PatternEntry) -> PatternEntry:
    if not 1 <= len(entry.pattern) <= LARGEST_PATTERN:
        raise ValueError(f"a pattern has 1 to {LARGEST_PATTERN} bytes, not {len(entry.pattern)}")
    if not 1 <= entry.file_count <= entry.frequency <= LARGEST_COUNT:
        raise ValueError(
            f"a pattern stands in 1 to {LARGEST_COUNT} places and in at most as many files, "
            f"not in {entry.frequency} places and {entry.file_count} files"
        )
    if not 0 <= entry.saved_bytes <= LARGEST_COUNT:
        raise ValueError(f"saved_bytes must be from 0 to {LARGEST_COUNT}, not {entry.saved_bytes}")
    return entry


def _entries(rows: Iterable[Sequence[object]]) -> list[PatternEntry]:
    found = (_entry(row) for row in rows)
    return [entry for entry in found if entry is not None]


def _entry(row: Sequence[object]) -> PatternEntry | None:
    """The entry in a row; None if the row is not one that we wrote."""
    pattern, frequency, file_count, first, last, saved = row
    first_seen, last_updated = from_text(first), from_text(last)
    if not isinstance(pattern, bytes) or first_seen is None or last_updated is None:
        return None
    if not (isinstance(frequency, int) and isinstance(file_count, int) and isinstance(saved, int)):
        return None
    return PatternEntry(pattern, frequency, file_count, first_seen, last_updated, saved)
