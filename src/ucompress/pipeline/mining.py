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
from ucompress.pipeline.contents import insist_on_none
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
    found: Callable[[int], None],
) -> list[PatternEntry]:
    """What repeats in `contents`, counted exactly, most bytes saved first.

    Args:
        contents: the distinct contents.
        counts: d-mer counts over them.
        read: gives spans of them.
        processor: reads them whole.
        length: bytes in a d-mer.
        min_frequency: fewest positions of a pattern, over all files.
        found: called with the number of patterns that stand often enough as far as they are counted.

    Raises:
        ContentsChangedError: a file is not what was analyzed any more.
    """
    candidates = select_candidates(counts, min(min_frequency, 2))
    if not len(candidates):
        return []
    files = [
        FileToRead(content.sources[0], content.size, content.ordinal, content.multiplicity, content.digest)
        for content in contents
    ]
    hashes = candidates["hash"].tobytes()
    locator = _locator(hashes, length)
    for places, changed in processor.process_files(files, partial(_locate, hashes=hashes, length=length)):
        insist_on_none([contents[ordinal] for ordinal in changed])
        locator.merge(places)
    patterns = tuple(
        grow(
            locator.places(),
            read.many,
            [content.size for content in contents],
            length,
            min_frequency=min(min_frequency, 2),
        )
    )
    tally = PatternTally(patterns, length)
    for counts, changed in processor.process_files(files, partial(_count, patterns=patterns, length=length)):
        insist_on_none([contents[ordinal] for ordinal in changed])
        tally.merge(counts)
        found(int(np.count_nonzero(tally.counts()["frequency"] >= min_frequency)))
    frequent = entries(patterns, tally.counts(), min_frequency)
    found(len(frequent))
    return frequent


def _locator(hashes: bytes, length: int) -> PatternLocator:
    return PatternLocator(np.frombuffer(hashes, np.uint64), length, LOCATED_BOUND)


def _locate(chunk: Iterator[FileContent], hashes: bytes, length: int) -> tuple[NDArray[np.void], list[int]]:
    """Places of the hashed d-mers in a chunk of files, and which contents changed; runs in a worker."""
    locator = kept_in_worker(_locator, hashes, length)
    changed = _feed(locator, chunk, attrgetter("document"))
    return locator.take(), changed


def _count(
    chunk: Iterator[FileContent], patterns: tuple[bytes, ...], length: int
) -> tuple[NDArray[np.void], list[int]]:
    """Exact counts of the patterns in a chunk of files, and which contents changed; runs in a worker."""
    tally = kept_in_worker(PatternTally, patterns, length)
    changed = _feed(tally, chunk, attrgetter("weight"))
    return tally.take(), changed


def _feed(
    kernel: PatternLocator | PatternTally, chunk: Iterator[FileContent], number: Callable[[FileToRead], int]
) -> list[int]:
    """Show a kernel files, each begun with its number; which of them are not what was analyzed."""
    changed = []
    for content in chunk:
        kernel.begin(number(content.file))
        with suppress(OSError):
            for window in content.windows:
                kernel.feed(window)
        if content.digest != content.file.digest:
            changed.append(content.file.document)
    return changed
