"""From a scan to an analysis on which the rest can build, while files may change all the time."""

from __future__ import annotations

import os
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ucompress.checksum import digest
from ucompress.config import MIB
from ucompress.pipeline.analysis.analyzer import ParallelAnalyzer
from ucompress.pipeline.analysis.anew import KEPT_CHANGING, ReadAnew
from ucompress.pipeline.analysis.file_content import WINDOW_BYTES
from ucompress.pipeline.analysis.file_processor import ParallelFileProcessor
from ucompress.pipeline.analysis.kept_counts import COUNTS, KeptCounts
from ucompress.pipeline.jobs import job as jobs
from ucompress.pipeline.reading.contents import ContentsChangedError, GivenUp
from ucompress.pipeline.reading.held import KEEPING_BYTES
from ucompress.pipeline.reading.spans import read_many
from ucompress.pipeline.reading.spilled import NOWHERE
from ucompress.pipeline.running.lending import Remote
from ucompress.pipeline.writing.coding import most_coding_memory
from ucompress.pipeline.writing.entries import report_lost_links
from ucompress.progress import PipelinePhase
from ucompress.scan import look_again, not_as_scanned
from ucompress.scan.ahead import ReadAhead
from ucompress.scan.opening import look_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from ucompress.config import CompressionConfig
    from ucompress.pipeline.analysis.analyzer import Analysis
    from ucompress.pipeline.reading.distinct import DistinctContent
    from ucompress.pipeline.running.context import RunContext, Workers
    from ucompress.scan import Manifest

PATTERNS_DONE = "patterns"
BYTES_EACH = 4 * WINDOW_BYTES
BYTES_WAITING = MIB
BYTES_SHARED = 80 * MIB

LOOKED_AT_ONCE = 4096

ATTEMPTS = 3
"""The round that what changes puts no end to."""

MOST_ATTEMPTS = 2 * ATTEMPTS
"""The round in which files are given up that cannot be read, though others stand there by now."""

T = TypeVar("T")


def analysis_memory(config: CompressionConfig, manifest: Manifest) -> tuple[int, int]:
    """Bytes that all workers of an analysis share, and bytes for each: what it reads whole among them."""
    whole = min(config.memory_map_threshold, max(manifest.sizes, default=0))
    return BYTES_SHARED, max(BYTES_EACH, whole)


@dataclass(slots=True)
class Survey:
    """Analyzes a tree, again where it changed meanwhile.

    Attributes:
        context: the run.
        manifest: what the scan found; brought up to date where files turn out to have changed.
        scanned_at: wall clock, in nanoseconds, before the first file was looked at.
        source_key: names the tree whose pattern counts are replaced.
        reclaim: called with each new manifest, for that is another job.
    """

    context: RunContext
    manifest: Manifest
    scanned_at: int
    source_key: bytes
    reclaim: Callable[[Manifest], None]
    _failed: dict[bytes, str] = field(default_factory=dict)

    def settle(self, prepare: Callable[[Analysis], T]) -> tuple[Analysis, T]:
        """Analyze the tree, and prepare what the blocks stand on.

        Where a file turns out to have changed, all files are looked at again, and it is as if they had
        been found like that: those that did not change are taken from the database. What is gone is
        reported. However long files go on changing, the third round is the last that prepares anything:
        what is held in memory is packed as it was when it was read, and other contents that turn out to have
        changed are given up, for errata to store their files at the end.

        Args:
            prepare: makes something of an analysis; may raise `ContentsChangedError`.

        Returns:
            The last analysis, and what `prepare` made of it.
        """
        distrusted: frozenset[bytes] = frozenset()
        for attempt in range(1, MOST_ATTEMPTS + 1):
            last = attempt >= ATTEMPTS
            self.context.given_up = GivenUp(allowed=last)
            try:
                analysis = self.analyze(
                    distrusted, as_it_comes=last, here=attempt > 1, at_last=attempt >= MOST_ATTEMPTS
                )
                prepared = prepare(analysis)
                changed = self._held_and_changed(analysis)
                if not last:
                    GivenUp().add(changed)
                self._tell_what_changed(changed, analysis.unsteady)
                self._tell_what_failed()
                return analysis, prepared
            except ContentsChangedError as change:
                distrusted = change.sources
            # What is read now is what changed: that is what room is for.
            self.context.held.make_way(sum(map(_to_hold, distrusted)))
            self.manifest, gone = look_again(self.manifest)
            for note in gone:
                self.context.fail_on(note.path, note.message)
            self.reclaim(self.manifest)
            self.context.tracker.begin_again(PipelinePhase.ANALYZING_PATTERNS)
        raise AssertionError("not reached: what changes ends no round of the last")

    def analyze(
        self, distrusted: frozenset[bytes], *, as_it_comes: bool, here: bool = False, at_last: bool = False
    ) -> Analysis:
        """Analyze every file; what cannot be read is reported.

        Args:
            distrusted: files, by where they lie, that are read even if the database knows them.
            as_it_comes: take a file that has changed since the scan, such as a log that is being
                written, if it can be read; a shorter one is taken as it is now.
            here: on this machine: workers elsewhere may have been wrong about a file.
            at_last: report what cannot be read, whatever stands there now.

        Raises:
            ContentsChangedError: files have changed since the scan.
        """
        manifest, context = self.manifest, self.context
        failed: dict[bytes, str] = {}
        shared, each = analysis_memory(context.config, manifest)
        coding = most_coding_memory(context.config.level, manifest.sizes, context.dictionary)
        context.hold_contents(max(shared + context.wanted_threads * each, sum(coding)))
        with (
            ReadAhead() as ahead,
            context.workers(shared=shared, each=each, waiting=BYTES_WAITING, here=here) as workers,
        ):
            analyzer = self._analyzer(workers, failed.__setitem__, ahead)
            elsewhere = isinstance(workers.executor, Remote)
            analyzer.anew = ReadAnew(manifest, follow=as_it_comes, elsewhere=elsewhere)
            analysis = analyzer.analyze_manifest(manifest, key_stamp=self.scanned_at, distrusted=distrusted)
        if as_it_comes:
            indexes = np.array([bisect_left(manifest.paths, path) for path in failed], dtype=np.int64)
        else:
            indexes = analysis.unseen
        moved = [] if at_last else {*not_as_scanned(manifest, indexes), *analysis.mistaken}
        if moved:
            raise ContentsChangedError(map(manifest.source, moved))
        self._failed = failed
        return analysis

    def _tell_what_changed(self, held: list[DistinctContent], unsteady: frozenset[bytes]) -> None:
        """Report contents that are packed as they were read, and that their files have no more."""
        for content in held:
            if content.path in unsteady:
                self.context.fail_on(content.path, KEPT_CHANGING)
            else:
                place = os.fsdecode(content.sources[0])
                self.context.warnings.append(f"{place} changed while it was packed; stored as it was before")

    def _tell_what_failed(self) -> None:
        """Report what the round that counts could not read, and what was lost with it."""
        for note in self.manifest.errors:
            self.context.fail_on(note.path, note.message, packed=note.packed)
        for path, message in self._failed.items():
            self.context.fail_on(path, message)
        report_lost_links(self.context, self.manifest, self._failed.keys())

    def corpus_key(self, analysis: Analysis) -> bytes:
        """What stands for the distinct contents and all that plan and dictionary depend on."""
        context = self.context
        return jobs.corpus_key(context.config, analysis.contents, analysis.shift, context.dictionary)

    def find_patterns(self, analysis: Analysis, key: bytes) -> None:
        """Count the patterns unless that was done for the corpus of that key.

        Raises:
            ContentsChangedError: a file is not what was analyzed any more.
        """
        context = self.context
        database = context.database
        if database.cache.artifact(self.source_key, PATTERNS_DONE) != key:
            # Until all of the tree's counts have been replaced, they are nobody's.
            database.cache.forget_artifacts(self.source_key)
            kept = KeptCounts(context.savepoint(key, COUNTS))
            shared, each = analysis_memory(context.config, self.manifest)
            with context.workers(shared=shared, each=each, waiting=BYTES_WAITING) as workers:
                entries = self._analyzer(workers).find_patterns(analysis, kept)
            database.replace_patterns(self.source_key, entries)
            if not context.given_up.contents:
                database.cache.store_artifact(self.source_key, PATTERNS_DONE, key)
            kept.forget()
        else:
            context.tracker.expect(context.tracker.bytes)
        context.tracker.found(database.pattern_count(self.source_key))

    def _held_and_changed(self, analysis: Analysis) -> list[DistinctContent]:
        """The contents in memory that their first file does not have any more: a look; in doubt, reading."""
        contents, held = analysis.contents, self.context.held
        changed: list[DistinctContent] = []
        for begin in range(0, len(contents) if held.size or held.spilled.size else 0, LOOKED_AT_ONCE):
            numbers = range(begin, min(begin + LOOKED_AT_ONCE, len(contents)))
            # Of files with the same bytes, the first alone stands for all.
            files = contents.files[contents.first[numbers.start : numbers.stop]].tolist()
            columns = files, numbers, contents.all_digests(numbers), contents.all_places(numbers)
            looked = {
                file: number
                for file, number, identity, place in zip(*columns, strict=True)
                if place != NOWHERE or identity in held
            }
            for index in not_as_scanned(self.manifest, list(looked), untouched=True):
                self.context.guard.check()
                content = contents[looked[index]]
                (found,) = read_many([(content.sources[0], 0, content.size)])
                if isinstance(found, OSError) or digest(found) != content.digest:
                    changed.append(content)
            contents.spill.release()
        return changed

    def _analyzer(
        self,
        workers: Workers,
        warn: Callable[[bytes, str], None] = lambda path, message: None,
        ahead: ReadAhead | None = None,
    ) -> ParallelAnalyzer:
        context = self.context
        config = context.config
        processor = ParallelFileProcessor.of(
            context,
            workers,
            held=context.held,
            ahead=None if isinstance(workers.executor, Remote) else ahead,
        )
        return ParallelAnalyzer(
            config.min_pattern_length,
            config.min_frequency,
            context.database,
            context.tracker,
            processor,
            warn=warn,
            spill=context.spill,
            given_up=context.given_up,
        )


def _to_hold(source: bytes) -> int:
    """What a file's content is charged in memory, nothing if there is none any more."""
    try:
        return KEEPING_BYTES + look_at(source).st_size
    except OSError:
        return 0
