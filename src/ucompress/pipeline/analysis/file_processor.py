"""Reading files in parallel, in bounded memory.

Files are read, never mapped: another process truncating a mapped file would kill the
interpreter with SIGBUS. The option `memory_map_threshold` says from how many bytes on a file is
read a window at a time.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, overload

from ucompress.checksum import Digest, digest
from ucompress.config import MIB
from ucompress.pipeline.reading.held import HeldContents
from ucompress.pipeline.reading.spans import read_exactly, read_many, read_many_and_look
from ucompress.pipeline.reading.spilled import NOWHERE
from ucompress.pipeline.running.executors import insist_on_being_wanted, ordered_map
from ucompress.pipeline.running.lending import lent
from ucompress.progress import WorkReporter
from ucompress.scan import open_source
from ucompress.scan.again import look_like
from ucompress.scan.ahead import ReadAhead
from ucompress.scan.opening import look_at

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ucompress.pipeline.running.context import RunContext, Workers

Result = TypeVar("Result")
Item = TypeVar("Item")

WINDOW_BYTES = 4 * MIB
CHUNK_BYTES = 8 * MIB
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


AnyFile = FileToRead | str | bytes | os.PathLike[str]


@dataclass(slots=True)
class FileContent:
    """A file's bytes on their way through the pipeline.

    Attributes:
        file: what was to be read.
        windows: the bytes in order; one window for a small file.
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


@dataclass(frozen=True, slots=True)
class ParallelFileProcessor:
    """Reads files in chunks over an executor.

    Attributes:
        executor: where chunks are processed.
        chunk_size: the most files in a chunk; a chunk also ends at about 8 MiB.
        memory_map_threshold: bytes from which on a file is read a window at a time, smaller ones whole;
            nothing is mapped.
        in_flight: the most chunks being worked on or waiting.
        poll: called while waiting; what it raises ends the work.
        reporter: hears of the bytes of each chunk as it is done, and of its last file.
        held: takes the place of files that it has the content of, and keeps what was read whole.
        ahead: asks for the files of spans to come; None where workers read elsewhere.
    """

    executor: Executor
    chunk_size: int = 256
    memory_map_threshold: int = 16 * MIB
    in_flight: int = 4
    poll: Callable[[], None] = field(default=lambda: None)
    reporter: WorkReporter | None = None
    held: HeldContents = field(default_factory=HeldContents)
    ahead: ReadAhead | None = None

    @classmethod
    def of(cls, context: RunContext, workers: Workers, **options: Any) -> ParallelFileProcessor:
        """One that works as a run is configured, and with its workers; `options` are further attributes."""
        return cls(
            workers.executor,
            context.config.chunk_size,
            context.config.memory_map_threshold,
            in_flight=workers.in_flight,
            poll=context.guard.check,
            **options,
        )

    @overload
    def process_files(self, files: Iterable[AnyFile]) -> Iterator[FileContent]: ...

    @overload
    def process_files(
        self,
        files: Iterable[AnyFile],
        visit: Callable[[Iterator[FileContent]], Result],
        in_doubt: Callable[[Result], bool] | None = None,
    ) -> Iterator[Result]: ...

    def process_files(
        self,
        files: Iterable[AnyFile],
        visit: Callable[[Iterator[FileContent]], Result] | None = None,
        in_doubt: Callable[[Result], bool] | None = None,
    ) -> Iterator[FileContent] | Iterator[Result]:
        """The contents of files, in their order, or what `visit` makes of each chunk of them.

        Args:
            files: what to read: paths, or files of a scan.
            visit: called in a worker with the contents of a chunk; it walks their windows and
                returns what is kept. Small files of a chunk, about 8 MiB, are held together, larger
                ones one at a time. It must pickle for executors of other processes.
            in_doubt: whether a result tells of files that were not as expected; see `lent`.

        Yields:
            A content a file, small ones read in the workers, no more than `in_flight` chunks at once,
            and large ones as their windows are walked; with `visit` one result a chunk.
        """
        if visit is None:
            return chain.from_iterable(self._process(files, list, None))
        return self._process(files, visit, in_doubt)

    def process_chunk(self, files: Iterable[AnyFile]) -> list[FileContent]:
        """The contents of a few files, small ones read here and now.

        For callers that hold a chunk themselves; `process_files` makes chunks, which workers read as it does.
        """
        return list(read_files(list(map(as_scanned, files)), self.memory_map_threshold, self.held))

    def read_file_content(self, file: AnyFile) -> FileContent:
        """The content of one file: whole below the threshold, in windows from there on.

        A small file that cannot be read comes with its `error`; a large one raises OSError while
        its windows are walked.
        """
        return read_file_content(as_scanned(file), self.memory_map_threshold, self.held)

    def chunks(self, files: Iterable[AnyFile]) -> Iterator[list[FileToRead]]:
        """The files in chunks of at most `chunk_size` files and about 8 MiB."""
        chunk: list[FileToRead] = []
        held = 0
        for file in map(as_scanned, files):
            chunk.append(file)
            held += file.size
            if len(chunk) >= self.chunk_size or held >= CHUNK_BYTES:
                yield chunk
                chunk, held = [], 0
        if chunk:
            yield chunk

    def process_spans(
        self,
        spanned: Callable[[int, int], FileSpan],
        sizes: NDArray[np.integer[Any]],
        visit: Callable[[FileSpan], Result],
        in_doubt: Callable[[Result], bool],
    ) -> Iterator[Result]:
        """What `visit` makes of each span of the files, as `chunks` would cut them.

        Args:
            spanned: gives the files from one number to another.
            sizes: bytes of each file, as a scan saw it.
            visit: called in a worker; it reads the files itself. It must pickle for executors of other
                processes.
            in_doubt: whether a result tells of files that were not as expected; see `lent`.
        """

        def noted() -> Iterator[tuple[FileSpan, int, bytes]]:
            first = held = 0
            for after, size in enumerate(sizes.data, 1):
                held += size
                if after - first >= self.chunk_size or held >= CHUNK_BYTES or after == len(sizes):
                    span = spanned(first, after)
                    yield span, held, span.paths[-1]
                    first, held = after, 0

        spans: Iterable[tuple[FileSpan, int, bytes]] = noted()
        if self.ahead is not None:
            spans = self.ahead.through(spans, lambda noted: noted[0].paths)
        with lent(self.executor, _visit_span, visit, in_doubt=in_doubt, as_expected=_is_as_scanned) as task:
            yield from self._mapped(task, spans)

    def _process(
        self,
        files: Iterable[AnyFile],
        visit: Callable[[Iterator[FileContent]], Result],
        in_doubt: Callable[[Result], bool] | None,
    ) -> Iterator[Result]:
        noted = ((chunk, sum([file.size for file in chunk]), chunk[-1].path) for chunk in self.chunks(files))
        with lent(
            self.executor,
            _visit_chunk,
            _Visit(visit, self.memory_map_threshold, self.held),
            in_doubt=in_doubt,
        ) as task:
            yield from self._mapped(task, noted)

    def _mapped(
        self, task: Callable[[Item], Result], noted: Iterable[tuple[Item, int, bytes]]
    ) -> Iterator[Result]:
        """The results of a task on each (item, its bytes, its last file)."""
        begun: deque[tuple[int, bytes]] = deque()  # bytes and last file of each item in flight

        def items() -> Iterator[Item]:
            for item, size, path in noted:
                begun.append((size, path))
                yield item

        for result in ordered_map(self.executor, task, items(), in_flight=self.in_flight, poll=self.poll):
            size, path = begun.popleft()
            if self.reporter is not None:
                self.reporter.advance(size=size, path=path)
            yield result


def as_scanned(file: AnyFile) -> FileToRead:
    """A path as a file to read, of the size that it has now; reading tells why where it has none."""
    if isinstance(file, FileToRead):
        return file
    path = os.fsencode(file)
    try:
        return FileToRead(path, look_at(path).st_size)
    except OSError:
        return FileToRead(path, 0)


@dataclass(frozen=True, slots=True)
class _Visit(Generic[Result]):
    """What all chunks share: what is done with their files, and how these are read."""

    visit: Callable[[Iterator[FileContent]], Result]
    threshold: int
    held: HeldContents


def _visit_chunk(shared: _Visit[Result], files: Sequence[FileToRead]) -> Result:
    """`visit` applied to the contents of a chunk; runs in a worker."""
    return shared.visit(read_files(files, shared.threshold, shared.held))


def _visit_span(visit: Callable[[FileSpan], Result], span: FileSpan) -> Result:
    """`visit` applied to a span; runs in a worker."""
    return visit(span)


def _is_as_scanned(span: FileSpan) -> bool:
    """Whether the files look as the scan saw them, where their times are known."""
    return not span.mtimes_ns or look_like(span.paths, span.sizes, span.mtimes_ns)


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
    found = iter(read_many(missing) if missing else ())
    for file, data in zip(files, known, strict=True):
        if data is not None:
            yield FileContent(file, (data,), file.digest)
        elif file.size < small:
            yield _as_read(file, next(found), held)
        else:
            yield read_file_content(file, threshold, held)


def _as_read(file: FileToRead, data: bytes | OSError, held: HeldContents) -> FileContent:
    """The content of a file that was read whole, or why it was not; from now on it is held."""
    if isinstance(data, OSError):
        return FileContent(file, error=data)
    identity = digest(data)
    held.keep(identity, data)
    return FileContent(file, (data,), identity)


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
    (data,) = read_many([(file.path, 0, file.size)])
    return _as_read(file, data, held)


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
        self.content.digest = hasher.digest()


@contextmanager
def _opened(path: bytes) -> Iterator[int]:
    descriptor = open_source(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
