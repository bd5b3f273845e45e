"""Reads an archive's bytes at any offset, from a path or any seekable file, by many threads."""

from __future__ import annotations

import io
import os
import threading
from typing import BinaryIO

from ucompress.errors import ClosedArchiveError


class FileSource:
    """Positioned reads with counters.

    Parameters:
        file: a seekable binary file; a real file is read without moving its position.
        name: the archive's name in messages.

    Attributes:
        bytes_read: bytes handed out so far.
        reads: number of reads so far.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        """Find the size; the file stays the caller's to close."""
        self._file = file
        self._lock = threading.Lock()
        self._closed = False
        self._descriptor = _descriptor(file)
        self.name = name
        self.size = file.seek(0, os.SEEK_END)
        self.bytes_read = 0
        self.reads = 0

    def close(self) -> None:
        """Refuse all further reads; the file stays the caller's to close."""
        self._closed = True

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset` on; fewer only at the end.

        Raises:
            ClosedArchiveError: the archive or its file was closed.
        """
        # The descriptor's number may belong to another file by now: it must not be read from.
        if self._closed or self._file.closed:
            raise ClosedArchiveError(f"{self.name} is closed: nothing can be read from it any more")
        length = max(0, min(length, self.size - offset))
        if not length:
            return b""
        if self._descriptor is not None:
            data = self._pread(offset, length)
        else:
            data = self._seek_and_read(offset, length)
        with self._lock:
            self.bytes_read += len(data)
            self.reads += 1
        return data

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
                parts.append(part)
                missing -= len(part)
        return b"".join(parts)


def _descriptor(file: BinaryIO) -> int | None:
    """The descriptor of a plain file where positioned reads exist; wrappers may decode, so none for them."""
    raw = file.raw if isinstance(file, io.BufferedReader | io.BufferedRandom) else file
    if not isinstance(raw, io.FileIO) or not hasattr(os, "pread"):
        return None
    file.flush()
    return raw.fileno()
