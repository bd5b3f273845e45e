"""Analyzing: what is in each file, and what repeats over all of them.

Each file is read once for its digest, its class and a sample of its d-mers; files that an
earlier run has seen in the same state are not read at all. Samples of distinct contents are
merged to counts over the whole tree; the best d-mers are grown to maximal patterns from the
places that the samples know, and these are counted exactly in one more pass over the distinct
contents.
"""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ucompress.database import FileAnalysis
from ucompress.errors import InputError
from ucompress.patterns import PatternSampler, is_sample, merge_samples
from ucompress.pipeline.analysis import samples
from ucompress.pipeline.analysis.analyses import ROWS_LOOKED_UP, AnalyzedSpan, CacheNames, Found, Keeping
from ucompress.pipeline.analysis.file_content import FileSpan
from ucompress.pipeline.analysis.file_processor import ParallelFileProcessor, as_scanned
from ucompress.pipeline.analysis.finding import analyze_content, analyze_span
from ucompress.pipeline.analysis.mining import mine_patterns
from ucompress.pipeline.analysis.samples import Samples
from ucompress.pipeline.reading.contents import ContentReader, ContentsChangedError, GivenUp
from ucompress.pipeline.reading.distinct import ManifestNames, PathNames, group_contents
from ucompress.progress import PipelinePhase
from ucompress.scan import MemberKind
from ucompress.spill import IN_MEMORY, Spill

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from numpy.typing import NDArray

    from ucompress.database import PatternDatabase
    from ucompress.patterns import PatternEntry
    from ucompress.pipeline.analysis.anew import ReadAnew
    from ucompress.pipeline.analysis.kept_counts import KeptCounts
    from ucompress.pipeline.reading.distinct import Contents, Names
    from ucompress.progress import WorkReporter
    from ucompress.scan import Manifest

ANALYSIS_VERSION = 3
"""Raised when digest, class or sample of the same bytes change."""

PASSES = 2
"""Times that bytes are gone over: sampled, and then, of distinct contents, counted."""

COUNTER_CAPACITY = 2 * samples.SAMPLES


@dataclass(slots=True)
class Analysis:
    """What analysis found in a tree.

    Attributes:
        contents: the distinct contents, and which entries of the manifest have them.
        samples: the packed sample of each content.
        shift: one d-mer in 2^shift was sampled.
        remembered: files that were not read, for the database knew them.
        unseen: entries that are still to be looked at; see `Found.unseen`.
        mistaken: entries of which another file or state was read, whatever stands there by now.
        unsteady: member paths of files that changed each time that they were read.
    """

    contents: Contents
    samples: Samples
    shift: int
    remembered: int = 0
    unseen: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    mistaken: list[int] = field(default_factory=list)
    unsteady: frozenset[bytes] = frozenset()
    _counts: NDArray[np.void] | None = None

    @property
    def counts(self) -> NDArray[np.void]:
        """d-mer counts over the distinct contents: merged when first asked for, by one thread alone."""
        if self._counts is None:
            self._counts = _merged_counts(self.samples, self.shift)
        return self._counts

    def forget_samples(self) -> None:
        """Free what only plan and dictionary need."""
        self.samples, self._counts = Samples.none(), None

    @property
    def duplicates(self) -> int:
        """Files whose content is another file's."""
        return len(self.contents.files) - len(self.contents)


def _merged_counts(packed: Iterable[bytes], shift: int) -> NDArray[np.void]:
    return merge_samples(packed, threshold=samples.threshold(shift), capacity=COUNTER_CAPACITY)


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
        spill: keeps columns over all files.
        given_up: takes the contents that change before their patterns are counted.
        anew: reads files of a manifest again that were not read as scanned; None leaves that.
    """

    min_pattern_length: int
    min_frequency: int
    database: PatternDatabase
    progress_reporter: WorkReporter
    processor: ParallelFileProcessor
    warn: Callable[[bytes, str], None] = field(default=lambda path, message: None)
    spill: Spill = IN_MEMORY
    given_up: GivenUp = field(default_factory=GivenUp)
    anew: ReadAnew | None = None

    def __post_init__(self) -> None:
        """Let the processor report to the same place, unless it has one of its own."""
        if self.processor.reporter is None:
            self.processor = replace(self.processor, reporter=self.progress_reporter)

    def analyze_files(self, files: Iterable[str | bytes | os.PathLike[str]]) -> list[PatternEntry]:
        """The patterns of some files, counted exactly and stored in the database.

        For callers that have files and no tree; a run analyzes its scan, by `analyze_manifest`.
        Each path is a file of its own, wherever it lies and whatever it is called; one that is named
        twice counts once. Files that cannot be read are reported through `warn` and left out.

        Raises:
            InputError: a file changed while it was analyzed; nothing was stored.
        """
        wanted = [as_scanned(path) for path in sorted(set(map(os.fsencode, files)))]
        size = sum(file.size for file in wanted)
        self.progress_reporter.enter(PipelinePhase.ANALYZING_PATTERNS, files=len(wanted), size=PASSES * size)
        shift = samples.sampling_shift(size)
        paths = [file.path for file in wanted]
        sizes = np.array([file.size for file in wanted], dtype=np.int64)
        names, every, found = PathNames(paths), np.arange(len(wanted)), Found(len(wanted))
        for rows, span, _ in self._sampled(names, every, sizes, shift):
            found.fill(every[rows], span)
        try:
            entries = self.find_patterns(self._merged(names, every, sizes, found, shift))
        except ContentsChangedError as change:
            raise InputError(f"{change} while they were analyzed; nothing was stored") from change
        self.database.store_patterns(entries)
        self.progress_reporter.found(len(entries))
        return entries

    def analyze_single_file(
        self, file: str | bytes | os.PathLike[str], shift: int = samples.DENSEST_SHIFT
    ) -> FileAnalysis:
        """Digest, class and sample of one file, read here and now, for callers that ask about one alone.

        Args:
            file: its path.
            shift: one d-mer in 2^shift is kept.

        Raises:
            OSError: the file cannot be read.
        """
        content = self.processor.read_file_content(file)
        result = analyze_content(content, PatternSampler(self.min_pattern_length, samples.threshold(shift)))
        if isinstance(result, OSError):
            raise result
        return result

    def merge_pattern_frequencies(self, packed: Iterable[bytes], shift: int) -> NDArray[np.void]:
        """Counts over many packed samples: the same whatever their order or split."""
        return _merged_counts(packed, shift)

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
        all_sizes = np.asarray(manifest.sizes).view(np.int64)
        is_wanted = (np.asarray(manifest.kinds) == MemberKind.FILE) & (all_sizes > 0)
        wanted = self.spill.keep(np.flatnonzero(is_wanted))
        sizes = self.spill.gathered(all_sizes, wanted)
        size = int(sizes.sum())
        self.progress_reporter.enter(PipelinePhase.ANALYZING_PATTERNS, files=len(wanted), size=PASSES * size)
        shift = samples.sampling_shift(size)
        names = ManifestNames(manifest)
        found = self._analyses(manifest, names, wanted, shift, key_stamp, distrusted)
        if self.anew is not None and self.anew.follow:
            sizes = self.spill.gathered(all_sizes, wanted)
        analysis = self._merged(names, wanted, sizes, found, shift)
        analysis.unseen = found.unseen(wanted, analysis.contents)
        analysis.mistaken = found.mistaken
        if self.anew is not None:
            analysis.unsteady = frozenset(map(names.path, self.anew.unsteady))
        self.progress_reporter.expect(size + (PASSES - 1) * int(analysis.contents.sizes.sum()))
        return analysis

    def _merged(
        self, names: Names, files: NDArray[np.int64], sizes: NDArray[np.int64], found: Found, shift: int
    ) -> Analysis:
        """What files hold together; they come in the order of their paths."""
        rows = np.flatnonzero(found.readable & (sizes > 0))
        columns = files, sizes, found.digests, found.kind_classes
        if len(rows) < len(files):
            columns = files[rows], sizes[rows], found.digests[rows], found.kind_classes[rows]
        contents, firsts = group_contents(names, *columns, self.spill)
        packed = found.samples(rows[firsts])
        found.tell_places(rows[firsts], contents)
        self.spill.release()
        return Analysis(contents, packed, shift, found.remembered)

    def find_patterns(self, analysis: Analysis, kept: KeptCounts | None = None) -> list[PatternEntry]:
        """The patterns of an analyzed tree with exact counts, those that save most first.

        Args:
            analysis: the tree's.
            kept: counts that an interrupted run has taken, and where these are kept; None for none.
        """
        with closing(ContentReader(analysis.contents, self.processor.held, self.given_up)) as read:
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
                given_up=self.given_up,
            )

    def _analyses(
        self,
        manifest: Manifest,
        names: Names,
        wanted: NDArray[np.int64],
        shift: int,
        key_stamp: int | None,
        distrusted: Collection[bytes],
    ) -> Found:
        """The analysis of each wanted entry, in order; new ones are remembered."""
        parameters = b"%d:%d:%d" % (ANALYSIS_VERSION, self.min_pattern_length, shift)
        cached = CacheNames(manifest)
        found = Found(len(wanted), self.spill)
        if key_stamp != 0 and not self.database.cache.knows_no_file():
            self._look_up(manifest, wanted, cached, parameters, distrusted, found)
        fresh = self.spill.keep(np.flatnonzero(~found.readable))
        files = self.spill.gathered(wanted, fresh)
        kept = Keeping(self.database.cache, parameters, key_stamp)
        columns = np.asarray(manifest.mtimes_ns), np.asarray(manifest.sizes)
        times, sizes = (self.spill.gathered(column, files) for column in columns)
        for rows, span, good in self._sampled(names, files, sizes, shift, times):
            found.fill(fresh[rows], span)
            if self.anew is not None:
                found.judge(fresh[rows], files[rows], good, elsewhere=self.anew.elsewhere)
            if key_stamp != 0:
                kept.add(cached, files[rows], span, self._certain(files[rows], good))
        kept.store()
        return found

    def _sampled(
        self,
        names: Names,
        files: NDArray[np.int64],
        sizes: NDArray[np.integer[Any]],
        shift: int,
        mtimes_ns: NDArray[np.int64] | None = None,
    ) -> Iterator[tuple[slice, AnalyzedSpan, NDArray[np.bool_]]]:
        """`analyze_span` of files, in order, from the workers, with their places; what failed is told.

        With them comes which are known to be of the files that were to be read; all, where that is not asked.
        """
        processor = self.processor
        visit = partial(
            analyze_span,
            length=self.min_pattern_length,
            shift=shift,
            threshold=processor.memory_map_threshold,
            held=processor.held,
        )

        def spanned(first: int, after: int) -> FileSpan:
            part = slice(first, after)
            times = () if mtimes_ns is None else mtimes_ns[part].tolist()
            return FileSpan(names.first_sources(files[part].tolist()), sizes[part].tolist(), times)

        first = 0
        for span in processor.process_spans(spanned, sizes, visit, AnalyzedSpan.some_failed):
            after = first + len(span.samples)
            good = np.ones(after - first, dtype=np.bool_)
            if self.anew is not None:
                span, good = self.anew(files[first:after], names, span, visit)
            for at, error in span.errors.items():
                self.warn(names.path(int(files[first + at])), error.strerror or str(error))
            # The processor tells of the bytes that it reads.
            self.progress_reporter.advance(files=after - first, path=names.path(int(files[after - 1])))
            yield slice(first, after), span, good
            first = after

    def _certain(self, entries: NDArray[np.int64], good: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Of which entries it is known that they had these bytes when they looked as the manifest tells."""
        if self.anew is None or not self.anew.unsteady:
            return good
        return good & ~np.isin(entries, list(self.anew.unsteady))

    def _look_up(
        self,
        manifest: Manifest,
        wanted: NDArray[np.int64],
        names: CacheNames,
        parameters: bytes,
        distrusted: Collection[bytes],
        found: Found,
    ) -> None:
        """Fill in what earlier runs have found of the wanted entries."""
        for first in range(0, len(wanted), ROWS_LOOKED_UP):
            entries = wanted[first : first + ROWS_LOOKED_UP].tolist()
            sources = manifest.sources(entries)
            known = self.database.cache.lookup_many(map(names, entries, sources), parameters)
            rows, analyses = [], []
            for row, (index, source, analysis) in enumerate(zip(entries, sources, known, strict=True), first):
                if analysis is None or source in distrusted or not is_sample(analysis.sample):
                    continue
                rows.append(row)
                analyses.append(analysis)
                path = manifest.paths[index]
                self.progress_reporter.advance(files=1, size=manifest.sizes[index], path=path)
            found.fill(np.array(rows, dtype=np.int64), AnalyzedSpan.of(analyses))
            found.remembered += len(rows)
