"""What a worker finds in files: digest, class and sample of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ucompress.checksum import DIGEST_BYTES, digest
from ucompress.database import FileAnalysis
from ucompress.patterns import PatternSampler
from ucompress.pipeline.analysis import samples
from ucompress.pipeline.analysis.analyses import AnalyzedSpan
from ucompress.pipeline.analysis.file_content import (
    FileContent,
    FileSpan,
    FileToRead,
    read_files,
    read_together,
)
from ucompress.segments import DENSE, classify, classify_all

if TYPE_CHECKING:
    from ucompress.pipeline.reading.held import HeldContents

CLASSIFIED_BYTES = 1 << 20


def analyze_span(span: FileSpan, length: int, shift: int, threshold: int, held: HeldContents) -> AnalyzedSpan:
    """Digest, class and sample of each of some files; runs in a worker.

    Args:
        span: the files.
        length: bytes in a d-mer.
        shift: one d-mer in 2^shift is sampled.
        threshold: bytes from which on a file goes through in windows.
        held: keeps what is read whole.
    """
    together = read_together(span, threshold, held)
    if together is None:
        files = list(map(FileToRead, span.paths, span.sizes))
        sampler = PatternSampler(length, samples.threshold(shift))
        several = [
            (analyze_content(content, sampler), content.seen)
            for content in read_files(files, threshold, held)
        ]
        return AnalyzedSpan.of(*zip(*several, strict=True))
    found, digests, places, seen = together
    errors = {at: data for at, data in enumerate(found) if isinstance(data, OSError)}
    datas = [data if isinstance(data, bytes) else b"" for data in found]
    digests = [identity or bytes(DIGEST_BYTES) for identity in digests]
    kinds = classify_all(datas, CLASSIFIED_BYTES)
    sampler = PatternSampler(length, samples.threshold(shift))
    packed = sampler.sample_all(
        [b"" if kind == DENSE else data for kind, data in zip(kinds, datas, strict=True)]
    )
    return AnalyzedSpan(digests, kinds, packed, errors, places, seen)


def analyze_content(content: FileContent, sampler: PatternSampler) -> FileAnalysis | OSError:
    """Digest, class and sample of one file.

    Args:
        content: the open file.
        sampler: takes the sample.

    Returns:
        The analysis, or the reason why the file cannot be read. Compressed data repeats nothing
        and has an empty sample.
    """
    if content.error is not None:
        return content.error
    kind_class = 0
    sampler.begin()
    try:
        for number, window in enumerate(content.windows):
            if number == 0:
                kind_class = classify(window[:CLASSIFIED_BYTES])
            if kind_class != DENSE:
                sampler.feed(window)
    except OSError as error:
        return error.with_traceback(None)
    sample = sampler.take()
    return FileAnalysis(content.digest or digest(b""), kind_class, sample, samples.size(sample))
