"""Patterns of an analyzed tree, in two passes over its distinct contents.

The first pass finds some places of the d-mers that are spread widest, from which maximal
patterns grow; the second counts those exactly, each content weighted by the files that have it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ucompress.patterns import PatternLocator, PatternTally, entries, grow, select_candidates
from ucompress.pipeline.file_processor import FileToRead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
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
    locator = PatternLocator(candidates["hash"], length, LOCATED_BOUND)
    for places in processor.process_files(files, partial(_locate, hashes=candidates["hash"], length=length)):
        locator.merge(places)
        advance(0, 0, None)
    patterns = grow(
        locator.places(),
        read,
        [content.size for content in contents],
        length,
        min_frequency=min(min_frequency, 2),
    )
    tally = PatternTally(patterns, length)
    for counted in processor.process_files(files, partial(_count, patterns=patterns, length=length)):
        tally.merge(counted)
        advance(0, 0, None)
    return entries(patterns, tally.counts(), min_frequency)


def _locate(chunk: Iterator[FileContent], hashes: NDArray[np.uint64], length: int) -> NDArray[np.void]:
    """Places of the hashed d-mers in a chunk of files; runs in a worker."""
    locator = PatternLocator(hashes, length, LOCATED_BOUND)
    for content in chunk:
        try:
            locator.begin(content.file.document)
            for window in content.windows:
                locator.feed(window)
        except OSError:
            continue
    return locator.places()


def _count(chunk: Iterator[FileContent], patterns: list[bytes], length: int) -> NDArray[np.void]:
    """Exact counts of the patterns in a chunk of files; runs in a worker."""
    tally = PatternTally(patterns, length)
    for content in chunk:
        try:
            tally.begin(content.file.weight)
            for window in content.windows:
                tally.feed(window)
        except OSError:
            continue
    return tally.counts()
