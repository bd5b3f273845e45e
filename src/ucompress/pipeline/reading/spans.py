"""Reading spans of files: one exactly, or many at once."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Self

from ucompress.files import read_and_look, read_spans
from ucompress.scan import open_source
from ucompress.scan.again import NO_STATUS, status_of, statuses

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Span = tuple[bytes, int, int]


class ShortFileError(OSError):
    """A file ended before the size that the scan had seen: it became shorter, or never had it, as in /sys."""

    @classmethod
    def of(cls, path: bytes) -> Self:
        """The error of a file."""
        return cls(None, "it has fewer bytes than its size told", os.fsdecode(path))


def _seek_and_read(descriptor: int, length: int, offset: int) -> bytes:
    os.lseek(descriptor, offset, os.SEEK_SET)
    return os.read(descriptor, length)


# Windows has no pread; a descriptor is used by one thread at a time, so two calls will do.
_read_at: Callable[[int, int, int], bytes] = getattr(os, "pread", _seek_and_read)


HOLE_BYTES = 256 << 10
"""A span of so many bytes is asked for being a hole before it is read."""


def _is_hole(descriptor: int, offset: int, length: int) -> bool:
    """Whether a file stores none of these bytes, which all read as zero then."""
    if not hasattr(os, "SEEK_DATA"):
        return False
    try:
        return os.lseek(descriptor, offset, os.SEEK_DATA) >= offset + length
    except OSError as error:
        # No data from here on: a hole up to the end, or the end itself.
        return error.errno == errno.ENXIO and os.fstat(descriptor).st_size >= offset + length


def read_exactly(descriptor: int, offset: int, length: int, path: bytes) -> bytes:
    """`length` bytes from `offset`; the descriptor's own position may move.

    Raises:
        ShortFileError: the file ends before.
        OSError: the file cannot be read.
    """
    if length >= HOLE_BYTES and _is_hole(descriptor, offset, length):
        return bytes(length)
    data = _read_at(descriptor, length, offset)
    if len(data) == length:
        return data
    parts = [data]
    missing = length - len(data)
    while missing:
        part = _read_at(descriptor, missing, offset + length - missing)
        if not part:
            raise ShortFileError.of(path)
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def read_many(spans: Sequence[Span]) -> list[bytes | OSError]:
    """The bytes of each span (path, offset, length), or why it cannot be read.

    Spans of one file that follow each other, with the same path object, share one opening. All
    are held in memory at once.
    """
    return [
        data if isinstance(data, bytes) else _read_alone(span)[0]
        for data, span in zip(read_spans(spans), spans, strict=True)
    ]


def read_many_and_look(spans: Sequence[Span]) -> tuple[list[bytes | OSError], bytes]:
    """`read_many`, and the status of each file after that was read, as `look_at_files` tells it.

    It is of the file that the bytes are of, whatever has the path by then.
    """
    read, packed = read_and_look(spans)
    untold = (statuses(packed) == statuses(NO_STATUS)).tolist()
    found, seen = list[bytes | OSError](), bytearray(packed)
    for row, data in enumerate(read):
        if isinstance(data, bytes) and not untold[row]:
            found.append(data)
            continue
        at = row * len(NO_STATUS)
        alone, seen[at : at + len(NO_STATUS)] = _read_alone(spans[row])
        found.append(alone)
    return found, bytes(seen)


def _read_alone(span: Span) -> tuple[bytes | OSError, bytes]:
    """One span by the ordinary calls, and the file's status: paths of any length, every system.

    An error has its text, and comes without its traceback, which would keep what the callers hold.
    """
    path, offset, length = span
    try:
        descriptor = open_source(path)
    except OSError as error:
        return error.with_traceback(None), NO_STATUS
    try:
        return read_exactly(descriptor, offset, length, path), status_of(descriptor)
    except OSError as error:
        return error.with_traceback(None), NO_STATUS
    finally:
        os.close(descriptor)
