"""The orchestrator: runs the phases in order, owns threads, checkpoints and signals."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ucompress.archive import Occupant
from ucompress.config import MEMORY, MIB
from ucompress.database import JobState, PatternDatabase
from ucompress.errors import InterruptedJobError, JobBusyError, NoJobError, ResumeFailedError
from ucompress.lazy import load_meanwhile
from ucompress.pipeline.jobs import job as jobs
from ucompress.pipeline.jobs import stopping
from ucompress.pipeline.jobs.description import describe, was_interrupted
from ucompress.pipeline.jobs.given import given_dictionary
from ucompress.pipeline.jobs.refusals import (
    partial_path,
    refuse_bad_inputs,
    refuse_impossible,
    refuse_strange_database,
    refuse_strangers,
    refuse_to_lose,
    refuse_to_replace,
)
from ucompress.pipeline.running.context import RunContext, spill_of
from ucompress.pipeline.running.interrupts import InterruptGuard
from ucompress.pipeline.running.lending import Remote, hired
from ucompress.pipeline.running.memory import (
    DATABASE_BYTES,
    MemoryBudget,
    bytes_of_others,
    peak_resident_bytes,
)
from ucompress.pipeline.running.tracker import RunTracker
from ucompress.pipeline.summary import number_of, packed_files, summarize
from ucompress.pipeline.survey import Survey, analysis_memory
from ucompress.pipeline.writing.coding import most_coding_memory
from ucompress.progress import PipelinePhase, ProgressReporter, ProgressSnapshot, progress_document
from ucompress.scan import Manifest, MemberKind, scan
from ucompress.scan.rules import locator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor
    from contextlib import AbstractContextManager

    from ucompress.config import CompressionConfig
    from ucompress.patterns import PatternEntry
    from ucompress.pipeline.analysis.analyzer import Analysis
    from ucompress.pipeline.writing.groundwork import Groundwork
    from ucompress.progress import CompressionResult, PipelineState, Renderer

    JobName = Callable[[CompressionConfig, Manifest, bytes | None], bytes]


LATER = ("placing.planning", "writing.groundwork", "writing.packing")
"""Modules that a run needs once the tree is analyzed."""


class PipelineOrchestrator:
    """Packs a tree: scans, analyzes, builds the dictionary, compresses; resumable at any point.

    Runs as often as it is asked to, one run at a time.

    Args:
        config: what is to be done.
        executor: where the work runs; None makes threads. Tasks pickle, so it may be one of
            other processes, or of other machines (`DaskExecutor`).
        renderer: shows progress; None shows nothing.

    Example:
        >>> config = CompressionConfig(inputs=(Path("src"),), output=Path("src.ucz"))
        >>> result = PipelineOrchestrator(config).run()  # doctest: +SKIP
    """

    def __init__(
        self, config: CompressionConfig, *, executor: Executor | None = None, renderer: Renderer | None = None
    ) -> None:
        refuse_strangers(executor, renderer)
        self.config = config
        self.guard = InterruptGuard()
        self.reporter = self._new_reporter(renderer)
        self._renderer = renderer
        self._used = False
        self._executor = executor
        self._cpu_at_start = 0.0
        self.unreadable: list[tuple[bytes, str]] = []
        self.warnings: tuple[str, ...] = ()

    def run(self) -> CompressionResult:
        """Do the whole job, or what an interrupted run of it left to do.

        Returns:
            Sizes, counts, seconds by phase, and what could not be read.

        Raises:
            InterruptedJobError: a signal came; the message says what is kept.
            CompressionError: the job stopped; see the subclasses. The output does not exist,
                or is what it was before.
        """
        return self._run(must_resume=False)

    def resume_from_checkpoint(self) -> CompressionResult:
        """Continue an interrupted run of this job; inputs that have changed since are packed as they are now.

        Raises:
            ResumeFailedError: no interrupted run of this job is known.
            InterruptedJobError, CompressionError: as `run`.
        """
        return self._run(must_resume=True)

    def analyze(self) -> list[PatternEntry]:
        """Scan and analyze only: fill the database with the tree's patterns; the output does not matter.

        Inputs that could not be read stand in `unreadable` afterwards, what else went otherwise than
        expected in `warnings`.
        """
        self._begin()
        refuse_bad_inputs(self.config)
        with self._working(jobs.analysis_key) as context:
            database, job = context.database, None
            try:
                manifest, scanned_at = self._scan(context)
                job = self._claim(context, jobs.analysis_key, manifest, remember=False)
                self._observe(context, job)
                survey = self._survey(context, manifest, scanned_at, job)
                analysis, _ = survey.settle(
                    lambda analysis: survey.find_patterns(analysis, survey.corpus_key(analysis))
                )
                context.tracker.complete(*packed_files(survey.manifest, analysis))
            except (InterruptedJobError, KeyboardInterrupt) as error:
                raise stopping.interrupted_analysis(error, context) from None
            finally:
                # There is nothing to resume: the next analysis takes unchanged files from the cache.
                if job is not None:
                    database.jobs.discard(job.number)
            self.unreadable = context.unreadable
            self.warnings = (*database.warnings, *context.warnings)
            return database.top_patterns(source_key=job.source_key)

    @contextmanager
    def _working(self, name: JobName) -> Iterator[RunContext]:
        """A run with all that it needs open, for a job that `name` gives the key of."""
        dictionary = given_dictionary(self.config)
        refuse_strange_database(self.config)
        with (
            self._hired(),
            self.guard,
            self._open_database(name, dictionary) as database,
            self.reporter,
        ):
            yield self._context(database, dictionary)

    def _new_reporter(self, renderer: Renderer | None) -> ProgressReporter:
        return ProgressReporter(renderer, self.config.pipeline.progress_update_interval)

    def _begin(self) -> None:
        """What a run before this one counted and reported is not this one's."""
        self._cpu_at_start = time.process_time()
        if self._used:
            self.reporter = self._new_reporter(self._renderer)
        self._used = True

    def _run(self, *, must_resume: bool) -> CompressionResult:
        self._begin()
        output = self.config.output
        if self._executor is None:  # else workers may be forked, which must not happen meanwhile
            load_meanwhile(*(f"ucompress.pipeline.{name}" for name in LATER))
        before = None if self.config.force else Occupant.of(output)
        refuse_impossible(self.config)
        if not self.config.force:
            refuse_to_replace(output)
        with self._working(jobs.job_key) as context:
            database, job = context.database, None
            context.before = before
            try:
                manifest, scanned_at = self._scan(context, output)
                self._refuse_to_lose(context, len(manifest) - number_of(manifest, MemberKind.DIRECTORY))
                job = self._claim(context, jobs.job_key, manifest, must_resume=must_resume)
                self._observe(context, job)
                result = self._pack(context, self._survey(context, manifest, scanned_at, job), job)
                self._tell_what_was_done_here(context)
                self.reporter.finish(result.statistics)
                with stopping.told_as_warning(context):
                    database.jobs.finish(job.number)
                    database.cache.prune()
            except BaseException as error:
                unsaved = stopping.save_what_is_done(error, context, job)
                if isinstance(error, InterruptedJobError | KeyboardInterrupt):
                    raise stopping.interrupted(error, context, job, unsaved) from unsaved
                raise
            return replace(result, warnings=(*database.warnings, *context.warnings))

    def _pack(self, context: RunContext, survey: Survey, job: jobs.ClaimedJob) -> CompressionResult:
        tracker = context.tracker

        def prepare(analysis: Analysis) -> Groundwork:
            from ucompress.pipeline.placing.planning import PLAN, planning
            from ucompress.pipeline.writing.groundwork import lay_groundwork

            shared, each = analysis_memory(self.config, survey.manifest)
            needed = shared + context.wanted_threads * each
            key = survey.corpus_key(analysis)
            known = context.database.cache.artifact(key, PLAN) is not None
            with planning(context, analysis, needed, known=known) as planned:
                survey.find_patterns(analysis, key)
                tracker.leave()
                return lay_groundwork(context, analysis, key, planned)

        analysis, groundwork = survey.settle(prepare)
        manifest = survey.manifest
        links = number_of(manifest, MemberKind.SYMLINK)
        self._refuse_to_lose(context, packed_files(manifest, analysis)[0] + links)
        analysis.forget_samples()
        tracker.leave()
        from ucompress.pipeline.writing.packing import Packing

        totals, assembly = Packing(context, job, manifest, analysis, groundwork).run()
        with stopping.told_as_warning(context):
            tracker.leave()
        with stopping.told_as_warning(context):
            tracker.complete(*packed_files(manifest, analysis))
        return summarize(
            context,
            manifest,
            analysis,
            assembly,
            totals,
            cpu_seconds=time.process_time() - self._cpu_at_start,
            peak_bytes=peak_resident_bytes(),
        )

    def _tell_what_was_done_here(self, context: RunContext) -> None:
        if isinstance(self._executor, Remote) and (again := self._executor.done_here):
            context.warnings.append(
                f"{again} tasks were done again on this machine, for workers did not see the files as they "
                "are here; the archive is as it should be. Check what they mount"
            )

    def _hired(self) -> AbstractContextManager[None]:
        # Spelled as the sources of a manifest are once it is anchored, which begin with them.
        inputs = [
            os.fsencode(path if path.is_absolute() else os.path.join(Path.cwd(), path))  # noqa: PTH118
            for path in self.config.inputs
        ]
        return hired(self._executor, inputs, self.config.level)

    def _open_database(self, name: JobName, dictionary: bytes | None) -> PatternDatabase:
        pipeline = self.config.pipeline
        path = pipeline.database_path
        fixed = MemoryBudget(pipeline.memory_limit_mb).fixed_bytes
        if fixed + self._least(name, Manifest(), dictionary) > pipeline.memory_limit_mb * MIB:
            # Not enough for an empty tree: the job will be refused, and nothing is made for it on the disk.
            path = Path(MEMORY)
        return PatternDatabase(path, batch_size=pipeline.batch_size, cache_bytes=DATABASE_BYTES)

    def _least(self, name: JobName, manifest: Manifest, dictionary: bytes | None) -> int:
        """Bytes that the greediest phase of a job takes with one worker."""
        needs = [analysis_memory(self.config, manifest)]
        if name is jobs.job_key:
            needs.append(most_coding_memory(self.config.level, manifest.sizes, dictionary))
        return max(map(sum, needs))

    def _context(self, database: PatternDatabase, dictionary: bytes | None) -> RunContext:
        spill, limits = spill_of(self.config), self.config.pipeline
        tracker = RunTracker(self.reporter, limits.checkpoint_interval, release=lambda: context.let_go())
        others = 0 if limits.limit_process else bytes_of_others()
        budget = MemoryBudget(limits.memory_limit_mb, others=others)
        context = RunContext(
            self.config,
            database,
            self.reporter,
            tracker,
            self.guard,
            budget,
            self._executor,
            spill=spill,
            dictionary=dictionary,
        )
        context.where = locator(self.config.inputs)
        tracker.enter(PipelinePhase.INITIALIZING)
        tracker.leave()
        return context

    def _scan(self, context: RunContext, output: Path | None = None) -> tuple[Manifest, int]:
        """The manifest, without the output, and the wall clock before the first file was looked at."""
        context.tracker.enter(PipelinePhase.SCANNING_FILES)
        scanned_at = time.time_ns()

        def progress(entries: int, size: int, path: bytes) -> None:
            self.guard.check()
            context.tracker.reach(files=entries, size=size, path=path)

        manifest = scan(
            self.config.inputs,
            include=self.config.include,
            exclude=self.config.exclude,
            gitignore=self.config.gitignore,
            skip=[*([partial_path(output)] if output else ()), *context.database.files],
            output=output,
            progress=progress,
            spill=context.spill,
        )
        if self._executor is not None:
            manifest.anchor(os.fsencode(Path.cwd()))
        context.budget = replace(context.budget, entries=len(manifest))
        for note in manifest.errors:
            context.fail_on(note.path, note.message, packed=note.packed)
        if number_of(manifest, MemberKind.DIRECTORY) == len(manifest):
            context.warnings.append(f"{self._why_empty(manifest)}: no file was taken")
        for note in manifest.warnings:
            context.warnings.append(f"{os.fsdecode(context.where(note.path))}: {note.message}")
        for note in manifest.notices:
            self.reporter.notice(note.message, context.where(note.path))
        context.tracker.leave()
        return manifest, scanned_at

    def _why_empty(self, manifest: Manifest) -> str:
        """Why nothing but folders was found, as far as errors and options tell."""
        config = self.config
        inputs = ", ".join(map(str, config.inputs))
        if manifest.errors:
            return f"nothing in {inputs} can be taken"
        if config.include:
            return f"nothing matches --include {' '.join(config.include)}"
        if config.exclude or config.gitignore:
            options = [*(f"--exclude {pattern}" for pattern in config.exclude)]
            options += ["--gitignore"] * config.gitignore
            return f"{' '.join(options)} leaves nothing"
        return f"there is nothing in {inputs}"

    def _refuse_to_lose(self, context: RunContext, taken: int) -> None:
        refuse_to_lose(self.config, context.before, context.lost, taken)

    def _claim(
        self,
        context: RunContext,
        name: JobName,
        manifest: Manifest,
        *,
        must_resume: bool = False,
        remember: bool = True,
    ) -> jobs.ClaimedJob:
        """Take the job's lease; an interrupted run's record is kept where it may be resumed."""
        # What can be refused for want of memory is refused before the job is touched.
        context.threads(shared=self._least(name, manifest, context.dictionary), each=0)
        key = name(self.config, manifest, context.dictionary)
        known = context.database.jobs.find(key)
        if must_resume and known is not None and known.state is JobState.DONE:
            raise NoJobError("the job is done by now: there is nothing to continue")
        if must_resume and known is None:
            if not was_interrupted(context.database.jobs, self.config):
                raise ResumeFailedError("no interrupted run of this job is known here: compress anew")
            self.reporter.notice("inputs changed since the interrupted run: what did not is taken from there")
        if known is not None and known.state is JobState.INTERRUPTED and self.config.pipeline.enable_resume:
            self._tell_where_it_stood(context.database.load_checkpoint(known.id))
        number = self._open_job(context, key, remember=remember)
        progress = context.database.jobs.progress(number)
        return jobs.ClaimedJob(number, key, jobs.source_key(self.config), name, remember, progress)

    def _tell_where_it_stood(self, state: PipelineState | None) -> None:
        if state is not None:
            done = f", {state.files_processed} of {state.total_files} files" if state.total_files else ""
            self.reporter.notice(f"goes on with an interrupted run, which stood at {state.phase.value}{done}")

    def _open_job(self, context: RunContext, key: bytes, *, remember: bool) -> int:
        database = context.database
        fresh = not self.config.pipeline.enable_resume
        remember = remember and self.config.pipeline.resumable
        number = database.jobs.open(key, describe(self.config), fresh=fresh, remember=remember)
        context.tracker.save_with(lambda state: database.save_checkpoint(state, number))
        return number

    def _observe(self, context: RunContext, job: jobs.ClaimedJob) -> None:
        """Refresh the database's progress row each second, for `status` in another shell."""

        def refresh(snapshot: ProgressSnapshot) -> None:
            with suppress(JobBusyError):  # the job is being exchanged for that of a newer manifest
                context.database.jobs.set_progress(job.number, progress_document(snapshot))

        self.reporter.add_observer(refresh)

    def _survey(
        self, context: RunContext, manifest: Manifest, scanned_at: int, job: jobs.ClaimedJob
    ) -> Survey:
        """What analyzes the tree for a job; the job follows the tree where that changes meanwhile."""

        def reclaim(manifest: Manifest) -> None:
            context.database.jobs.discard(job.number)
            job.key, job.progress = job.name(self.config, manifest, context.dictionary), None
            job.number = self._open_job(context, job.key, remember=job.remember)

        return Survey(context, manifest, scanned_at, job.source_key, reclaim)
