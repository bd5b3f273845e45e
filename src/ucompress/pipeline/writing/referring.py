"""The references of a plan: blocks are read once more, and compared by samples of their d-mers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ucompress.archive.format.entry import HOLE
from ucompress.archive.format.layout import blocks_bound
from ucompress.codec.levels import may_refer
from ucompress.pipeline.running.executors import ordered_map
from ucompress.pipeline.running.lending import lent
from ucompress.pipeline.writing.coding import fetched_runs, read_runs, runs_of
from ucompress.references import FARTHEST, FEWEST, choose_references, sample, sampling_rate, without

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from ucompress.pipeline.placing.plan import Plan
    from ucompress.pipeline.reading.distinct import Contents
    from ucompress.pipeline.reading.held import HeldContents
    from ucompress.pipeline.running.context import RunContext
    from ucompress.pipeline.writing.coding import RunToRead

BYTES_OF_SAMPLE = 48
"""What a sampled d-mer takes while blocks are compared."""


class Sampling(NamedTuple):
    """How blocks are sampled.

    Attributes:
        rate: one d-mer in so many is taken.
        known: hashes of the dictionary's, which are left out.
        held: contents in memory.
    """

    rate: int
    known: NDArray[np.uint64]
    held: HeldContents


def sample_block(sampling: Sampling, runs: Sequence[RunToRead]) -> tuple[NDArray[np.uint64], list[int]]:
    """Hashes of a block's sampled d-mers, and the contents that no file has any more; runs in a worker."""
    parts = read_runs(runs, sampling.held)
    changed = [run.content for run, data in zip(runs, parts, strict=True) if data is None]
    data = b"".join([data for data in parts if data is not None])
    return without(sample(data, sampling.rate), sampling.known), changed


def _some_changed(result: tuple[NDArray[np.uint64], list[int]]) -> bool:
    return bool(result[1])


def find_references(context: RunContext, plan: Plan, dictionary: bytes, contents: Contents) -> dict[int, int]:
    """The blocks to be coded after another one, and after which.

    Args:
        context: the run.
        plan: what stands in which block.
        dictionary: the past of every block: what it has, no reference need have.
        contents: what the plan's ordinals mean.

    Raises:
        ContentsChangedError: a file is not what was analyzed any more.
    """
    sizes = plan.block_sizes
    if len(sizes) < 2 or not may_refer(context.config.level):
        return {}
    size = int(sizes.sum())
    rate = sampling_rate(size)
    sampling = Sampling(rate, sample(dictionary, rate), context.held)
    runs = (runs_of(plan, contents, number) for number in range(len(sizes)))
    with (
        context.workers(shared=BYTES_OF_SAMPLE * (size // rate), each=2 * int(sizes.max())) as workers,
        lent(workers.executor, sample_block, sampling, in_doubt=_some_changed, fetched=fetched_runs) as task,
    ):
        found = ordered_map(
            workers.executor, task, runs, in_flight=workers.in_flight, poll=context.guard.check
        )
        samples = []
        for hashes, changed in found:
            context.given_up.add([contents[number] for number in changed])
            samples.append(hashes)
    return choose_references(samples, needs(plan), FEWEST)


def needs(plan: Plan) -> Iterator[tuple[frozenset[int], int]]:
    """The blocks of each content that has bytes in several, and how many it may need."""
    starts, blocks, lengths = plan.extent_start, plan.extent_block, plan.extent_length
    for content in np.flatnonzero(np.diff(starts) > 1).tolist():
        rows = slice(int(starts[content]), int(starts[content + 1]))
        needed = frozenset(blocks[rows].tolist()) - {HOLE}
        if len(needed) > 1:
            yield needed, blocks_bound(int(lengths[rows].sum()))


def largest_reference(plan: Plan, references: Mapping[int, int]) -> int:
    """Bytes of the largest block that others are coded after; 0 without any."""
    sizes = plan.block_sizes
    return max((int(sizes[block]) for block in references.values()), default=0)


def pack_references(references: Mapping[int, int]) -> bytes:
    """References as bytes that `unpack_references` takes; equal ones give equal bytes."""
    return np.array(sorted(references.items()), dtype="<u4").tobytes()


def unpack_references(data: bytes, plan: Plan, level: int) -> dict[int, int] | None:
    """The references that `pack_references` wrote for a plan; None if this plan cannot have them."""
    if len(data) % 8 or (data and not may_refer(level)):
        return None
    pairs = np.frombuffer(data, "<u4").reshape(-1, 2).astype(np.int64)
    later, earlier = pairs[:, 0], pairs[:, 1]
    if (later >= len(plan.blocks)).any() or (np.diff(later) <= 0).any() or np.isin(earlier, later).any():
        return None
    if ((later - earlier < 1) | (later - earlier > FARTHEST)).any():
        return None
    references = dict(zip(later.tolist(), earlier.tolist(), strict=True))
    for blocks, most in needs(plan) if references else ():
        if len(blocks.union(references.get(block, block) for block in blocks)) > most:
            return None
    return references
