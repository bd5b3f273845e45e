"""Sketches of all contents, from the samples that analysis took, or of a large tree from a closer one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ucompress.config import MIB
from ucompress.heap import release_freed_memory
from ucompress.pipeline.analysis.closer import closer_shift, sample_closely
from ucompress.similarity import SKETCH_SIZE, Sketches, sketches_of

if TYPE_CHECKING:
    from ucompress.pipeline.analysis.analyzer import Analysis
    from ucompress.pipeline.running.context import RunContext

MANY_CONTENTS: Final = 1 << 17
"""Of more contents than this sketches are no larger than they must be."""

SKETCHING_BYTES: Final = 64 * MIB
"""The hashes of all samples, in order too, while sketches are made of them."""


def planning_shift(context: RunContext, analysis: Analysis) -> int:
    """One d-mer in 2^this is sampled for the plan, of all contents alike."""
    return closer_shift(analysis.contents.sizes, context.config.level, analysis.shift)


def samples_again(context: RunContext, analysis: Analysis) -> bool:
    """Whether all contents are sampled once more for the plan."""
    return planning_shift(context, analysis) < analysis.shift


def sketch_size(context: RunContext, analysis: Analysis) -> int:
    """The most hashes in a sketch: twice as many where it is of a closer sample and memory allows.

    What places a million contents takes some hundred bytes for each.
    """
    closer = samples_again(context, analysis)
    return 2 * SKETCH_SIZE if closer and len(analysis.contents) <= MANY_CONTENTS else SKETCH_SIZE


def sketch(context: RunContext, analysis: Analysis) -> Sketches:
    """The sketches of an analyzed tree; in any thread where analysis has sampled for the plan, too.

    Raises:
        ContentsChangedError: a file is not what was analyzed any more.
    """
    if samples_again(context, analysis):
        sampled = sample_closely(context, analysis.contents, planning_shift(context, analysis))
        context.make_room(SKETCHING_BYTES)
    else:
        sampled = analysis.samples.hashes(context.spill)
    release_freed_memory()
    made = sketches_of(*sampled, sketch_size(context, analysis), context.spill)
    del sampled
    context.spill.release()
    release_freed_memory()
    return made
