"""What all blocks stand on: the plan and the dictionary.

Both follow from the distinct contents and the options alone, so both are kept in the database
under the corpus's key and taken from there when an interrupted run goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ucompress.pipeline import samples
from ucompress.pipeline.contents import ContentReader
from ucompress.pipeline.plan import Content, Plan, PlanParameters, plan_archive
from ucompress.similarity import sketches

if TYPE_CHECKING:
    from ucompress.pipeline.analyzer import Analysis
    from ucompress.pipeline.context import RunContext

PLAN = "plan"
DICTIONARY = "dictionary"


@dataclass(frozen=True, slots=True)
class Groundwork:
    """The plan, and the past of every block."""

    plan: Plan
    dictionary: bytes


def lay_groundwork(context: RunContext, analysis: Analysis, key: bytes) -> Groundwork:
    """The plan and dictionary of a corpus, from the database or made now.

    Args:
        context: the run.
        analysis: what analysis found.
        key: the corpus's key.
    """
    cache = context.database.cache
    plan = _stored_plan(cache.artifact(key, PLAN))
    if plan is None:
        plan = _make_plan(context, analysis)
        cache.store_artifact(key, PLAN, plan.to_bytes())
    return Groundwork(plan, b"")


def _stored_plan(blob: bytes | None) -> Plan | None:
    try:
        return None if blob is None else Plan.from_bytes(blob)
    except ValueError:
        return None


def _make_plan(context: RunContext, analysis: Analysis) -> Plan:
    likenesses = sketches([samples.hashes(sample) for sample in analysis.samples])
    contents = [
        Content(
            content.ordinal,
            content.path,
            content.size,
            content.digest,
            content.kind_class,
            likeness.sketch,
            likeness.repeats,
        )
        for content, likeness in zip(analysis.contents, likenesses, strict=True)
    ]
    reader = ContentReader(analysis.contents)

    def progress(size: int) -> None:
        context.guard.check()
        context.tracker.advance(size=size)

    try:
        return plan_archive(
            contents, reader, PlanParameters.for_level(context.config.level), progress=progress
        )
    finally:
        reader.close()
