"""Reading files in parallel, in bounded memory.

Files are read, never mapped: another process truncating a mapped file would kill the
interpreter with SIGBUS. A file at or above the threshold goes through in windows.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from ucompress.checksum import Digest, digest
from ucompress.config import MIB
from ucompress.pipeline.executors import ordered_map
from ucompress.scan import open_source

Result = TypeVar("Result")

WINDOW_BYTES = 4 * MIB
CHUNK_BYTES = 8 * MIB


@dataclass(frozen=True, slots=True)
class FileToRead:
    """One file to read, as the scan saw it.

    Attributes:
        path: where it lies, as the file system spells it.
        size: bytes to read; what a growing file gained since is left out.
        document: the number that kernels know it by.
        weight: files that have this content.
        digest: BLAKE3 that its bytes had when they were analyzed; empty before.
    """

    path: bytes
    size: int
    document: int = 0
    weight: int = 1
    digest: bytes = b""


@dataclass(slots=True)
class FileContent:
    """A file's bytes on their way through the pipeline.

    Attributes:
        file: what was to be read.
        windows: the bytes in order; one window for a small file. Can be walked once.
        digest: BLAKE3 over all windows, once they were walked; None before.
        error: why the file could not be read, or None. Then there are no windows.
    """

    file: FileToRead
    windows: Iterable[bytes] = ()
    digest: bytes | None = None
    error: OSError | None = None

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return Path(os.fsdecode(self.file.path))

    @property
    def size(self) -> int:
        """Bytes that the windows hold together."""
        return self.file.size


class ShortFileError(OSError):
    """A file ended before the size that the scan had seen."""


def _seek_and_read(descriptor: int, length: int, offset: int) -> bytes:
    os.lseek(descriptor, offset, os.SEEK_SET)
    return os.read(descriptor, length)


# Windows has no pread; a descriptor is used by one thread at a time, so two calls will do.
_read_at: Callable[[int, int, int], bytes] = getattr(os, "pread", _seek_and_read)


def read_exactly(descriptor: int, offset: int, length: int, path: bytes) -> bytes:
    """`length` bytes from `offset`.

    Raises:
        ShortFileError: the file ends before.
        OSError: the file cannot be read.
    """
    data = _read_at(descriptor, length, offset)
    if len(data) == length:
        return data
    parts = [data]
    missing = length - len(data)
    while missing:
        part = _read_at(descriptor, missing, offset + length - missing)
        if not part:
            raise ShortFileError(None, "the file became shorter while it was read", os.fsdecode(path))
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


@dataclass(frozen=True, slots=True)
class ParallelFileProcessor:
    """Reads files in chunks over an executor.

    Attributes:
        executor: where chunks are processed.
        chunk_size: the most files in a chunk; a chunk also ends at about 8 MiB.
        memory_map_threshold: bytes from which on a file goes through in windows.
        in_flight: the most chunks being worked on or waiting.
        poll: called while waiting; what it raises ends the work.
    """

    executor: Executor
    chunk_size: int = 256
    memory_map_threshold: int = 16 * MIB
    in_flight: int = 4
    poll: Callable[[], None] = field(default=lambda: None)

    def process_files(
        self, files: Iterable[FileToRead], visit: Callable[[Iterator[FileContent]], Result]
    ) -> Iterator[Result]:
        """What `visit` makes of each chunk of files, in their order.

        Args:
            files: what to read.
            visit: called in a worker with the contents of a chunk, one file open at a time; it
                walks their windows and returns what is kept, so that no more than the files in
                work are held in memory. It must pickle for executors of other processes.

        Yields:
            One result a chunk.
        """
        task = partial(process_chunk, visit=visit, threshold=self.memory_map_threshold)
        chunks = self.chunks(files)
        return ordered_map(self.executor, task, chunks, in_flight=self.in_flight, poll=self.poll)

    def chunks(self, files: Iterable[FileToRead]) -> Iterator[list[FileToRead]]:
        """The files in chunks of at most `chunk_size` files and about 8 MiB."""
        chunk: list[FileToRead] = []
        held = 0
        for file in files:
            chunk.append(file)
            held += file.size
            if len(chunk) >= self.chunk_size or held >= CHUNK_BYTES:
                yield chunk
                chunk, held = [], 0
        if chunk:
            yield chunk


def process_chunk(
    files: Sequence[FileToRead], visit: Callable[[Iterator[FileContent]], Result], threshold: int
) -> Result:
    """`visit` applied to the contents of a chunk; runs in a worker."""
    return visit(_contents(files, threshold))


def _contents(files: Sequence[FileToRead], threshold: int) -> Iterator[FileContent]:
    """The content of each file, open until the next is asked for."""
    for file in files:
        try:
            descriptor = open_source(file.path)
        except OSError as error:
            yield FileContent(file, error=error)
            continue
        try:
            yield read_file_content(file, descriptor, threshold)
        finally:
            os.close(descriptor)


def read_file_content(file: FileToRead, descriptor: int, threshold: int) -> FileContent:
    """The content of one open file: whole below the threshold, in windows from there on.

    A small file that cannot be read comes with its `error`; a large one raises OSError while
    its windows are walked.
    """
    content = FileContent(file)
    if file.size < threshold:
        try:
            data = read_exactly(descriptor, 0, file.size, file.path)
        except OSError as error:
            content.error = error
            return content
        content.windows = (data,)
        content.digest = digest(data)
    else:
        content.windows = _windows(content, file, descriptor)
    return content


def _windows(content: FileContent, file: FileToRead, descriptor: int) -> Iterator[bytes]:
    hasher = Digest()
    for offset in range(0, file.size, WINDOW_BYTES):
        window = read_exactly(descriptor, offset, min(WINDOW_BYTES, file.size - offset), file.path)
        hasher.update(window)
        yield window
    content.digest = hasher.digest()
