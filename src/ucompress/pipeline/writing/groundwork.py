"""What all blocks stand on: the plan, the dictionary and the references.

All follow from the distinct contents and the options alone, so all are kept in the database
under the corpus's key and taken from there when an interrupted run goes on.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ucompress.config import MIB
from ucompress.dictionary import (
    Measured,
    assemble,
    builder,
    choose_suffix,
    first_sizes,
    gain_of,
    sample_pieces,
    size_limit,
    work_of_choosing,
)
from ucompress.errors import MemoryLimitExceededError
from ucompress.heap import release_freed_memory
from ucompress.pipeline.analysis import samples
from ucompress.pipeline.analysis.sketching import planning_shift, samples_again
from ucompress.pipeline.placing.plan import Plan
from ucompress.pipeline.placing.planning import PLAN
from ucompress.pipeline.reading.contents import ContentReader
from ucompress.pipeline.running.executors import ordered_map
from ucompress.pipeline.running.lending import Remote, lent
from ucompress.pipeline.writing.coding import coding_memory
from ucompress.pipeline.writing.kept_trials import TRIALS, KeptTrials
from ucompress.pipeline.writing.planned_bytes import PlannedBytes
from ucompress.pipeline.writing.referring import find_references, needs, pack_references, unpack_references
from ucompress.progress import PipelinePhase
from ucompress.threads import ThreadPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from ucompress.dictionary import DictionaryBuilder
    from ucompress.pipeline.analysis.analyzer import Analysis
    from ucompress.pipeline.placing.planning import Planning
    from ucompress.pipeline.running.context import RunContext
    from ucompress.spill import Spill

DICTIONARY = "dictionary"
REFERENCES = "references"
CHOOSING_BYTES = 24 * MIB
"""What is coded while sizes of the dictionary are compared, before and after."""

DICTIONARY_SHIFT = 8
"""Of a closer sample, one d-mer in 2^this is looked at for the dictionary."""

MOST_OFFERING = 4
"""Threads beyond these would only wait for the builder."""


@dataclass(frozen=True, slots=True)
class Groundwork:
    """What the blocks are coded with.

    Attributes:
        plan: which bytes stand in which block.
        dictionary: the past of every block.
        gain: bytes that the dictionary is expected to save, its own cost deducted.
        references: the blocks that are coded after another one, and after which.
    """

    plan: Plan
    dictionary: bytes
    gain: int = 0
    references: Mapping[int, int] = field(default_factory=dict)


def lay_groundwork(context: RunContext, analysis: Analysis, key: bytes, planning: Planning) -> Groundwork:
    """The plan and dictionary of a corpus, from the database or made now.

    Args:
        context: the run.
        analysis: what analysis found.
        key: the corpus's key.
        planning: gives the plan where the database has none.

    Raises:
        ContentsChangedError: a file is not what was analyzed any more; nothing made of its bytes is kept.
    """
    cache, tracker = context.database.cache, context.tracker
    size, level = int(analysis.contents.sizes.sum()), context.config.level
    tracker.enter(PipelinePhase.BUILDING_DICTIONARY, files=len(analysis.contents))
    # All is sampled again if the tree is large, and planned; what is unique is offered to the builder, and
    # some sizes are tried.
    passes = 3 if samples_again(context, analysis) else 2
    tracker.expect(passes * size + work_of_choosing(level, size))
    plan = _stored_plan(cache.artifact(key, PLAN), analysis, context.spill)
    if plan is None:
        plan = planning.plan(partial(_note, context))
        release_freed_memory()
        _keep(context, key, PLAN, plan.to_bytes)
        release_freed_memory()
    unique = int(plan.block_sizes.sum())
    tracker.expect(tracker.bytes + unique + work_of_choosing(level, unique))
    if context.dictionary is not None:
        dictionary, gain = context.dictionary, 0
        return Groundwork(
            plan, dictionary, gain, find_references(context, plan, dictionary, analysis.contents)
        )
    stored = cache.artifact(key, DICTIONARY)
    if stored is not None and 8 <= len(stored) <= 8 + size_limit(level, unique):
        dictionary, gain = stored[8:], int.from_bytes(stored[:8], "little")
    else:
        trials = KeptTrials(context.savepoint(key, TRIALS))
        dictionary, gain = _make_dictionary(context, analysis, planning, plan, trials)
        _keep(context, key, DICTIONARY, lambda: gain.to_bytes(8, "little") + dictionary)
        trials.forget()
    stored = cache.artifact(key, REFERENCES)
    references = None if stored is None else unpack_references(stored, plan, level)
    if references is None:
        references = find_references(context, plan, dictionary, analysis.contents)
        _keep(context, key, REFERENCES, lambda: pack_references(references))
    return Groundwork(plan, dictionary, gain, references)


def _keep(context: RunContext, key: bytes, name: str, made: Callable[[], bytes | bytearray]) -> None:
    """Store what was made for later runs; where contents were given up, those would make something else."""
    if not context.given_up.contents:
        context.database.cache.store_artifact(key, name, made())


def _stored_plan(blob: bytes | None, analysis: Analysis, spill: Spill) -> Plan | None:
    """The plan that was stored, if it is one of these contents, and one that an archive may have."""
    sizes = analysis.contents.sizes
    try:
        plan = None if blob is None else Plan.from_bytes(blob, sizes, spill)
    except ValueError:
        return None
    if plan is None or not plan.fits(sizes) or any(len(blocks) > most for blocks, most in needs(plan)):
        return None
    return plan


def _make_dictionary(
    context: RunContext, analysis: Analysis, planning: Planning, plan: Plan, trials: KeptTrials
) -> tuple[bytes, int]:
    """The dictionary and its gain; empty where none pays."""
    sizes = plan.block_sizes
    unique = int(sizes.sum())
    limit = size_limit(context.config.level, unique)
    if not limit:
        return b"", 0
    reader = ContentReader(analysis.contents, context.held, context.given_up)
    blocks = PlannedBytes(plan, reader)
    try:
        if trials.dictionary is None:
            trials.dictionary = _largest_dictionary(context, analysis, planning, blocks, sizes, limit)
            trials.note()
        shared, each = coding_memory(context.config.level, limit, MIB)
        try:
            threads = context.threads(shared=CHOOSING_BYTES + shared, each=each)
        except MemoryLimitExceededError:
            threads = 1  # whether the archive can be made at all was asked before
        sample = [blocks.span(*piece) for piece in sample_pieces(sizes.tolist())]
    finally:
        reader.close()

    def tried(work: int) -> None:
        trials.note()
        _note(context, work)

    if isinstance(context.executor, Remote):
        _measure_elsewhere(context, trials, Measured(trials.dictionary, context.config.level, sample, unique))
    with ThreadPool(threads, thread_name_prefix="ucompress-dictionary") as executor:

        def run(jobs: Iterable[Callable[[], int | None]]) -> Iterator[int | None]:
            return ordered_map(executor, operator.call, jobs, in_flight=threads + 1, poll=context.guard.check)

        return choose_suffix(
            trials.dictionary,
            context.config.level,
            sample,
            unique,
            gains=trials.gains,
            run=run,
            tried=tried,
        )


def _measure_elsewhere(context: RunContext, trials: KeptTrials, measured: Measured) -> None:
    """Let workers measure at the same time the gains that will be asked for first."""
    if not measured.dictionary:
        return
    sizes = first_sizes(len(measured.dictionary), measured.unique_bytes)
    unknown = [size for size in sizes if size not in trials.gains]
    with context.workers() as workers, lent(workers.executor, gain_of, measured) as task:
        found = ordered_map(
            workers.executor, task, unknown, in_flight=workers.in_flight, poll=context.guard.check
        )
        trials.gains.update(zip(unknown, found, strict=True))
    trials.note()


def _largest_dictionary(
    context: RunContext,
    analysis: Analysis,
    planning: Planning,
    blocks: PlannedBytes,
    sizes: NDArray[np.int64],
    limit: int,
) -> bytes:
    """The best `limit` bytes of the blocks, of which a suffix may do better than all."""
    counts, shift = analysis.counts, max(planning_shift(context, analysis), DICTIONARY_SHIFT)
    if shift >= analysis.shift:
        shift = analysis.shift
    else:
        shared = planning.sketches().shared
        shared = shared[: np.searchsorted(shared, samples.threshold(shift), side="right")]
        counts = np.zeros(len(shared), dtype=counts.dtype)
        counts["hash"], counts["frequency"] = shared, 2
    maker = builder(
        counts, limit, length=context.config.min_pattern_length, threshold=samples.threshold(shift)
    )
    del counts
    _offer_blocks(context, maker, blocks, len(sizes), int(sizes.max()))
    return assemble(maker, limit, blocks.span)


def _note(context: RunContext, work: int) -> None:
    context.guard.check()
    context.tracker.advance(size=work)


def _offer_blocks(
    context: RunContext, maker: DictionaryBuilder, blocks: PlannedBytes, count: int, largest: int
) -> None:
    """Offer every block; the builder is shared, so the threads are ours whatever the executor."""

    def offer(number: int) -> int:
        data = blocks.whole(number)
        maker.offer(data, number)
        return len(data)

    threads = context.threads(shared=0, each=2 * largest, most=MOST_OFFERING)
    with ThreadPool(threads, thread_name_prefix="ucompress-dictionary") as executor:
        for size in ordered_map(
            executor, offer, range(count), in_flight=threads + 1, poll=context.guard.check
        ):
            context.tracker.advance(size=size)
