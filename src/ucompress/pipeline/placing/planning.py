"""The plan of an analyzed tree: made while its patterns are counted, where memory allows.

Neither needs the other, but both read all contents. So where files were not read yet, for the database knew
them, or where there is room for less, only the sketches that planning begins with are made meanwhile; where
there is none, one thread works, or all is sampled again for the plan, nothing is.
"""

from __future__ import annotations

from concurrent.futures import wait
from contextlib import contextmanager
from functools import cache, partial
from threading import Event
from typing import TYPE_CHECKING, Final

import numpy as np

from ucompress.config import MIB
from ucompress.pipeline.analysis.analyzed_bytes import AnalyzedBytes
from ucompress.pipeline.analysis.sketching import (
    SKETCHING_BYTES,
    planning_shift,
    samples_again,
    sketch,
    sketch_size,
)
from ucompress.pipeline.placing.overlooking import looked_over
from ucompress.pipeline.placing.parameters import PlanParameters
from ucompress.pipeline.placing.plan import Planned, plan_contents
from ucompress.pipeline.reading.contents import ContentReader
from ucompress.pipeline.reading.distinct import Paths
from ucompress.pipeline.running.executors import POLL_SECONDS, StoppedError, ordered_map
from ucompress.pipeline.running.lending import Remote
from ucompress.threads import ThreadPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from ucompress.pipeline.analysis.analyzer import Analysis
    from ucompress.pipeline.placing.plan import Ahead, Plan
    from ucompress.pipeline.running.context import RunContext
    from ucompress.similarity import Sketches

    Progress = Callable[[int], None]

PLAN: Final = "plan"
"""The artifact's name in the database."""

PLANNING_BYTES: Final = 112 * MIB
"""Anchors, windows kept for comparing, and what is read together."""

MOST_AHEAD: Final = 3
"""Threads that read and look at what is planned next; more would wait for the planner."""


@contextmanager
def planning(context: RunContext, analysis: Analysis, needed: int, *, known: bool) -> Iterator[Planning]:
    """What gives the plan: a thread makes it while the context is open, or it is made when needed.

    Args:
        context: the run.
        analysis: what analysis found.
        needed: bytes that what is done inside takes, until the plan is asked for.
        known: the database may have the plan, so that none is begun before it is asked for.
    """
    room = context.budget.spare(needed, context.held.size)
    later = context.wanted_threads < 2 or known or room < SKETCHING_BYTES
    if later or samples_again(context, analysis):
        yield Planning(context, analysis, cache(partial(sketch, context, analysis)))
        return
    stop = Event()
    with ThreadPool(1, thread_name_prefix="ucompress-sketch") as executor:
        try:
            alone = context.executor is not None or analysis.remembered > 0
            if alone or room < max(SKETCHING_BYTES, PLANNING_BYTES):
                yield Planning(context, analysis, executor.submit(sketch, context, analysis).result)
            else:
                yield _Beside(executor, context, analysis, stop)
        finally:
            stop.set()


class Planning:
    """Gives the plan, and the sketches that it is made of.

    Attributes:
        sketches: gives them, made when they are first asked for, or before.
    """

    def __init__(self, context: RunContext, analysis: Analysis, sketches: Callable[[], Sketches]) -> None:
        self._context = context
        self._analysis = analysis
        self.sketches = sketches

    def plan(self, progress: Progress) -> Plan:
        """The plan; `progress` is told of bytes that have been planned, and may raise to stop."""
        return make_plan(self._context, self._analysis, self.sketches(), progress)


class _Beside(Planning):
    """A plan that is made in a thread."""

    def __init__(self, executor: ThreadPool, context: RunContext, analysis: Analysis, stop: Event) -> None:
        super().__init__(context, analysis, cache(partial(sketch, context, analysis)))
        self._stop = stop
        self._planned = 0
        self._made: Future[Plan] = executor.submit(super().plan, self._note)

    def _note(self, size: int) -> None:
        if self._stop.is_set():
            raise StoppedError
        self._planned += size

    def plan(self, progress: Progress) -> Plan:
        """Wait for the plan."""
        told = 0
        while True:
            done = wait((self._made,), timeout=POLL_SECONDS).done
            planned = self._planned
            progress(planned - told)
            told = planned
            if done:
                return self._made.result()


def make_plan(context: RunContext, analysis: Analysis, sketches: Sketches, progress: Progress) -> Plan:
    """The plan of an analyzed tree; in any thread.

    Raises:
        ContentsChangedError: a file is not what was analyzed any more.
    """
    known = analysis.contents
    contents = Planned(
        Paths(known),
        known.sizes,
        np.frombuffer(known.kind_classes, np.uint8),
        sketches.repeats,
        sketches.sampled << planning_shift(context, analysis),
        sketches.hashes,
        sketches.starts,
        sketch_size(context, analysis),
    )
    context.make_room(PLANNING_BYTES)
    reader = ContentReader(known, context.held, context.given_up)
    parameters = PlanParameters.for_level(context.config.level)
    read = AnalyzedBytes(analysis, reader)
    try:
        if not isinstance(context.executor, Remote):
            with _reading_ahead(context) as ahead:
                return plan_contents(
                    contents,
                    read,
                    parameters,
                    progress=progress,
                    read_whole=read.whole,
                    again=read.again,
                    ahead=ahead,
                    spill=context.spill,
                )
        with looked_over(context, known, read, reader, parameters) as looked:
            return plan_contents(
                contents,
                looked,
                parameters,
                progress=progress,
                read_whole=looked.whole,
                again=read.again,
                ordered=looked.begin,
                spill=context.spill,
            )
    finally:
        reader.close()


@contextmanager
def _reading_ahead(context: RunContext) -> Iterator[Ahead]:
    """A `map` whose function other threads call, where there are any, for what is planned next."""
    threads = min(context.wanted_threads - 1, MOST_AHEAD)
    if threads < 1:
        yield map
        return
    with ThreadPool(threads, thread_name_prefix="ucompress-plan") as executor:
        yield partial(ordered_map, executor, in_flight=threads + 1, poll=context.guard.check)
