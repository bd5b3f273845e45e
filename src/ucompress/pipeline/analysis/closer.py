"""A closer sample of a large tree, for order and dictionary: taken of all contents once more, and not kept.

What analysis keeps is a million d-mers, however large the tree. Of a gigabyte that is one d-mer in a
thousand bytes: too few to tell what a small file is like, or where a window of a dictionary should begin.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from ucompress.checksum import DIGEST_BYTES
from ucompress.codec.levels import ZSTD, codec_of
from ucompress.patterns import PatternSampler
from ucompress.pipeline.analysis import samples
from ucompress.pipeline.analysis.analyses import AnalyzedSpan
from ucompress.pipeline.analysis.file_content import WINDOW_BYTES, FileSpan
from ucompress.pipeline.analysis.file_processor import ParallelFileProcessor
from ucompress.pipeline.analysis.finding import analyze_span
from ucompress.pipeline.analysis.samples import Samples
from ucompress.pipeline.reading.contents import ContentReader
from ucompress.pipeline.reading.spilled import NOWHERE
from ucompress.segments import DENSE
from ucompress.spill import Growing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ucompress.pipeline.reading.distinct import Contents
    from ucompress.pipeline.running.context import RunContext

CLOSE_SHIFT: Final = 7
"""Where analysis has sampled one d-mer in 2^this or more, as it does up to 128 MiB, that is close enough."""

CLOSEST_SHIFT: Final = 6
MOST: Final = 1 << 25
"""At most so many d-mers are sampled; their hashes are spilled."""

MOST_OF_ONE: Final = samples.SAMPLES
"""At most so many of one content: they are in memory together."""

BYTES_SHARED: Final = 8 << 20
BYTES_EACH: Final = 4 * WINDOW_BYTES
BYTES_WAITING: Final = 4 << 20
"""Samples of a chunk, the closest."""


def closer_shift(sizes: NDArray[np.int64], level: int, shift: int) -> int:
    """One d-mer in 2^this is sampled for the plan.

    Args:
        sizes: bytes of each content.
        level: the compression level. Where zstd codes blocks, sampling once more would take too long.
        shift: one d-mer in 2^shift was sampled by analysis.
    """
    if codec_of(level) == ZSTD or shift <= CLOSE_SHIFT:
        return shift
    closer, size, longest = CLOSEST_SHIFT, int(sizes.sum()), int(sizes.max(initial=0))
    while size >> closer > MOST or longest >> closer > MOST_OF_ONE:
        closer += 1
    return min(closer, shift)


def sample_closely(
    context: RunContext, contents: Contents, shift: int
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The hashes of one d-mer in 2^shift of each content, end to end; where each one's begin, their number.

    Raises:
        ContentsChangedError: a file is not what was analyzed any more.
    """
    config, spill = context.config, context.spill
    hashes, starts, done = Growing("Q", spill), spill.zeros(len(contents) + 1, np.int64), 0
    whole = min(config.memory_map_threshold, int(contents.sizes.max(initial=0)))
    visit = partial(
        analyze_span,
        length=config.min_pattern_length,
        shift=shift,
        threshold=config.memory_map_threshold,
        held=context.held,
    )

    def spanned(first: int, after: int) -> FileSpan:
        files = contents.files[contents.first[first:after]].tolist()
        places = contents.all_places(range(first, after))
        sizes = contents.sizes[first:after].tolist()
        return FileSpan(contents.names.first_sources(files), sizes, places=places)

    reader = ContentReader(contents, context.held, context.given_up)
    try:
        with context.workers(
            shared=BYTES_SHARED, each=max(BYTES_EACH, whole), waiting=BYTES_WAITING
        ) as workers:
            processor = ParallelFileProcessor.of(
                context, workers, reporter=context.tracker, held=context.held
            )
            for span in processor.process_spans(spanned, contents.sizes, visit, AnalyzedSpan.some_failed):
                after = done + len(span.samples)
                places = list(span.places)
                for number in _others(contents, done, span):
                    span.samples[number - done] = _sample_again(context, contents, reader, number, shift)
                    if places:
                        places[number - done] = NOWHERE  # that is of other bytes
                if places:
                    contents.places[done:after] = places
                ends = np.cumsum(np.fromiter(map(len, span.samples), np.int64, after - done))
                packed = Samples(bytearray().join(span.samples), np.append(0, ends[:-1]), ends)
                sampled, begins = packed.hashes()
                hashes.tail.frombytes(sampled.tobytes())
                hashes.settle()
                starts[done + 1 : after + 1] = starts[done] + begins[1:]
                done = after
    finally:
        reader.close()
    return hashes.values(), starts


def _others(contents: Contents, first: int, span: AnalyzedSpan) -> Iterator[int]:
    """The contents, from the number `first` on, of which other bytes were read, or none."""
    known = contents.digests[DIGEST_BYTES * first : DIGEST_BYTES * (first + len(span.samples))]
    if b"".join(span.digests) == known:
        return
    for number, digest in enumerate(span.digests, first):
        if digest != contents.digest(number):
            yield number


def _sample_again(
    context: RunContext, contents: Contents, reader: ContentReader, number: int, shift: int
) -> bytes:
    """The sample of a content that its first source does not have any more."""
    content = contents[number]
    if content.size >= context.config.memory_map_threshold and content.digest not in context.held:
        reader.give_up(number)
        return b""
    data = reader.checked(number)
    sampler = PatternSampler(context.config.min_pattern_length, samples.threshold(shift))
    return sampler.sample(b"" if content.kind_class == DENSE else data)
