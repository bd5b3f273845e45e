"""What the cache keeps of a file: its stamp, its analysis, and a checksum over all of them.

Rows are checked and made in columns, for a tree may have very many files.
"""

from __future__ import annotations

import struct
from functools import partial
from itertools import chain, repeat
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from xxhash import xxh3_64, xxh3_64_digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

DIGEST_BYTES = 32
STAMP_BYTES = 40

# A file written right before it was looked at may be written again without a change of its stamp:
# clocks of file systems tick every few milliseconds, and some only every second or two.
FINE_TICK_NS = 100_000_000
COARSE_TICK_NS = 2_000_000_000
_SECOND_NS = 1_000_000_000

_MASK = (1 << 64) - 1
_MOST_FOUND = (1 << 63) - 1
_STAMP = struct.Struct("<5Q")
_NUMBERS = struct.Struct("<BQ")
_NUMBERS_COLUMN = np.dtype([("kind_class", "u1"), ("patterns_found", "<u8")])
_LENGTHS = struct.Struct("<6Q")

COLUMNS = ("file_path", "file_size", "patterns_found", "stamp", "digest", "kind_class", "sample", "checksum")
"""What `FileRows.values` has of each row, in that order."""


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


class FileRows(NamedTuple):
    """Analyses of files in parallel columns.

    Attributes:
        paths: absolute, as bytes.
        stamps: `FileStamp.to_bytes` of each, end to end.
        digests, kind_classes, samples, patterns_found: see `FileAnalysis`.
    """

    paths: Sequence[bytes]
    stamps: bytes
    digests: Sequence[bytes]
    kind_classes: Sequence[int]
    samples: Sequence[bytes]
    patterns_found: Sequence[int]

    @classmethod
    def of(cls, rows: Iterable[tuple[bytes, FileStamp, FileAnalysis]]) -> FileRows:
        """The columns of some (path, stamp, analysis)."""
        paths, stamps, analyses = list(zip(*rows, strict=True)) or ((), (), ())
        columns = list(zip(*analyses, strict=True)) or ((), (), (), ())
        return cls(paths, b"".join(map(FileStamp.to_bytes, stamps)), *columns)

    @classmethod
    def joined(cls, parts: Sequence[FileRows]) -> FileRows:
        """The rows of some parts, one behind the other."""
        columns = zip(*parts, strict=True)
        paths, stamps, digests, classes, samples, found = columns
        return cls(
            list(chain.from_iterable(paths)),
            b"".join(stamps),
            *(list(chain.from_iterable(column)) for column in (digests, classes, samples, found)),
        )

    def only(self, chosen: Sequence[int]) -> FileRows:
        """The rows of some numbers, in that order."""
        if len(chosen) == len(self.paths):
            return self
        stamps = (self.stamps[STAMP_BYTES * at : STAMP_BYTES * (at + 1)] for at in chosen)
        return FileRows(
            [self.paths[at] for at in chosen],
            b"".join(stamps),
            [self.digests[at] for at in chosen],
            [self.kind_classes[at] for at in chosen],
            [self.samples[at] for at in chosen],
            [self.patterns_found[at] for at in chosen],
        )

    def values(self, first: int, after: int, parameters: bytes, largest: int) -> list[Any]:
        """What stands in `COLUMNS` for the rows from `first` to `after`, row behind row.

        Bytes are bytearrays: for these `sqlite3` looks for no adapter, which takes longer than all the rest.

        Raises:
            ValueError: an analysis is not of the form that is accepted when it is looked up.
        """
        rows = slice(first, after)
        paths, digests, classes = self.paths[rows], self.digests[rows], self.kind_classes[rows]
        samples, found = self.samples[rows], self.patterns_found[rows]
        if not _are_sound(digests, classes, samples, found, largest):
            analyses = zip(digests, classes, samples, found, strict=True)
            bad = next(analysis for analysis in analyses if not is_sound(analysis, largest))
            raise ValueError(f"not an analysis that can be kept: {bad!r:.200}")
        packed = memoryview(self.stamps)[STAMP_BYTES * first : STAMP_BYTES * after]
        stamps = _split(packed, STAMP_BYTES)
        checks = _row_checksums(paths, stamps, parameters, digests, classes, samples, found)
        sizes = np.frombuffer(packed, "<u8")[::5].tolist()
        blobs = partial(map, bytearray)
        columns = (
            blobs(paths),
            sizes,
            found,
            blobs(stamps),
            blobs(digests),
            classes,
            blobs(samples),
            blobs(checks),
        )
        values: list[Any] = [None] * (len(columns) * len(paths))
        for at, column in enumerate(columns):
            values[at :: len(columns)] = column
        return values


def settled(stamps: bytes, moment_ns: int) -> NDArray[np.bool_]:
    """Of which stamps any later write must change the stamp, if they were taken at `moment_ns` or later.

    Args:
        stamps: `FileStamp.to_bytes` of each file, end to end.
        moment_ns: wall clock, in nanoseconds.
    """
    times = np.frombuffer(stamps, "<i8").reshape(-1, 5)[:, 1:3]
    ticks = np.where(times % _SECOND_NS == 0, COARSE_TICK_NS, FINE_TICK_NS)
    before: NDArray[np.bool_] = np.all(times <= moment_ns - ticks, axis=1)
    return before


def row_checksum(
    path: bytes,
    stamp: bytes,
    parameters: bytes,
    digest: bytes,
    kind_class: int,
    sample: bytes,
    patterns_found: int,
) -> bytes:
    """`checksum` of all values of a row: path, stamp, parameters, digest, numbers, sample."""
    lengths = _LENGTHS.pack(len(path), len(stamp), len(parameters), len(digest), _NUMBERS.size, len(sample))
    numbers = _NUMBERS.pack(kind_class, patterns_found)
    return xxh3_64_digest(b"".join((lengths, path, stamp, parameters, digest, numbers, sample)))


def _row_checksums(
    paths: Sequence[bytes],
    stamps: Sequence[bytes],
    parameters: bytes,
    digests: Sequence[bytes],
    kind_classes: Sequence[int],
    samples: Sequence[bytes],
    patterns_found: Sequence[int],
) -> Iterator[bytes]:
    """`row_checksum` of rows that are sound, in columns."""
    lengths = np.empty((len(paths), 6), "<u8")
    lengths[:, 0] = list(map(len, paths))
    lengths[:, 1:5] = STAMP_BYTES, len(parameters), DIGEST_BYTES, _NUMBERS.size
    lengths[:, 5] = list(map(len, samples))
    numbers = np.empty(len(paths), _NUMBERS_COLUMN)
    numbers["kind_class"] = list(kind_classes)
    numbers["patterns_found"] = patterns_found
    heads = _split(lengths.data, _LENGTHS.size)
    columns = heads, paths, stamps, repeat(parameters), digests, _split(numbers.data, _NUMBERS.size), samples
    return map(xxh3_64_digest, map(b"".join, zip(*columns)))  # noqa: B905  one is without an end


def _split(data: memoryview, size: int) -> list[bytes]:
    """The data in pieces of `size` bytes."""
    pieces: list[bytes] = np.frombuffer(data, f"V{size}").tolist()
    return pieces


def checksum(*parts: bytes | bytearray) -> bytes:
    """A checksum of the parts and of where one ends and the next begins."""
    hasher = xxh3_64(struct.pack(f"<{len(parts)}Q", *map(len, parts)))
    for part in parts:
        hasher.update(part)
    return hasher.digest()


def is_sound(analysis: tuple[bytes, int, bytes, int], largest: int) -> bool:
    """Whether an analysis has the form of one, and a sample of at most `largest` bytes."""
    digest, kind_class, sample, patterns_found = analysis
    return (
        len(digest) == DIGEST_BYTES
        and 0 <= kind_class <= 255
        and len(sample) <= largest
        and 0 <= patterns_found <= _MOST_FOUND
    )


def _are_sound(
    digests: Sequence[bytes],
    kind_classes: Sequence[int],
    samples: Sequence[bytes],
    patterns_found: Sequence[int],
    largest: int,
) -> bool:
    """`is_sound` of all of at least one analysis, in columns."""
    return (
        set(map(len, digests)) == {DIGEST_BYTES}
        and 0 <= min(kind_classes) <= max(kind_classes) <= 255
        and max(map(len, samples)) <= largest
        and 0 <= min(patterns_found) <= max(patterns_found) <= _MOST_FOUND
    )
