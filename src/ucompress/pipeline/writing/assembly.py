"""Writing the archive: header, dictionary, index, blocks, errata, footer; resumable at every block.

The partial file stands beside the output. It is synced before the database names its blocks,
so whatever the database names is there after a kill; the rest is cut off and coded again. The
database has a digest of what was written: what is not so any more is coded again, too.
"""

from __future__ import annotations

import os
import struct
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass, field
from functools import partial as bound
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ucompress.archive import Archive, ArchiveWriter, EntryKind, WriterState, WriterTotals, publish
from ucompress.archive.format.layout import FOOTER_SIZE, Footer
from ucompress.checksum import Digest
from ucompress.codec.proving import Proof
from ucompress.database import BlockRow
from ucompress.errors import ArchiveError, CorruptArchiveError, ResumeFailedError
from ucompress.files import sync_folder
from ucompress.pipeline.running.executors import linked_map
from ucompress.pipeline.running.lending import lent
from ucompress.pipeline.writing.coding import (
    BlockTask,
    CodedBlock,
    Coding,
    code_block,
    fetched_block,
    runs_of,
)
from ucompress.pipeline.writing.naming import BlockNaming
from ucompress.pipeline.writing.referring import largest_reference, pack_references
from ucompress.spill import parts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from ucompress.archive import ArchiveHeader, Entry, Members
    from ucompress.pipeline.placing.plan import Plan
    from ucompress.pipeline.reading.distinct import Contents
    from ucompress.pipeline.running.context import RunContext, Workers

CONTENTS_AT_ONCE = 4096
LAYOUT = "layout"
FINISHED = "finished"
PROVEN, UNPROVEN = b"\1", b"\0"
_TOTALS = struct.Struct("<10Q32s")
_BYTES_PER_EXTENT = 64
"""What reading back keeps of each extent, in columns."""


@dataclass(slots=True)
class Assembly:
    """One archive being written.

    Attributes:
        context: the run.
        job: the job's number in the database.
        job_key: the job's key, under which its layout is remembered.
        partial: where the archive grows.
        plan: which bytes stand in which block.
        dictionary: the past of every block.
        references: the blocks that are coded after another one, and after which.
        contents: what the plan's ordinals mean.
        header: what the archive declares.
        proves: whether each block is decoded again when it is coded, and not with the finished archive only.
        changed: contents that no longer had their bytes, and were replaced by zeros.
        resumed_blocks: blocks taken over from an interrupted run.
        lost_files: planned files that the finished archive does not have.
        dictionary_gain: bytes that the dictionary saves, as measured on a sample; its own cost deducted.
    """

    context: RunContext
    job: int
    job_key: bytes
    partial: Path
    plan: Plan
    dictionary: bytes
    references: Mapping[int, int]
    contents: Contents
    header: ArchiveHeader
    proves: bool
    changed: set[int] = field(default_factory=set)
    resumed_blocks: int = 0
    lost_files: int = 0
    dictionary_gain: int = 0
    _head_named: bool = False
    _layout: bytes = b""

    @property
    def layout(self) -> bytes:
        """What the archive's blocks depend on, as one hash; worked out when first asked for."""
        if not self._layout:
            self._layout = self._hash_layout()
        return self._layout

    def open_writer(self) -> ArchiveWriter:
        """The partial archive: that of the interrupted run if it is still good, else one without a head."""
        writer = self._resumed_writer()
        if writer is None:
            self.context.database.jobs.truncate_blocks(self.job, 0)
            writer = ArchiveWriter.create(self.partial, self.header)
        return writer

    def write_head(self, writer: ArchiveWriter, members: Members) -> None:
        """Write dictionary and index, durably, unless they are there; any thread may do this."""
        if not writer.has_index:
            writer.write_dictionary(self.dictionary)
            writer.write_index(members, self.references)
            writer.sync()
            with suppress(OSError):  # blocks whose file loses its name are coded again
                sync_folder(self.partial.parent)

    @contextmanager
    def leaving_nothing_useless(self, writer: ArchiveWriter) -> Iterator[None]:
        """Remove the partial archive where what is done inside fails and no later run could resume it."""
        try:
            yield
        except BaseException:
            if self.context.database.path is None or not self.context.config.pipeline.resumable:
                if os.name == "nt":
                    writer.close()  # an open file cannot be removed there
                with suppress(OSError):
                    self.partial.unlink()  # still locked: it is nobody else's
            raise

    def finished_before(self, threads: int) -> WriterTotals | None:
        """The archive's totals if the interrupted run had given it its name already.

        The output is that archive if it has its size and its footer, which names its tree hash. Where the
        archive is to be verified, it must read back as well, by so many threads; else it is made again.
        """
        database = self.context.database
        blocks = len(self.plan.blocks)
        stored = database.cache.artifact(self.job_key, FINISHED)
        if stored is None:
            return None
        layout = self.layout
        if len(stored) != len(layout) + _TOTALS.size or stored[: len(layout)] != layout:
            return None
        if not blocks or len(database.jobs.blocks(self.job)) != blocks or self.partial.exists():
            return None
        totals = WriterTotals(*_TOTALS.unpack(stored[len(layout) :]))
        if _end_of(self.context.config.output) != (totals.archive_bytes, totals.tree_hash):
            return None
        if self.context.reads_back and (problem := self._problem(self.context.config.output, threads)):
            self.context.warnings.append(
                f"{self.context.config.output} is finished but does not read back as it was written "
                f"({problem}); it is made again"
            )
            return None
        self.resumed_blocks = blocks
        self.context.tracker.advance(
            files=int(self.contents.multiplicities.sum()),
            size=int(self.plan.block_sizes.sum()),
        )
        return totals

    def _resumed_writer(self) -> ArchiveWriter | None:
        """The interrupted run's partial archive with the blocks that stand in it as they were written."""
        database = self.context.database
        known = database.jobs.blocks(self.job)
        stored = database.cache.artifact(self.job_key, LAYOUT)
        if not known or stored is None:
            return None
        layout = self.layout
        end = len(layout) + 1
        if stored[: len(layout)] != layout:
            return None
        proven = stored[len(layout) : end] == PROVEN
        if self.proves and not proven:
            return None
        state = WriterState(stored[end:], [row.digest for row in known])
        try:
            writer = ArchiveWriter.resume(self.partial, state)
        except ResumeFailedError as error:
            self.context.warnings.append(f"{error}; its blocks are coded again")
            return None
        # Blocks without proof that follow proven ones make all of them such that have to be read back.
        self.resumed_blocks, self._head_named = writer.blocks, proven == self.proves
        if writer.blocks < len(known):
            self.context.warnings.append(
                f"{self.partial} is not as it was written from block {writer.blocks} of {len(known)} on; "
                "the rest is coded again"
            )
            database.jobs.truncate_blocks(self.job, writer.blocks)
        return writer

    def write_blocks(self, writer: ArchiveWriter, workers: Workers, head: Future[None] | None) -> None:
        """Code the blocks that are still missing, and append each as its turn comes.

        `head` writes the head meanwhile; None where it is written. After a file has changed no more blocks
        are named: an interrupted run then meets the change again, and its errata with it.
        """
        first = self.resumed_blocks
        tracker = self.context.tracker
        complete = self._files_complete()
        resumed = int(complete[first - 1]) if first else 0
        tracker.advance(files=resumed, size=int(self.plan.block_sizes[:first].sum()))
        naming = BlockNaming(self.context.database.jobs, self.job, writer, bound(self._name_head, writer))
        behind = largest_reference(self.plan, self.references)
        coding = Coding(self.context.config.level, self.dictionary, self.context.held, behind)
        referred_to = frozenset(self.references.values())

        def poll() -> None:
            self.context.guard.check()
            naming.name_if_due()

        try:
            with lent(
                workers.executor, code_block, coding, in_doubt=CodedBlock.has_changed, fetched=fetched_block
            ) as task:
                coded = linked_map(
                    workers.executor,
                    task,
                    range(first, len(self.plan.blocks)),
                    bound(self._task, writer, referred_to),
                    links=self.references,
                    in_flight=workers.in_flight,
                    poll=poll,
                    after=head,
                )
                for block in coded:
                    row = self._append(writer, block)
                    if not self.changed:
                        naming.add(row)
                    tracker.advance(
                        files=int(complete[block.number]) - tracker.files,
                        size=block.decoded_size,
                        path=self.contents.path(block.first_content),
                    )
            if head is not None:
                head.result()  # where there was no block, nobody has asked yet
        finally:
            naming.name()

    def finish(self, writer: ArchiveWriter, errata: Sequence[tuple[Entry, Entry]]) -> WriterTotals:
        """Complete the archive; the database notes its totals, so that a kill from now on costs nothing."""
        recovery, poll = self.context.config.recovery, self.context.guard.check
        totals = writer.finish(errata, recovery=recovery, poll=poll)
        if not errata:
            self.context.database.cache.store_artifact(
                self.job_key, FINISHED, self.layout + _TOTALS.pack(*astuple(totals))
            )
        self.lost_files = sum(
            (planned.kind is EntryKind.FILE) - (truth.kind is EntryKind.FILE) for planned, truth in errata
        )
        return totals

    def reads_back(self, threads: int) -> bool:
        """Whether the finished archive, all of it, reads back as it was written; told where it does not.

        Raises:
            CorruptArchiveError: it does not although its blocks were proven: disk or memory of this machine
                are to blame.
        """
        problem = self._problem(self.partial, threads)
        if problem is None:
            return True
        told = f"{self.partial} does not read back as it was written ({problem})"
        if self.proves:
            raise CorruptArchiveError(
                f"{told}, and got no name: the same command goes on with what is sound of it. Disk or memory "
                "of this machine may be failing"
            ).about(self.partial)
        self.context.warnings.append(f"{told}: it is made again, and each block decoded when it is coded")
        return False

    def _problem(self, path: Path, threads: int) -> str | None:
        """What is wrong with an archive, if anything is; found within what the memory limit leaves."""
        columns = _BYTES_PER_EXTENT * len(self.plan.extent_length)
        room = self.context.budget.spare(columns, self.context.held.size)
        try:
            with Archive(path, memory_bound=max(room, self.header.decoder_memory)) as archive:
                report = archive.verify(threads=threads, progress=self._poll)
        except ArchiveError as error:
            return str(error)
        return None if report.ok else report.problems[0]

    def _poll(self, _name: str, _size: int) -> None:
        self.context.guard.check()

    def publish(self, writer: ArchiveWriter) -> None:
        """Give the finished archive its name."""
        if os.name == "nt":
            writer.close()  # an open file cannot be renamed there
        # Still locked: nobody else can have begun to write it.
        publish(self.partial, self.context.config.output, self.context.before)
        writer.close()

    def _files_complete(self) -> NDArray[np.int64]:
        """For each block how many files have all their bytes once it is written."""
        plan, files = self.plan, self.contents.multiplicities
        done = np.zeros(len(plan.blocks), dtype=np.int64)
        if not len(done):
            return done  # nothing but holes
        for part in parts(len(files)):
            starts = plan.extent_start[part.start : part.stop + 1]
            blocks = plan.extent_block[starts[0] : starts[-1]]
            last = np.maximum.reduceat(blocks, starts[:-1] - starts[0])
            np.add.at(done, np.maximum(last, 0), files[part])
            plan.spill.release()
        return np.cumsum(done)

    def _append(self, writer: ArchiveWriter, block: CodedBlock) -> BlockRow:
        offset = writer.position
        writer.write_block(
            block.codec_id,
            block.payload,
            block.decoded_size,
            block.digest,
            reference=block.reference,
            substituted=bool(block.changed),
        )
        self.changed.update(block.changed)
        if block.proof is Proof.FAILED:
            self.context.warnings.append(
                f"block {block.number} did not decode to its own bytes again and is stored as it is: a "
                "defect of the codec or of this machine's memory. The archive is sound; please report it"
            )
        return BlockRow(
            block.number, offset, writer.position - offset, block.decoded_size, writer.record_digest
        )

    def _name_head(self, writer: ArchiveWriter) -> None:
        """Let the database know what stands before the blocks, which is durable."""
        if not self._head_named:
            head = self.layout + (PROVEN if self.proves else UNPROVEN) + writer.head_digest()
            self.context.database.cache.store_artifact(self.job_key, LAYOUT, head)
            self._head_named = True

    def _task(
        self, writer: ArchiveWriter, referred_to: frozenset[int], number: int, coded: CodedBlock | None
    ) -> BlockTask:
        """What coding a block takes; its reference is `coded` or in the archive already.

        A block that others are coded after is always decoded: coding them takes that it can be.
        """
        runs = runs_of(self.plan, self.contents, number, self.context.given_up.contents)
        at = self.references.get(number)
        decode = self.proves or number in referred_to
        if at is None:
            return BlockTask(number, runs, decode)
        reference = writer.read_block(at) if coded is None else coded.as_reference()
        return BlockTask(number, runs, decode, at, reference)

    def _hash_layout(self) -> bytes:
        hasher = Digest()
        hasher.update(self.header.to_bytes())
        hasher.update(len(self.dictionary).to_bytes(8, "little"))
        hasher.update(self.dictionary)
        for portion in self.plan.portions():
            hasher.update(portion)
        hasher.update(pack_references(self.references))
        # Which files the index says have which content.
        known, here = self.contents, os.path.join(_current_folder(), b"")  # noqa: PTH118  bytes
        for first in range(0, len(known), CONTENTS_AT_ONCE):
            contents = range(first, min(first + CONTENTS_AT_ONCE, len(known)))
            sources = known.all_sources(contents)
            flat = chain.from_iterable(sources)
            anchored = iter([source if source[:1] == b"/" else here + source for source in flat])
            rows = [
                digest + count.to_bytes(8, "little") + b"\0".join(islice(anchored, count))
                for digest, count in zip(known.all_digests(contents), map(len, sources), strict=True)
            ]
            hasher.update(b"".join(rows))
            known.spill.release()
        return hasher.digest()


def _current_folder() -> bytes:
    """Where relative paths begin; empty where it was removed: nothing can have been read by one."""
    try:
        return os.fsencode(Path.cwd())
    except FileNotFoundError:
        return b""


def _end_of(path: Path) -> tuple[int, bytes] | None:
    """Size and tree hash of an archive; None where there is none."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - FOOTER_SIZE))
            return size, Footer.from_bytes(file.read(FOOTER_SIZE)).tree_hash
    except (OSError, ArchiveError):
        return None
