"""Reading files in parallel, in bounded memory, over an executor's workers."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from ucompress.config import MIB
from ucompress.pipeline.analysis.file_content import (
    FileContent,
    FileSpan,
    FileToRead,
    read_file_content,
    read_files,
)
from ucompress.pipeline.reading.held import HeldContents
from ucompress.pipeline.running.executors import ordered_map
from ucompress.pipeline.running.lending import Fetch, lent
from ucompress.progress import WorkReporter
from ucompress.scan.again import look_like
from ucompress.scan.ahead import ReadAhead
from ucompress.scan.opening import look_at

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ucompress.pipeline.running.context import RunContext, Workers

Result = TypeVar("Result")
Item = TypeVar("Item")

CHUNK_BYTES = 8 * MIB

AnyFile = FileToRead | str | bytes | os.PathLike[str]


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
        with lent(
            self.executor,
            _visit_span,
            visit,
            in_doubt=in_doubt,
            as_expected=_is_as_scanned,
            fetched=_fetched_span,
        ) as task:
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
            fetched=_fetched_chunk,
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


def _fetched_chunk(files: Sequence[FileToRead], fetch: Fetch) -> list[FileToRead]:
    """A chunk with its files where a worker has them."""
    places = fetch([file.path for file in files], [file.size for file in files])
    return [file._replace(path=place) for file, place in zip(files, places, strict=True)]


def _fetched_span(span: FileSpan, fetch: Fetch) -> FileSpan:
    """The same of a span; when its files were fetched says nothing of what they are."""
    return span._replace(paths=fetch(span.paths, span.sizes), mtimes_ns=())


def _is_as_scanned(span: FileSpan) -> bool:
    """Whether the files look as the scan saw them, where their times are known."""
    return not span.mtimes_ns or look_like(span.paths, span.sizes, span.mtimes_ns)
