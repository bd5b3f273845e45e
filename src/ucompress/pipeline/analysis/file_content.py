"""Contents of files: small ones read whole, several at once, larger ones a window at a time.

Files are read, never mapped: another process truncating a mapped file would kill the interpreter with SIGBUS.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ucompress.checksum import Digest, digest
from ucompress.config import MIB
from ucompress.pipeline.reading.spans import read_exactly, read_many_and_look
from ucompress.pipeline.reading.spilled import NOWHERE
from ucompress.pipeline.running.executors import insist_on_being_wanted
from ucompress.scan import open_source
from ucompress.scan.again import NO_STATUS, status_of

if TYPE_CHECKING:
    from ucompress.pipeline.reading.held import HeldContents

WINDOW_BYTES = 4 * MIB
SMALL_BYTES = MIB


class FileToRead(NamedTuple):
    """One file to read, as the scan saw it.

    Attributes:
        path: where it lies, as the file system spells it.
        size: bytes to read; what a growing file gained since is left out.
        document: the number that kernels know it by.
        weight: files that have this content.
        digest: BLAKE3 that its bytes had when they were analyzed; empty before.
        sample: the packed sample of those bytes, where a pass can use it; else empty.
        place: where they have been spilled to, or `NOWHERE`.
    """

    path: bytes
    size: int
    document: int = 0
    weight: int = 1
    digest: bytes = b""
    sample: bytes = b""
    place: int = NOWHERE


class FileSpan(NamedTuple):
    """Neighbouring files of a scan.

    Attributes:
        paths: where they lie, as the file system spells it.
        sizes: bytes of each.
        mtimes_ns: time of each as the scan saw it, in nanoseconds; empty where that does not matter.
        places: where the bytes of each have been spilled to, or `NOWHERE`; empty where none have.
    """

    paths: Sequence[bytes]
    sizes: Sequence[int]
    mtimes_ns: Sequence[int] = ()
    places: Sequence[int] = ()


@dataclass(slots=True)
class FileContent:
    """A file's bytes on their way through the pipeline.

    Attributes:
        file: what was to be read.
        windows: the bytes in order; one window for a small file.
        digest: BLAKE3 over all windows, once they were walked; None before.
        error: why the file could not be read, or None. Then there are no windows.
        seen: the status of the file once it was read, as `look_at_files` tells it; `NO_STATUS` before.
    """

    file: FileToRead
    windows: Iterable[bytes] = ()
    digest: bytes | None = None
    error: OSError | None = None
    seen: bytes = NO_STATUS

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return Path(os.fsdecode(self.file.path))

    @property
    def size(self) -> int:
        """Bytes that the windows hold together."""
        return self.file.size


def read_files(files: Sequence[FileToRead], threshold: int, held: HeldContents) -> Iterator[FileContent]:
    """The content of each file: small ones that are not held are read at once, others when asked for."""
    small = min(SMALL_BYTES, threshold)
    spilled = iter(held.spilled.read([(file.place, file.size) for file in files if file.place != NOWHERE]))
    known = [held.get(file.digest) if file.place == NOWHERE else next(spilled) for file in files]
    missing = [
        (file.path, 0, file.size)
        for file, data in zip(files, known, strict=True)
        if data is None and file.size < small
    ]
    several, seen = read_many_and_look(missing) if missing else ([], b"")
    found = zip(several, _each(seen), strict=True)
    for file, data in zip(files, known, strict=True):
        if data is not None:
            yield FileContent(file, (data,), file.digest)
        elif file.size < small:
            yield _as_read(file, *next(found), held)
        else:
            yield read_file_content(file, threshold, held)


def _each(seen: bytes) -> Iterator[bytes]:
    """The statuses that stand end to end."""
    return (seen[at : at + len(NO_STATUS)] for at in range(0, len(seen), len(NO_STATUS)))


def _as_read(file: FileToRead, data: bytes | OSError, seen: bytes, held: HeldContents) -> FileContent:
    """The content of a file that was read whole, or why it was not; from now on it is held."""
    if isinstance(data, OSError):
        return FileContent(file, error=data)
    identity = digest(data)
    held.keep(identity, data)
    return FileContent(file, (data,), identity, seen=seen)


def read_together(
    span: FileSpan, threshold: int, held: HeldContents
) -> tuple[list[bytes | OSError], list[bytes], list[int], bytes] | None:
    """All of some files, none of which need be read in windows; None where one must.

    Returns:
        The bytes of each, or why it cannot be read; their BLAKE3, empty for the latter; where they have
        been spilled to, or `NOWHERE`; and, if all were read from their files, the status of each file after
        that, as `look_at_files` tells it. What was read is held from now on, or spilled.
    """
    if max(span.sizes) >= min(SMALL_BYTES, threshold):
        return None
    places = span.places or [NOWHERE] * len(span.sizes)
    files = list(zip(span.paths, span.sizes, places, strict=True))
    spilled = iter(held.spilled.read([(place, size) for _, size, place in files if place != NOWHERE]))
    several, seen = read_many_and_look([(path, 0, size) for path, size, place in files if place == NOWHERE])
    read = iter(several)
    found = [next(read) if place == NOWHERE else next(spilled) for place in places]
    digests = [digest(data) if isinstance(data, bytes) else b"" for data in found]
    return found, digests, held.keep_or_spill(digests, found, places), b"" if span.places else seen


def read_file_content(file: FileToRead, threshold: int, held: HeldContents) -> FileContent:
    """See `ParallelFileProcessor.read_file_content`."""
    if file.size >= threshold:
        content = FileContent(file)
        content.windows = _Windows(content)
        return content
    (data,), seen = read_many_and_look([(file.path, 0, file.size)])
    return _as_read(file, data, seen, held)


@dataclass(frozen=True, slots=True)
class _Windows:
    """The windows of a large file, read as they are walked; its content has the digest afterwards."""

    content: FileContent

    def __iter__(self) -> Iterator[bytes]:
        file = self.content.file
        hasher = Digest()
        with _opened(file.path) as descriptor:
            for offset in range(0, file.size, WINDOW_BYTES):
                insist_on_being_wanted()
                window = read_exactly(descriptor, offset, min(WINDOW_BYTES, file.size - offset), file.path)
                hasher.update(window)
                yield window
            self.content.seen = status_of(descriptor)
        self.content.digest = hasher.digest()


@contextmanager
def _opened(path: bytes) -> Iterator[int]:
    descriptor = open_source(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
