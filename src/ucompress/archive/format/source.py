"""Reads an archive's bytes at any offset, from a path or any seekable file, by many threads."""

from __future__ import annotations

import errno
import io
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from ucompress.errors import ClosedArchiveError, CorruptArchiveError

_SECTOR = 4096
_MEDIUM = frozenset(
    getattr(errno, name)
    for name in ("EIO", "EBADMSG", "EREMOTEIO", "ENODATA", "EUCLEAN")
    if hasattr(errno, name)
)
"""What reading says where it is the medium's fault: other bytes of the file can still be read."""


class FileSource:
    """Positioned reads with counters.

    Args:
        file: a seekable binary file; a real file is read without moving its position.
        name: the archive's name in messages.

    Attributes:
        bytes_read: bytes handed out so far.
        reads: number of reads so far.
        gaps: why, for each (offset, length) that `read_past` had to pass over.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        """Find the size; the file stays the caller's to close."""
        self._file = file
        self._lock = threading.Lock()
        self._closed = False
        self._descriptor = _descriptor(file)
        self.name = name
        file.seek(0, os.SEEK_END)
        self.size = file.tell()  # not all files' `seek` tells, such as that of `mmap`
        self.bytes_read = 0
        self.reads = 0
        self.gaps: dict[tuple[int, int], str] = {}

    def close(self) -> None:
        """Refuse all further reads; the file stays the caller's to close."""
        self._closed = True

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset` on; fewer only at the end.

        Raises:
            ClosedArchiveError: the archive or its file was closed.
            CorruptArchiveError: the medium cannot give them back.
        """
        # The descriptor's number may belong to another file by now: it must not be read from.
        if self._closed or self._file.closed:
            raise ClosedArchiveError(f"{self.name} is closed: nothing can be read from it any more")
        length = max(0, min(length, self.size - offset))
        if not length:
            return b""
        try:
            if self._descriptor is not None:
                data = self._pread(offset, length)
            else:
                data = self._seek_and_read(offset, length)
        except OSError as error:
            if error.errno not in _MEDIUM:
                raise
            raise CorruptArchiveError(_sentence(offset, length, str(error.strerror))) from error
        with self._lock:
            self.bytes_read += len(data)
            self.reads += 1
        return data

    def read_past(self, offset: int, length: int) -> bytes:
        """As `read_at`, with zeros in place of sectors that cannot be read: for what has its own checks."""
        length = max(0, min(length, self.size - offset))
        try:
            return self.read_at(offset, length)
        except CorruptArchiveError as error:
            sectors = range(offset // _SECTOR, -(-(offset + length) // _SECTOR))
            if len(sectors) == 1:
                with self._lock:
                    self.gaps[offset, length] = str(getattr(error.__cause__, "strerror", ""))
                return bytes(length)
        middle = sectors[len(sectors) // 2] * _SECTOR - offset
        return self.read_past(offset, middle) + self.read_past(offset + middle, length - middle)

    @contextmanager
    def explaining(self, offset: int, length: int) -> Iterator[None]:
        """Say of damage found inside if some of these bytes could not even be read."""
        try:
            yield
        except CorruptArchiveError as error:
            for (at, size), reason in list(self.gaps.items()):
                if at < offset + length and offset < at + size:
                    raise CorruptArchiveError(f"{error} ({_sentence(at, size, reason)})") from error
            raise

    def _pread(self, offset: int, length: int) -> bytes:
        assert self._descriptor is not None
        data = os.pread(self._descriptor, length, offset)
        while len(data) < length:
            more = os.pread(self._descriptor, length - len(data), offset + len(data))
            if not more:
                break
            data += more
        return data

    def _seek_and_read(self, offset: int, length: int) -> bytes:
        with self._lock:
            self._file.seek(offset)
            parts, missing = [], length
            while missing:
                part = self._file.read(missing)
                if not part:
                    break
                if len(part) > missing:
                    raise OSError(f"read({missing}) of the file object gave {len(part)} bytes")
                parts.append(part)
                missing -= len(part)
        return b"".join(parts)


def _sentence(offset: int, length: int, reason: str) -> str:
    return f"bytes {offset} to {offset + length - 1} of the file cannot be read: {reason}"


def _descriptor(file: BinaryIO) -> int | None:
    """The descriptor of a plain file where positioned reads exist; wrappers may decode, so none for them."""
    raw = file.raw if isinstance(file, io.BufferedReader | io.BufferedRandom) else file
    if not isinstance(raw, io.FileIO) or not hasattr(os, "pread"):
        return None
    file.flush()
    return raw.fileno()
