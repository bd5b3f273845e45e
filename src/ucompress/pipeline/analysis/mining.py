"""Patterns of an analyzed tree, with one pass over its distinct contents.

The samples of the contents know some places of the d-mers that are spread widest, from which
maximal patterns grow; the pass counts those exactly, each content weighted by the files that have it.
Every pattern holds a sampled d-mer, so of a content that is read whole it looks at sampled places alone.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ucompress.patterns import TALLY_DTYPE, PatternLocator, PatternTally, entries, grow, select_candidates
from ucompress.pipeline.analysis.file_content import FileToRead
from ucompress.pipeline.reading.contents import GivenUp
from ucompress.pipeline.running.executors import kept_in_worker
from ucompress.segments import DENSE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from ucompress.patterns import PatternEntry
    from ucompress.pipeline.analysis.file_content import FileContent
    from ucompress.pipeline.analysis.file_processor import ParallelFileProcessor
    from ucompress.pipeline.analysis.kept_counts import KeptCounts
    from ucompress.pipeline.analysis.samples import Samples
    from ucompress.pipeline.reading.contents import ContentReader
    from ucompress.pipeline.reading.distinct import Contents

LOCATED_BOUND = 8
"""Places of a d-mer from which a pattern grows."""

FILES_AT_ONCE = 4096
"""Files that are made ready to be read together."""


def mine_patterns(
    contents: Contents,
    counts: NDArray[np.void],
    samples: Samples,
    read: ContentReader,
    processor: ParallelFileProcessor,
    *,
    length: int,
    threshold: int,
    min_frequency: int,
    found: Callable[[int], None],
    kept: KeptCounts | None = None,
    given_up: GivenUp | None = None,
) -> list[PatternEntry]:
    """What repeats in `contents`, counted exactly, most bytes saved first.

    Args:
        contents: the distinct contents.
        counts: d-mer counts over them.
        samples: the packed sample of each.
        read: gives spans of them.
        processor: reads them whole.
        length: bytes in a d-mer.
        threshold: highest d-mer hash that was sampled.
        min_frequency: fewest positions of a pattern, over all files.
        found: called with the number of patterns that stand often enough as far as they are counted.
        kept: counts that an interrupted run has taken, and where these are kept; None for none.
        given_up: what becomes of contents that changed; None: they may not have.

    Raises:
        ContentsChangedError: a file is not what was analyzed any more.
    """
    given_up = GivenUp() if given_up is None else given_up
    candidates = select_candidates(counts, min(min_frequency, 2))
    if not len(candidates):
        return []
    sizes = contents.sizes
    places = _places(candidates["hash"], samples, sizes, length)
    patterns = tuple(grow(places, read.many, sizes, length, min_frequency=min(min_frequency, 2)))
    count = partial(_count, patterns=patterns, length=length, threshold=threshold)
    done, total = 0, np.zeros(len(patterns), dtype=TALLY_DTYPE)
    if kept is not None:
        done, total = kept.begin(patterns, len(contents))
    for counts, counted, changed in processor.process_files(
        _files(contents, samples, done), count, _some_changed
    ):
        given_up.add([contents[ordinal] for ordinal in changed])
        for column in TALLY_DTYPE.names or ():
            total[column] += counts[column]
        done += counted
        if kept is not None:
            kept.note(done, total)
        found(int(np.count_nonzero(total["frequency"] >= min_frequency)))
    frequent = entries(patterns, total, min_frequency)
    found(len(frequent))
    return frequent


def _files(contents: Contents, samples: Samples, first: int) -> Iterator[FileToRead]:
    """The contents from number `first` on, as files to read, each with its sample."""
    kinds = contents.kind_classes
    for begin in range(first, len(contents), FILES_AT_ONCE):
        numbers = range(begin, min(begin + FILES_AT_ONCE, len(contents)))
        rows = slice(numbers.start, numbers.stop)
        columns = (
            contents.first_sources(numbers),
            contents.sizes[rows].tolist(),
            numbers,
            contents.multiplicities[rows].tolist(),
            contents.all_digests(numbers),
            # Of compressed contents no sample was taken.
            [
                b"" if kind == DENSE else sample
                for kind, sample in zip(kinds[rows], samples[rows], strict=True)
            ],
            contents.all_places(numbers),
        )
        yield from map(FileToRead._make, zip(*columns, strict=True))


def _places(
    hashes: NDArray[np.uint64], samples: Samples, sizes: NDArray[np.int64], length: int
) -> NDArray[np.void]:
    """Some places of the hashed d-mers, each within its content whatever a kept sample may say."""
    locator = PatternLocator(hashes, length, LOCATED_BOUND)
    locator.merge_samples(samples)
    places = locator.places()
    within = places["offset"] + np.uint64(length) <= sizes[places["document"]].astype(np.uint64)
    kept: NDArray[np.void] = places[within]
    return kept


def _some_changed(counted: tuple[NDArray[np.void], int, list[int]]) -> bool:
    """Whether a file of a chunk was not what was analyzed any more."""
    return bool(counted[2])


def _count(
    chunk: Iterator[FileContent], patterns: tuple[bytes, ...], length: int, threshold: int
) -> tuple[NDArray[np.void], int, list[int]]:
    """Exact counts of the patterns in a chunk, of how many files, and which changed; runs in a worker."""
    tally = kept_in_worker(PatternTally, patterns, length)
    changed = []
    sampled = tally.threshold <= threshold
    files = 0
    for content in chunk:
        files += 1
        file = content.file
        if sampled and file.sample and content.digest == file.digest:
            (whole,) = content.windows
            try:
                tally.update_sampled(whole, file.sample, file.weight)
            except ValueError:  # a kept sample may be one of something else
                tally.update(whole, file.weight)
            continue
        tally.begin(file.weight)
        with suppress(OSError):
            for window in content.windows:
                tally.feed(window)
        if content.digest != file.digest:
            changed.append(file.document)
    return tally.take(), files, changed
