"""What earlier runs found out about files, so that unchanged ones need not be read again.

What comes out of the database is not trusted: every row carries a checksum over all of its values, and
a row that does not fit is as good as none. The worst that a bad database does is to cost time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ucompress.database.file_rows import (
    COLUMNS,
    FileAnalysis,
    FileRows,
    FileStamp,
    checksum,
    is_sound,
    row_checksum,
    settled,
)
from ucompress.database.pattern_table import batches
from ucompress.database.recovery import is_damage
from ucompress.database.times import to_text, utc_now
from ucompress.errors import DatabaseError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import Any

    from ucompress.database.connection import Connection

LARGEST_SAMPLE = 16 << 20
BATCH_BYTES = 4 << 20  # a transaction of large samples is cut here, whatever the batch size
LOOKUP_ROWS = 500
ROWS_AT_ONCE = 32  # rows that one statement keeps; a few hundred values in all, as any SQLite takes
FILES_LIMIT_BYTES = 1 << 30
ARTIFACTS_LIMIT_BYTES = 256 << 20
LARGEST_ARTIFACT_ROW = ARTIFACTS_LIMIT_BYTES + (1 << 20)
PORTION = 1 << 20  # bytes of a result that are written together
ROW_OVERHEAD_BYTES = 250  # a row without path and sample, index entry included


class AnalysisCache:
    """Analyses by path and stamp, and larger results (artifacts) by key and name.

    Args:
        connection: the database.
        batch_size: most rows in one transaction.
    """

    def __init__(self, connection: Connection, batch_size: int) -> None:
        self._connection = connection
        self._batch_size = batch_size
        self._damaged = False

    def lookup_many(
        self, requests: Iterable[tuple[bytes, FileStamp]], parameters: bytes
    ) -> Iterator[FileAnalysis | None]:
        """The analyses of files, in their order, a few hundred held at a time.

        None for a file whose analysis was not made of just this state of it with just these parameters.

        Args:
            requests: (absolute path, stamp) of each file.
            parameters: what the analysis depends on beside the file, its program's version included.
        """
        for batch in batches(requests, LOOKUP_ROWS):
            marks = ", ".join("?" * len(batch))
            rows = self._read(
                "SELECT file_path, stamp, parameters, digest, kind_class, sample, patterns_found, checksum"
                f" FROM processed_files WHERE file_path IN ({marks}) AND checksum IS NOT NULL",
                [bytearray(path) for path, _ in batch],
            )
            found = {row[0]: row for row in rows}
            for path, stamp in batch:
                yield _analysis(found.get(path), stamp, parameters)

    def knows_no_file(self) -> bool:
        """Whether there is nothing to look up, as in a new database."""
        return not self._read("SELECT 1 FROM processed_files LIMIT 1", ())

    def store(
        self,
        rows: Iterable[tuple[bytes, FileStamp, FileAnalysis]],
        parameters: bytes,
        *,
        scanned_at_ns: int | None = None,
    ) -> int:
        """Keep analyses, in batches; returns how many were kept.

        Args:
            rows: (absolute path, stamp, analysis) of each file.
            parameters: as in `lookup_many`.
            scanned_at_ns: wall clock before the first stamp was taken; files changed so shortly before
                that their stamp proves nothing are left out. None keeps all.

        An analysis whose sample exceeds `LARGEST_SAMPLE` bytes is not kept: its file is read again.

        Raises:
            ValueError: an analysis is not of the form that `lookup_many` accepts.
        """
        return sum(
            self.store_rows(FileRows.of(batch), parameters, scanned_at_ns=scanned_at_ns)
            for batch in batches(rows, self._batch_size)
        )

    def store_rows(self, rows: FileRows, parameters: bytes, *, scanned_at_ns: int | None = None) -> int:
        """`store` of analyses in columns.

        Args:
            rows: the analyses.
            parameters: as in `lookup_many`.
            scanned_at_ns: as in `store`, in nanoseconds.

        Returns:
            How many were kept.
        """
        wanted = np.array(list(map(len, rows.samples)), dtype=np.int64) <= LARGEST_SAMPLE
        if scanned_at_ns is not None:
            wanted &= settled(rows.stamps, scanned_at_ns)
        rows = rows.only(np.flatnonzero(wanted).tolist())
        kept = 0
        for first, after in self._cut(list(map(len, rows.samples))):
            values = rows.values(first, after, parameters, LARGEST_SAMPLE)
            shared = [to_text(utc_now()), bytearray(parameters)]
            one, many = len(COLUMNS), ROWS_AT_ONCE * len(COLUMNS)
            together = len(values) - len(values) % many
            grouped = [shared + values[at : at + many] for at in range(0, together, many)]
            single = [shared + values[at : at + one] for at in range(together, len(values), one)]
            if self._write((_KEEP_FILES, grouped), (_KEEP_FILE, single)):
                kept += after - first
        return kept

    def artifact(self, key: bytes, name: str) -> bytes | None:
        """A stored result, if it is there and sound, and no larger than what is ever stored."""
        with self._connection.larger_values(LARGEST_ARTIFACT_ROW):
            rows = self._read(
                "SELECT content, checksum FROM artifacts WHERE key = ? AND name = ? AND length(content) <= ?",
                (key, name, ARTIFACTS_LIMIT_BYTES),
            )
        if not rows:
            return None
        content, check = rows[0]
        if not isinstance(content, bytes) or check != checksum(key, name.encode(), content):
            return None
        return content

    def store_artifact(
        self, key: bytes, name: str, content: bytes | bytearray, *, limit: int = ARTIFACTS_LIMIT_BYTES
    ) -> bool:
        """Keep a result; the oldest ones make room.

        Args:
            key: of what it was made from, any bytes.
            name: what it is.
            content: the result; it takes the place of one of the same key and name.
            limit: bytes of all results that are kept.

        Returns:
            Whether it was kept: not if it alone exceeds `limit`, or the database could not be written.
        """
        if len(content) > min(limit, ARTIFACTS_LIMIT_BYTES):
            return False
        row = (key, name, len(content), checksum(key, name.encode(), content), to_text(utc_now()))

        def write(sql: sqlite3.Connection) -> None:
            number = sql.execute(_KEEP_ARTIFACT, row).lastrowid or 0
            with sql.blobopen("artifacts", "content", number) as blob, memoryview(content) as view:
                for at in range(0, len(view), PORTION):  # as one value SQLite would have two copies of it
                    blob.write(view[at : at + PORTION])

        with self._connection.larger_values(LARGEST_ARTIFACT_ROW):
            stored = self._changed(write)
        if stored:
            self.prune(artifacts_limit=limit, files_limit=None)
        return stored

    def forget_artifacts(self, key: bytes) -> None:
        """Drop every result of this key."""
        self._write(("DELETE FROM artifacts WHERE key = ?", [(key,)]))

    def prune(
        self,
        *,
        files_limit: int | None = FILES_LIMIT_BYTES,
        artifacts_limit: int | None = ARTIFACTS_LIMIT_BYTES,
    ) -> None:
        """Drop the oldest rows beyond so many bytes of each kind; None leaves a kind alone."""
        if artifacts_limit is not None:
            self._prune("artifacts", "length(content)", "created_at", artifacts_limit)
        if files_limit is not None:
            size = f"coalesce(length(sample), 0) + length(file_path) + {ROW_OVERHEAD_BYTES}"
            self._prune("processed_files", size, "processed_at", files_limit)

    def _prune(self, table: str, size: str, age: str, limit: int) -> None:
        total = self._read(f"SELECT coalesce(sum({size}), 0) FROM {table}", ())
        if not total or total[0][0] <= limit:
            return
        drop = (
            f"DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM"
            f" (SELECT rowid, sum({size}) OVER (ORDER BY {age} DESC, rowid DESC) AS so_far FROM {table})"
            " WHERE so_far > ?)"
        )
        self._write((drop, [(limit,)]))

    def _cut(self, sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
        """(first, after) of the rows of each transaction, for samples of these sizes."""
        ends = np.cumsum(sizes, dtype=np.int64)
        first = before = 0
        while first < len(sizes):
            full = int(np.searchsorted(ends, before + BATCH_BYTES)) + 1
            after = min(first + self._batch_size, full, len(sizes))
            yield first, after
            first, before = after, int(ends[after - 1])

    def _read(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Rows of this user: opening the database to write has dropped, or marked, what others left."""
        if self._damaged:
            return []
        try:
            return self._connection.query(statement, values, bounded=True)
        except DatabaseError as error:
            self._give_up_if_damaged(error)
            return []

    def _write(self, *changes: tuple[str, Sequence[Sequence[Any]]]) -> bool:
        """Write the rows of some statements; they can be made again, and need not reach the disk at once."""

        def write(sql: sqlite3.Connection) -> None:
            for statement, rows in changes:
                sql.executemany(statement, rows)

        return self._changed(write)

    def _changed(self, write: Callable[[sqlite3.Connection], None]) -> bool:
        """Let `write` work in a transaction; False where the file is damaged."""
        if self._damaged:
            return False
        try:
            with self._connection.transaction(durable=False) as sql:
                write(sql)
        except DatabaseError as error:
            self._give_up_if_damaged(error)
            return False
        return True

    def _give_up_if_damaged(self, error: DatabaseError) -> None:
        """A cache whose file turns out to be damaged is a slow cache; any other error is an error."""
        if not is_damage(error.__cause__):
            raise error
        self._damaged = True
        self._connection.warnings.append(f"{error}; the run goes on without it")


_KEEP_ARTIFACT = (
    "INSERT OR REPLACE INTO artifacts (key, name, content, checksum, created_at)"
    " VALUES (?, ?, zeroblob(?), ?, ?)"
)


def _keep_files(rows: int) -> str:
    """The statement that keeps so many rows: of a moment, the parameters, and `FileRows.values`."""
    width = len(COLUMNS)
    marks = [", ".join([f"?{3 + row * width + at}" for at in range(width)]) for row in range(rows)]
    columns = ("processed_at", "parameters", *COLUMNS)
    anew = ", ".join([f"{name} = excluded.{name}" for name in columns if name != "file_path"])
    return (
        f"INSERT INTO processed_files ({', '.join(columns)})"
        f" VALUES {', '.join([f'(?1, ?2, {values})' for values in marks])}"
        f" ON CONFLICT (file_path) DO UPDATE SET {anew}"
    )


_KEEP_FILE = _keep_files(1)
_KEEP_FILES = _keep_files(ROWS_AT_ONCE)


def _analysis(row: Sequence[object] | None, stamp: FileStamp, parameters: bytes) -> FileAnalysis | None:
    if row is None:
        return None
    path, packed, made_with, digest, kind_class, sample, patterns_found, check = row
    expected = stamp.to_bytes()
    if packed != expected or made_with != parameters:
        return None
    if not (isinstance(path, bytes) and isinstance(digest, bytes) and isinstance(sample, bytes)):
        return None
    if not (isinstance(kind_class, int) and isinstance(patterns_found, int)):
        return None
    analysis = FileAnalysis(digest, kind_class, sample, patterns_found)
    if not is_sound(analysis, LARGEST_SAMPLE) or check != row_checksum(path, expected, parameters, *analysis):
        return None
    return analysis
