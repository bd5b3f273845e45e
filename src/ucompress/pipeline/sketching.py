"""Sketches of all contents, from their samples: while patterns are counted, where memory allows."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from ucompress.config import MIB
from ucompress.heap import release_freed_memory
from ucompress.similarity import Sketches, sketches_of
from ucompress.threads import ThreadPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ucompress.pipeline.analyzer import Analysis
    from ucompress.pipeline.context import RunContext

    Sketching = Callable[[], Sketches]

SKETCHING_BYTES: Final = 64 * MIB
"""The hashes of all samples, in order too, while sketches are made of them."""


def sketch(context: RunContext, analysis: Analysis) -> Sketches:
    """The sketches of an analyzed tree; in any thread."""
    sampled = analysis.samples.hashes(context.spill)
    release_freed_memory()
    made = sketches_of(*sampled, spill=context.spill)
    del sampled
    context.spill.release()
    release_freed_memory()
    return made


@contextmanager
def sketching(context: RunContext, analysis: Analysis, needed: int) -> Iterator[Sketching]:
    """What gives the sketches: a thread makes them while the context is open, or they are made when needed.

    Args:
        context: the run.
        analysis: what analysis found.
        needed: bytes that what is done inside takes.
    """
    room = context.budget.spare(needed + SKETCHING_BYTES, context.held.size)
    if context.wanted_threads < 2 or room < 0:
        yield partial(sketch, context, analysis)
        return
    with ThreadPool(1, thread_name_prefix="ucompress-sketch") as executor:
        yield executor.submit(sketch, context, analysis).result
