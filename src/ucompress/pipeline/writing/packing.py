"""From the groundwork to an archive that has its name: header, blocks, errata, a last look."""

from __future__ import annotations

from concurrent.futures import wait
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ucompress.archive import ArchiveHeader, choose_content_hash_bytes
from ucompress.archive.format.coding import head_memory
from ucompress.codec.block import decoding_memory
from ucompress.config import MIB
from ucompress.heap import release_freed_memory
from ucompress.pipeline.jobs import job as jobs
from ucompress.pipeline.jobs.refusals import partial_path
from ucompress.pipeline.writing.assembly import Assembly
from ucompress.pipeline.writing.coding import coding_memory, primed_compressor, release_compressor
from ucompress.pipeline.writing.entries import archive_members
from ucompress.pipeline.writing.errata import Corrector
from ucompress.pipeline.writing.extras import ExtraBlocks, LostBytes
from ucompress.pipeline.writing.referring import largest_reference
from ucompress.progress import PipelinePhase
from ucompress.spill import IN_MEMORY

if TYPE_CHECKING:
    from ucompress.archive import ArchiveWriter, Entry, WriterTotals
    from ucompress.pipeline.analysis.analyzer import Analysis
    from ucompress.pipeline.jobs.job import ClaimedJob
    from ucompress.pipeline.running.context import RunContext
    from ucompress.pipeline.writing.groundwork import Groundwork
    from ucompress.scan import Manifest


@dataclass(frozen=True)
class Packing:
    """Writes the archive of one job.

    Attributes:
        context: the run.
        job: the job that is done.
        manifest: what the scan found.
        analysis: what analysis found.
        groundwork: what the blocks are coded with.
    """

    context: RunContext
    job: ClaimedJob
    manifest: Manifest
    analysis: Analysis
    groundwork: Groundwork

    def run(self) -> tuple[WriterTotals, Assembly]:
        """Write the archive, or go on with what was written before.

        Each block is decoded when it is coded, or with all others when the finished archive is read back. An
        archive that does not read back is made once more, with both.

        Raises:
            MemoryLimitExceededError: coding would take more than the limit; nothing has been written.
            CorruptArchiveError: the archive does not read back however it is made.
        """
        context, analysis = self.context, self.analysis
        shared, each = coding_memory(context.config.level, *self._sizes)
        size = int(self.groundwork.plan.block_sizes.sum())
        header = self._header(size)
        proves = not context.reads_back
        while True:
            context.tracker.enter(PipelinePhase.COMPRESSING, files=len(analysis.contents.files), size=size)
            threads = context.threads(shared=shared, each=each)
            release_freed_memory()  # the coders from here on take theirs elsewhere
            assembly = self._assembly(header, proves=proves)
            totals = assembly.finished_before(threads) or self._make(assembly, threads)
            if totals is not None:
                return totals, assembly
            proves = True

    def _make(self, assembly: Assembly, threads: int) -> WriterTotals | None:
        """Write the archive and give it its name; None where it has to be made again, with proven blocks."""
        try:
            with assembly.open_writer() as writer:
                with assembly.leaving_nothing_useless(writer):
                    self._write(assembly, writer)
                    errata = self._errata(assembly, writer)
                    self._let_go()
                    totals = assembly.finish(writer, errata)
                    if self.context.reads_back and not assembly.reads_back(threads):
                        return None
                assembly.publish(writer)
        finally:
            release_compressor()
        return totals

    def _write(self, assembly: Assembly, writer: ArchiveWriter) -> None:
        """Write head and blocks: where memory allows, a worker writes the head while others code blocks."""
        context = self.context
        members = archive_members(self.manifest, self.analysis, self.groundwork.plan)
        shared, each = coding_memory(context.config.level, *self._sizes)
        head = head_memory(context.config.level, len(self.groundwork.dictionary))
        together = shared + head + context.wanted_threads * each
        beside = context.executor is None and context.wanted_threads > 1 and context.fits(together)
        context.make_room(together if beside else head)
        if not beside:
            assembly.write_head(writer, members)
        # What coding dictionary and index took is held by now where nothing is beside it, and counts.
        needed = shared + head if beside else shared
        with context.workers(shared=needed, each=each, waiting=3 * self._largest) as workers:
            written = None
            if beside:
                written = workers.executor.submit(assembly.write_head, writer, members)
            try:
                assembly.write_blocks(writer, workers, written)
            finally:
                if written is not None:
                    wait((written,))

    def _let_go(self) -> None:
        """Free what only coding needs: the rest of the archive, and verifying it, take memory, too."""
        release_compressor()
        self.context.held.allow(0)
        self.context.held.spill_to(IN_MEMORY)
        release_freed_memory()

    @cached_property
    def _largest(self) -> int:
        """Bytes of the largest block, those of errata included."""
        sizes = self.groundwork.plan.block_sizes
        return max(int(sizes.max()) if len(sizes) else 0, MIB)

    @cached_property
    def _sizes(self) -> tuple[int, int, int]:
        """Bytes of the dictionary, the largest block and the largest reference."""
        groundwork = self.groundwork
        behind = largest_reference(groundwork.plan, groundwork.references)
        return len(groundwork.dictionary), self._largest, behind

    def _header(self, unique_bytes: int) -> ArchiveHeader:
        config = self.context.config
        hashed = config.content_hash_bytes
        if hashed is None:
            hashed = choose_content_hash_bytes(len(self.analysis.contents), unique_bytes)
        return ArchiveHeader(
            level=config.level,
            content_hash_bytes=hashed,
            zstd_version=jobs.zstd_version(config.level),
            largest_block=self._largest,
            decoder_memory=decoding_memory(config.level, *self._sizes),
            user_dictionary=config.dictionary is not None,
        )

    def _assembly(self, header: ArchiveHeader, *, proves: bool) -> Assembly:
        groundwork, job = self.groundwork, self.job
        assembly = Assembly(
            self.context,
            job.number,
            job.key,
            partial_path(self.context.config.output),
            groundwork.plan,
            groundwork.dictionary,
            groundwork.references,
            self.analysis.contents,
            header,
            proves,
            changed=set(self.context.given_up.contents),
        )
        assembly.dictionary_gain = groundwork.gain
        return assembly

    def _errata(self, assembly: Assembly, writer: ArchiveWriter) -> list[tuple[Entry, Entry]]:
        """What became of the files that changed while they were coded."""
        if not assembly.changed:
            return []
        compressor = primed_compressor(self.context.config.level, assembly.dictionary, self._sizes[2])
        extras = ExtraBlocks(writer, compressor, min(self._largest, MIB))
        lost = LostBytes(assembly.plan, assembly.changed)
        corrector = Corrector(
            self.context, self.manifest, self.analysis, assembly.plan, assembly.references, lost, extras
        )
        return corrector.corrections(assembly.changed)
