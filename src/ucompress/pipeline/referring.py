"""The references of a plan: blocks are read once more, and compared by samples of their d-mers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from ucompress.archive.entry import HOLE
from ucompress.archive.layout import blocks_bound
from ucompress.pipeline.executors import ordered_map
from ucompress.references import FARTHEST, choose_references, sample, sampling_rate, without

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray

    from ucompress.pipeline.context import RunContext
    from ucompress.pipeline.plan import Plan

LEVELS = range(4, 7)
"""Levels whose codec has references; those below promise a file within the time of one block."""

BYTES_OF_SAMPLE = 48
"""What a sampled d-mer takes while blocks are compared."""


def find_references(
    context: RunContext, plan: Plan, dictionary: bytes, read: Callable[[int], bytes]
) -> dict[int, int]:
    """The blocks to be coded after another one, and after which.

    Args:
        context: the run.
        plan: what stands in which block.
        dictionary: the past of every block: what it has, no reference need have.
        read: a block's bytes; may be called by several threads.
    """
    sizes = plan.block_sizes
    if context.config.level not in LEVELS or len(sizes) < 2:
        return {}
    size = int(sizes.sum())
    rate = sampling_rate(size)
    known = sample(dictionary, rate)

    def sampled(number: int) -> NDArray[np.uint64]:
        return without(sample(read(number), rate), known)

    threads = context.threads(shared=BYTES_OF_SAMPLE * (size // rate), each=2 * int(sizes.max()))
    with ThreadPoolExecutor(threads, thread_name_prefix="ucompress-references") as executor:
        samples = list(
            ordered_map(executor, sampled, range(len(sizes)), in_flight=threads + 1, poll=context.guard.check)
        )
    return choose_references(samples, needs(plan))


def needs(plan: Plan) -> Iterator[tuple[frozenset[int], int]]:
    """The blocks of each content that has bytes in several, and how many it may need."""
    starts, blocks, lengths = plan.extent_start, plan.extent_block, plan.extent_length
    for content in np.flatnonzero(np.diff(starts) > 1).tolist():
        rows = slice(int(starts[content]), int(starts[content + 1]))
        needed = frozenset(blocks[rows].tolist()) - {HOLE}
        if len(needed) > 1:
            yield needed, blocks_bound(int(lengths[rows].sum()))


def pack_references(references: Mapping[int, int]) -> bytes:
    """References as bytes that `unpack_references` takes; equal ones give equal bytes."""
    return np.array(sorted(references.items()), dtype="<u4").tobytes()


def unpack_references(data: bytes, plan: Plan, level: int) -> dict[int, int] | None:
    """The references that `pack_references` wrote for a plan; None if this plan cannot have them."""
    if len(data) % 8 or (data and level not in LEVELS):
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
