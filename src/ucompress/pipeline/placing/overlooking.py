"""Planning a tree that workers elsewhere look over: each content once, in the order of the plan."""

from __future__ import annotations

from contextlib import closing, contextmanager
from itertools import chain
from typing import TYPE_CHECKING

from ucompress.config import MIB
from ucompress.pipeline.analysis.file_content import WINDOW_BYTES, FileToRead
from ucompress.pipeline.analysis.file_processor import ParallelFileProcessor
from ucompress.pipeline.placing.looks import Found, Look, Looking, some_unknown
from ucompress.segments import anchor_spacing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ucompress.pipeline.analysis.analyzed_bytes import AnalyzedBytes
    from ucompress.pipeline.placing.looks import Window
    from ucompress.pipeline.placing.parameters import PlanParameters
    from ucompress.pipeline.reading.contents import ContentReader
    from ucompress.pipeline.reading.distinct import Contents
    from ucompress.pipeline.running.context import RunContext

    Told = Iterator[list[Found] | None]


SHARED = 64 * MIB
"""The index of anchors, and earlier windows that are kept for comparing."""

FILES_AT_ONCE = 4096
"""Files that are made ready to be looked at together."""

EACH = 4 * WINDOW_BYTES
WAITING = 2 * MIB
"""What is told of a chunk, at the closest spacing."""


class LookedOver:
    """Contents as the planner walks them: windows that workers have looked at, bytes of all others.

    Args:
        contents: the distinct contents.
        analyzed: gives the bytes of what could not be looked at, and of what was walked before.
        reader: gives the bytes of windows that were looked at.
        processor: reads the files, elsewhere.
        looking: how windows are looked at.
    """

    def __init__(
        self,
        contents: Contents,
        analyzed: AnalyzedBytes,
        reader: ContentReader,
        processor: ParallelFileProcessor,
        looking: Looking,
    ) -> None:
        self._contents = contents
        self._analyzed = analyzed
        self._reader = reader
        self._processor = processor
        self._looking = looking
        self._order: Sequence[int] = ()
        self._told: Told = iter(())
        self._turn = 0
        self._reached = 0
        self._windows: list[Found] | None = None

    def begin(self, order: Sequence[int]) -> None:
        """The contents will be walked in this order."""
        self._order, known = order, self._contents
        files = (
            FileToRead(source, size, content, digest=known.digest(content))
            for first in range(0, len(order), FILES_AT_ONCE)
            for numbers in (order[first : first + FILES_AT_ONCE],)
            for content, source, size in zip(
                numbers, known.first_sources(numbers), known.sizes[numbers].tolist(), strict=True
            )
        )
        told: Iterator[list[list[Found] | None]]
        told = self._processor.process_files(files, self._looking, some_unknown)
        self._told = chain.from_iterable(told)

    def whole(self, contents: Sequence[int]) -> list[Window]:
        """All of some contents of one window each, which are those whose turn it is."""
        sizes = self._contents.sizes[contents].tolist()
        return [self(content, 0, size) for content, size in zip(contents, sizes, strict=True)]

    def __call__(self, content: int, offset: int, length: int) -> Window:
        """The next window of the content whose turn it is."""
        if offset == 0:
            self._windows = next(self._told)
        windows, size = self._windows, self._contents.sizes[content]
        self._reached += length
        if self._reached == size:
            self._turn, self._reached = self._turn + 1, 0
        if windows is None:
            return self._analyzed(content, offset, length)
        found = windows[offset // self._looking.window]
        if length < size:  # else its digest tells
            self._analyzed.note(content, offset, length, found.check)
        return Look(found, lambda: self._reader.matching(content, offset, length, found.check))

    def close(self) -> None:
        """Ask for nothing more."""
        self._told = iter(())


@contextmanager
def looked_over(
    context: RunContext,
    contents: Contents,
    analyzed: AnalyzedBytes,
    reader: ContentReader,
    parameters: PlanParameters,
) -> Iterator[LookedOver]:
    """What gives the planner the contents, while workers elsewhere look them over."""
    total = int(contents.sizes.sum())
    looking = Looking(parameters.window, anchor_spacing(total), parameters.hole)
    with context.workers(shared=SHARED, each=EACH, waiting=WAITING) as workers:
        processor = ParallelFileProcessor.of(context, workers)
        with closing(LookedOver(contents, analyzed, reader, processor, looking)) as read:
            yield read
