"""What earlier runs found out about files, so that unchanged ones need not be read again.

What comes out of the database is not trusted: every row carries a checksum over all of its values, and
a row that does not fit is as good as none. The worst that a bad database does is to cost time.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from xxhash import xxh3_64_digest

from ucompress.database.pattern_table import batches
from ucompress.database.recovery import is_damage
from ucompress.database.times import to_text, utc_now
from ucompress.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from ucompress.database.connection import Connection

DIGEST_BYTES = 32
LARGEST_SAMPLE = 16 << 20
BATCH_BYTES = 4 << 20  # a transaction of large samples is cut here, whatever the batch size
LOOKUP_ROWS = 500
FILES_LIMIT_BYTES = 1 << 30
ARTIFACTS_LIMIT_BYTES = 256 << 20
ROW_OVERHEAD_BYTES = 250  # a row without path and sample, index entry included

# A file written right before it was looked at may be written again without a change of its stamp:
# clocks of file systems tick every few milliseconds, and some only every second or two.
FINE_TICK_NS = 100_000_000
COARSE_TICK_NS = 2_000_000_000

_MASK = (1 << 64) - 1
_MOST_FOUND = (1 << 63) - 1
_STAMP = struct.Struct("<5Q")
_NUMBERS = struct.Struct("<BQ")
_ROW_LENGTHS = struct.Struct("<6Q")


class FileStamp(NamedTuple):
    """What tells that a file is unchanged, as `stat` gives it.

    Attributes:
        size: bytes.
        mtime_ns: last change of the content, in nanoseconds.
        ctime_ns: last change of content or metadata, in nanoseconds.
        inode: inode number.
        device: device number.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int

    def to_bytes(self) -> bytes:
        """The stamp in 40 bytes."""
        size, mtime_ns, ctime_ns, inode, device = self
        return _STAMP.pack(size & _MASK, mtime_ns & _MASK, ctime_ns & _MASK, inode & _MASK, device & _MASK)

    def settled(self, moment_ns: int) -> bool:
        """Whether any later write must have changed the stamp, if it was taken at `moment_ns` or later."""
        if max(self.mtime_ns, self.ctime_ns) <= moment_ns - COARSE_TICK_NS:
            return True
        for time_ns in (self.mtime_ns, self.ctime_ns):
            coarse = time_ns % 1_000_000_000 == 0
            if time_ns > moment_ns - (COARSE_TICK_NS if coarse else FINE_TICK_NS):
                return False
        return True


class FileAnalysis(NamedTuple):
    """What analysis found in one file.

    Attributes:
        digest: 32 bytes that identify the content.
        kind_class: the content's class, 0 to 255.
        sample: the content's sampled d-mers, in the analyzer's own form.
        patterns_found: how many d-mers the sample holds.
    """

    digest: bytes
    kind_class: int
    sample: bytes
    patterns_found: int = 0


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

    def lookup(self, path: bytes, stamp: FileStamp, parameters: bytes) -> FileAnalysis | None:
        """The analysis of a file, if it was made of just this state of it with just these parameters."""
        return next(iter(self.lookup_many([(path, stamp)], parameters)))

    def lookup_many(
        self, requests: Iterable[tuple[bytes, FileStamp]], parameters: bytes
    ) -> Iterator[FileAnalysis | None]:
        """`lookup` for many files, in their order, a few hundred held at a time.

        Args:
            requests: (absolute path, stamp) of each file.
            parameters: what the analysis depends on beside the file, its program's version included.
        """
        for batch in batches(requests, LOOKUP_ROWS):
            marks = ", ".join("?" * len(batch))
            rows = self._read(
                "SELECT file_path, stamp, parameters, digest, kind_class, sample, patterns_found, checksum"
                f" FROM processed_files WHERE file_path IN ({marks})",
                [path for path, _ in batch],
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
            parameters: as in `lookup`.
            scanned_at_ns: wall clock before the first stamp was taken; files changed so shortly before
                that their stamp proves nothing are left out. None keeps all.

        An analysis whose sample exceeds `LARGEST_SAMPLE` bytes is not kept: its file is read again.

        Raises:
            ValueError: an analysis is not of the form that `lookup` accepts.
        """
        kept = 0
        for batch in self._batches(rows, scanned_at_ns):
            now = to_text(utc_now())
            values = [_values(path, stamp, parameters, analysis, now) for path, stamp, analysis in batch]
            if self._write(_KEEP_FILE, values):
                kept += len(values)
        return kept

    def artifact(self, key: bytes, name: str) -> bytes | None:
        """A stored result, if it is there and sound, and no larger than what is ever stored."""
        rows = self._read(
            "SELECT content, checksum FROM artifacts WHERE key = ? AND name = ? AND length(content) <= ?",
            (key, name, ARTIFACTS_LIMIT_BYTES),
        )
        if not rows:
            return None
        content, checksum = rows[0]
        if not isinstance(content, bytes) or checksum != _checksum(key, name.encode(), content):
            return None
        return content

    def store_artifact(
        self, key: bytes, name: str, content: bytes, *, limit: int = ARTIFACTS_LIMIT_BYTES
    ) -> bool:
        """Keep a result; the oldest ones make room. False if it alone exceeds `limit` bytes."""
        if len(content) > limit:
            return False
        row = (key, name, content, _checksum(key, name.encode(), content), to_text(utc_now()))
        stored = self._write(
            "INSERT OR REPLACE INTO artifacts (key, name, content, checksum, created_at)"
            " VALUES (?, ?, ?, ?, ?)",
            [row],
        )
        if stored:
            self.prune(artifacts_limit=limit, files_limit=None)
        return stored

    def forget_artifacts(self, key: bytes) -> None:
        """Drop every result of this key."""
        self._write("DELETE FROM artifacts WHERE key = ?", [(key,)])

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
        self._write(
            f"DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM"
            f" (SELECT rowid, sum({size}) OVER (ORDER BY {age} DESC, rowid DESC) AS so_far FROM {table})"
            " WHERE so_far > ?)",
            [(limit,)],
        )

    def _batches(
        self, rows: Iterable[tuple[bytes, FileStamp, FileAnalysis]], scanned_at_ns: int | None
    ) -> Iterator[list[tuple[bytes, FileStamp, FileAnalysis]]]:
        batch: list[tuple[bytes, FileStamp, FileAnalysis]] = []
        size = 0
        for row in rows:
            if scanned_at_ns is not None and not row[1].settled(scanned_at_ns):
                continue
            if len(row[2].sample) > LARGEST_SAMPLE:
                continue
            batch.append(row)
            size += len(row[2].sample)
            if len(batch) >= self._batch_size or size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    def _read(self, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
        if self._damaged:
            return []
        try:
            return self._connection.query(statement, values)
        except DatabaseError as error:
            self._give_up_if_damaged(error)
            return []

    def _write(self, statement: str, rows: Sequence[Sequence[Any]]) -> bool:
        """Write rows that can be made again: they need not reach the disk at once."""
        if self._damaged:
            return False
        try:
            with self._connection.transaction(durable=False) as sql:
                sql.executemany(statement, rows)
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


_KEEP_FILE = """
INSERT INTO processed_files (file_path, file_size, patterns_found, processed_at,
    stamp, parameters, digest, kind_class, sample, checksum)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (file_path) DO UPDATE SET file_size = excluded.file_size,
    patterns_found = excluded.patterns_found, processed_at = excluded.processed_at,
    stamp = excluded.stamp, parameters = excluded.parameters, digest = excluded.digest,
    kind_class = excluded.kind_class, sample = excluded.sample, checksum = excluded.checksum"""


def _checksum(*parts: bytes) -> bytes:
    """A checksum of the parts and of where one ends and the next begins."""
    lengths = struct.pack(f"<{len(parts)}Q", *map(len, parts))
    return xxh3_64_digest(lengths + b"".join(parts))


def _row_checksum(path: bytes, stamp: bytes, parameters: bytes, analysis: FileAnalysis) -> bytes:
    """`_checksum` of all values of a row: path, stamp, parameters, digest, numbers, sample."""
    digest, kind_class, sample, patterns_found = analysis
    lengths = _ROW_LENGTHS.pack(
        len(path), len(stamp), len(parameters), len(digest), _NUMBERS.size, len(sample)
    )
    numbers = _NUMBERS.pack(kind_class, patterns_found)
    return xxh3_64_digest(b"".join((lengths, path, stamp, parameters, digest, numbers, sample)))


def _values(
    path: bytes, stamp: FileStamp, parameters: bytes, analysis: FileAnalysis, now: str
) -> tuple[bytes | int | str, ...]:
    if not _is_sound(analysis):
        raise ValueError(f"not an analysis that can be kept: {analysis!r:.200}")
    packed = stamp.to_bytes()
    digest, kind_class, sample, patterns_found = analysis
    checksum = _row_checksum(path, packed, parameters, analysis)
    return path, stamp.size, patterns_found, now, packed, parameters, digest, kind_class, sample, checksum


def _is_sound(analysis: FileAnalysis) -> bool:
    digest, kind_class, sample, patterns_found = analysis
    return (
        len(digest) == DIGEST_BYTES
        and 0 <= kind_class <= 255
        and len(sample) <= LARGEST_SAMPLE
        and 0 <= patterns_found <= _MOST_FOUND
    )


def _analysis(row: Sequence[object] | None, stamp: FileStamp, parameters: bytes) -> FileAnalysis | None:
    if row is None:
        return None
    path, packed, made_with, digest, kind_class, sample, patterns_found, checksum = row
    expected = stamp.to_bytes()
    if packed != expected or made_with != parameters:
        return None
    if not (isinstance(path, bytes) and isinstance(digest, bytes) and isinstance(sample, bytes)):
        return None
    if not (isinstance(kind_class, int) and isinstance(patterns_found, int)):
        return None
    analysis = FileAnalysis(digest, kind_class, sample, patterns_found)
    if not _is_sound(analysis) or checksum != _row_checksum(path, expected, parameters, analysis):
        return None
    return analysis
