"""Patterns of an analyzed tree, in two passes over its distinct contents.

The first pass finds some places of the d-mers that are spread widest, from which maximal
patterns grow; the second counts those exactly, each content weighted by the files that have it.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from ucompress.patterns import PatternLocator, PatternTally, entries, grow, select_candidates
from ucompress.pipeline.executors import kept_in_worker
from ucompress.pipeline.file_processor import FileToRead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from ucompress.patterns import PatternEntry
    from ucompress.pipeline.contents import ContentReader, DistinctContent
    from ucompress.pipeline.file_processor import FileContent, ParallelFileProcessor

LOCATED_BOUND = 16
"""Places of a d-mer from which a pattern grows."""


def mine_patterns(
    contents: list[DistinctContent],
    counts: NDArray[np.void],
    read: ContentReader,
    processor: ParallelFileProcessor,
    *,
    length: int,
    min_frequency: int,
    advance: Callable[[int, int, bytes | None], None],
) -> list[PatternEntry]:
    """What repeats in `contents`, counted exactly, most bytes saved first.

    Args:
        contents: the distinct contents.
        counts: d-mer counts over them.
        read: gives spans of them.
        processor: reads them whole.
        length: bytes in a d-mer.
        min_frequency: fewest positions of a pattern, over all files.
        advance: called as work is done; what it raises ends the work.
    """
    candidates = select_candidates(counts, min(min_frequency, 2))
    if not len(candidates):
        return []
    files = [
        FileToRead(content.sources[0], content.size, content.ordinal, content.multiplicity)
        for content in contents
    ]
    hashes = candidates["hash"].tobytes()
    locator = _locator(hashes, length)
    for places in processor.process_files(files, partial(_locate, hashes=hashes, length=length)):
        locator.merge(places)
        advance(0, 0, None)
    patterns = tuple(
        grow(
            locator.places(),
            read,
            [content.size for content in contents],
            length,
            min_frequency=min(min_frequency, 2),
        )
    )
    tally = PatternTally(patterns, length)
    for counts in processor.process_files(files, partial(_count, patterns=patterns, length=length)):
        tally.merge(counts)
        advance(0, 0, None)
    return entries(patterns, tally.counts(), min_frequency)


def _locator(hashes: bytes, length: int) -> PatternLocator:
    return PatternLocator(np.frombuffer(hashes, np.uint64), length, LOCATED_BOUND)


def _locate(chunk: Iterator[FileContent], hashes: bytes, length: int) -> NDArray[np.void]:
    """Places of the hashed d-mers in a chunk of files; runs in a worker."""
    locator = kept_in_worker(_locator, hashes, length)
    _feed(locator, chunk, attrgetter("document"))
    return locator.take()


def _count(chunk: Iterator[FileContent], patterns: tuple[bytes, ...], length: int) -> NDArray[np.void]:
    """Exact counts of the patterns in a chunk of files; runs in a worker."""
    tally = kept_in_worker(PatternTally, patterns, length)
    _feed(tally, chunk, attrgetter("weight"))
    return tally.take()


def _feed(
    kernel: PatternLocator | PatternTally, chunk: Iterator[FileContent], number: Callable[[FileToRead], int]
) -> None:
    """Show a kernel the files that can be read, each begun with its number."""
    for content in chunk:
        with suppress(OSError):
            kernel.begin(number(content.file))
            for window in content.windows:
                kernel.feed(window)
