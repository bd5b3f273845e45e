"""Analyzing: what is in each file, and what repeats over all of them.

Each file is read once for its digest, its class and a sample of its d-mers; files that an
earlier run has seen in the same state are not read at all. Samples of distinct contents are
merged to counts over the whole tree; the best d-mers are grown to maximal patterns from the
places that the samples know, and these are counted exactly in one more pass over the distinct
contents.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from ucompress.checksum import digest
from ucompress.database import FileAnalysis, FileStamp
from ucompress.errors import InputError
from ucompress.patterns import PatternSampler, is_sample, merge_samples
from ucompress.pipeline import samples
from ucompress.pipeline.contents import ContentReader, ContentsChangedError, DistinctContent, group_contents
from ucompress.pipeline.file_processor import (
    FileContent,
    FileToRead,
    ParallelFileProcessor,
    as_scanned,
)
from ucompress.pipeline.mining import mine_patterns
from ucompress.progress import PipelinePhase
from ucompress.scan import MemberKind
from ucompress.segments import DENSE, classify

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from ucompress.database import PatternDatabase
    from ucompress.patterns import PatternEntry
    from ucompress.pipeline.kept_counts import KeptCounts
    from ucompress.progress import WorkReporter
    from ucompress.scan import Manifest

ANALYSIS_VERSION = 3
"""Raised when digest, class or sample of the same bytes change."""

CLASSIFIED_BYTES = 1 << 20

PASSES = 2
"""Times that bytes are gone over: sampled, and then, of distinct contents, counted."""

COUNTER_CAPACITY = 2 * samples.SAMPLES


class AnalyzedFile(NamedTuple):
    """A file that was analyzed.

    Attributes:
        entry: its number in the manifest.
        path: its member path.
        sources: where it lies; of a hard-linked file every name.
        size: bytes.
        analysis: digest, class and sample.
    """

    entry: int
    path: bytes
    sources: tuple[bytes, ...]
    size: int
    analysis: FileAnalysis


@dataclass(slots=True)
class Analysis:
    """What analysis found in a tree.

    Attributes:
        contents: the distinct contents.
        content_of: for a manifest entry the ordinal of its content.
        samples: the packed sample of each content.
        counts: d-mer counts over the distinct contents.
        shift: one d-mer in 2^shift was sampled.
    """

    contents: list[DistinctContent]
    content_of: dict[int, int]
    samples: list[bytes]
    counts: NDArray[np.void]
    shift: int

    def forget_samples(self) -> None:
        """Free what only plan and dictionary need."""
        self.samples = []
        self.counts = self.counts[:0].copy()

    @property
    def duplicates(self) -> int:
        """Files whose content is another file's."""
        return len(self.content_of) - len(self.contents)


def analyze_chunk(chunk: Iterator[FileContent], length: int, shift: int) -> list[FileAnalysis | OSError]:
    """`analyze_content` of each file of a chunk; runs in a worker."""
    sampler = PatternSampler(length, samples.threshold(shift))
    return [analyze_content(content, sampler) for content in chunk]


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
        return error
    sample = sampler.take()
    return FileAnalysis(content.digest or digest(b""), kind_class, sample, samples.size(sample))


@dataclass(slots=True)
class ParallelAnalyzer:
    """Finds what repeats in files, over an executor's workers.

    Attributes:
        min_pattern_length: bytes in a d-mer, and the shortest pattern.
        min_frequency: fewest positions at which a pattern must stand.
        database: keeps analyses of files and the patterns found.
        progress_reporter: hears of the phase, of files and bytes as they are done, and of patterns.
        processor: reads the files.
        warn: called with (path, message) for a file that cannot be read.
    """

    min_pattern_length: int
    min_frequency: int
    database: PatternDatabase
    progress_reporter: WorkReporter
    processor: ParallelFileProcessor
    warn: Callable[[bytes, str], None] = field(default=lambda path, message: None)

    def __post_init__(self) -> None:
        """Let the processor report to the same place, unless it has one of its own."""
        if self.processor.reporter is None:
            self.processor = replace(self.processor, reporter=self.progress_reporter)

    def analyze_files(self, files: Iterable[str | bytes | os.PathLike[str]]) -> list[PatternEntry]:
        """The patterns of some files, counted exactly and stored in the database.

        Each path is a file of its own, wherever it lies and whatever it is called; one that is named
        twice counts once. Files that cannot be read are reported through `warn` and left out.

        Raises:
            InputError: a file changed while it was analyzed; nothing was stored.
        """
        wanted = [as_scanned(path) for path in sorted(set(map(os.fsencode, files)))]
        size = sum(file.size for file in wanted)
        self.progress_reporter.enter(PipelinePhase.ANALYZING_PATTERNS, files=len(wanted), size=PASSES * size)
        shift = samples.sampling_shift(size)
        analyzed = []
        results = self._sampled(wanted, shift)
        for number, (file, found) in enumerate(zip(wanted, results, strict=True)):
            self.progress_reporter.advance(files=1, path=file.path)
            if isinstance(found, OSError):
                self.warn(file.path, found.strerror or str(found))
            elif file.size:
                analyzed.append(AnalyzedFile(number, file.path, (file.path,), file.size, found))
        try:
            entries = self.find_patterns(self._merged(analyzed, shift))
        except ContentsChangedError as change:
            raise InputError(f"{change} while they were analyzed; nothing was stored") from change
        self.database.store_patterns(entries)
        return entries

    def analyze_single_file(
        self, file: str | bytes | os.PathLike[str], shift: int = samples.DENSEST_SHIFT
    ) -> FileAnalysis:
        """Digest, class and sample of one file, read here and now.

        Args:
            file: its path.
            shift: one d-mer in 2^shift is kept.

        Raises:
            OSError: the file cannot be read.
        """
        content = self.processor.read_file_content(file)
        (result,) = analyze_chunk(iter([content]), self.min_pattern_length, shift)
        if isinstance(result, OSError):
            raise result
        return result

    def merge_pattern_frequencies(self, packed: Iterable[bytes], shift: int) -> NDArray[np.void]:
        """Counts over many packed samples: the same whatever their order or split."""
        return merge_samples(packed, threshold=samples.threshold(shift), capacity=COUNTER_CAPACITY)

    def analyze_manifest(
        self, manifest: Manifest, *, key_stamp: int | None = None, distrusted: Collection[bytes] = ()
    ) -> Analysis:
        """Analyze every file of a scan.

        Args:
            manifest: the scan.
            key_stamp: wall clock, in nanoseconds, before the scan began; files changed just
                before it are analyzed but not remembered. 0 remembers nothing.
            distrusted: files, by where they lie, that are read even if the database knows them.
        """
        wanted = [
            index
            for index, kind in enumerate(manifest.kinds)
            if kind == MemberKind.FILE and manifest.sizes[index]
        ]
        size = sum(manifest.sizes[index] for index in wanted)
        self.progress_reporter.enter(PipelinePhase.ANALYZING_PATTERNS, files=len(wanted), size=PASSES * size)
        shift = samples.sampling_shift(size)
        analyzed = list(self._analyses(manifest, wanted, shift, key_stamp, distrusted))
        analysis = self._merged(analyzed, shift)
        distinct = sum(content.size for content in analysis.contents)
        self.progress_reporter.expect(size + (PASSES - 1) * distinct)
        return analysis

    def _merged(self, analyzed: list[AnalyzedFile], shift: int) -> Analysis:
        """What files hold together; they come in the order of their paths."""
        contents, ordinals = group_contents(
            (file.path, file.sources, file.size, file.analysis.digest, file.analysis.kind_class)
            for file in analyzed
        )
        of_content: dict[int, bytes] = {}
        for file, ordinal in zip(analyzed, ordinals, strict=True):
            of_content.setdefault(ordinal, file.analysis.sample)
        packed = [of_content[content.ordinal] for content in contents]
        content_of = {file.entry: ordinal for file, ordinal in zip(analyzed, ordinals, strict=True)}
        counts = self.merge_pattern_frequencies(packed, shift)
        return Analysis(contents, content_of, packed, counts, shift)

    def find_patterns(self, analysis: Analysis, kept: KeptCounts | None = None) -> list[PatternEntry]:
        """The patterns of an analyzed tree with exact counts, those that save most first.

        Args:
            analysis: the tree's.
            kept: counts that an interrupted run has taken, and where these are kept; None for none.
        """
        read = ContentReader(analysis.contents, self.processor.held)
        try:
            return mine_patterns(
                analysis.contents,
                analysis.counts,
                analysis.samples,
                read,
                self.processor,
                length=self.min_pattern_length,
                threshold=samples.threshold(analysis.shift),
                min_frequency=self.min_frequency,
                found=self.progress_reporter.found,
                kept=kept,
            )
        finally:
            read.close()

    def _analyses(
        self,
        manifest: Manifest,
        wanted: list[int],
        shift: int,
        key_stamp: int | None,
        distrusted: Collection[bytes],
    ) -> Iterator[AnalyzedFile]:
        """The analysis of each wanted file that can be read, in order; new ones are remembered."""
        parameters = b"%d:%d:%d" % (ANALYSIS_VERSION, self.min_pattern_length, shift)
        sources = manifest.sources(wanted)
        names = _CacheNames(manifest)
        known = self._known(wanted, sources, names, parameters, distrusted) if key_stamp != 0 else {}
        fresh = (
            FileToRead(source, manifest.sizes[index], index)
            for index, source in zip(wanted, sources, strict=True)
            if index not in known
        )
        results = self._sampled(fresh, shift)
        links = _links(manifest)
        pending: list[tuple[bytes, FileStamp, FileAnalysis]] = []
        stored_at = time.monotonic()
        for index, source in zip(wanted, sources, strict=True):
            path, size = manifest.paths[index], manifest.sizes[index]
            found: FileAnalysis | OSError | None = known.get(index)
            if found is None:
                found = next(results)
                if isinstance(found, FileAnalysis) and key_stamp != 0:
                    pending.append((*names(index, source), found))
            # The processor tells of the bytes that it reads.
            self.progress_reporter.advance(files=1, size=size if index in known else 0, path=path)
            if isinstance(found, OSError):
                self.warn(path, found.strerror or str(found))
                continue
            yield AnalyzedFile(index, path, (source, *links.get(path, ())), size, found)
            if len(pending) >= 4096 or (pending and time.monotonic() - stored_at > 1.0):
                self.database.cache.store(pending, parameters, scanned_at_ns=key_stamp)
                pending.clear()
                stored_at = time.monotonic()
        if pending:
            self.database.cache.store(pending, parameters, scanned_at_ns=key_stamp)

    def _sampled(self, files: Iterable[FileToRead], shift: int) -> Iterator[FileAnalysis | OSError]:
        """`analyze_content` of each file, in order, from the workers."""
        visit = partial(analyze_chunk, length=self.min_pattern_length, shift=shift)
        return chain.from_iterable(self.processor.process_files(files, visit))

    def _known(
        self,
        wanted: list[int],
        sources: list[bytes],
        names: _CacheNames,
        parameters: bytes,
        distrusted: Collection[bytes],
    ) -> dict[int, FileAnalysis]:
        if self.database.cache.knows_no_file():
            return {}
        found = self.database.cache.lookup_many(map(names, wanted, sources), parameters)
        return {
            index: analysis
            for index, source, analysis in zip(wanted, sources, found, strict=True)
            if analysis is not None and is_sample(analysis.sample) and source not in distrusted
        }


def _links(manifest: Manifest) -> dict[bytes, list[bytes]]:
    """Where the other names of each hard-linked file lie, by the member path of its primary."""
    links: dict[bytes, list[bytes]] = {}
    for index, target in sorted(manifest.targets.items()):
        if manifest.kinds[index] == MemberKind.HARDLINK:
            links.setdefault(target, []).append(manifest.source(index))
    return links


class _CacheNames:
    """What the cache knows the files of a manifest by; called with an entry and its source.

    A file's name there is absolute, its links unresolved. Only the inputs need be looked at for that: what
    comes below them has no parts like `..`.
    """

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.lengths = [len(root) for root in manifest.roots]
        self.roots = [
            root if root.startswith(b"/") else os.path.abspath(root).rstrip(b"/")  # noqa: PTH100  bytes
            for root in manifest.roots
        ]

    def __call__(self, index: int, source: bytes) -> tuple[bytes, FileStamp]:
        manifest = self.manifest
        root = manifest.inputs[index]
        stamp = FileStamp(
            manifest.sizes[index],
            manifest.mtimes_ns[index],
            manifest.ctimes_ns[index],
            manifest.inodes[index],
            manifest.devices[index],
        )
        return self.roots[root] + source[self.lengths[root] :], stamp
