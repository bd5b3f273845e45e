"""What every phase of a run shares."""

from __future__ import annotations

import os
import tempfile
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ucompress.codec.levels import decodes_quickly
from ucompress.config import available_cores
from ucompress.heap import release_freed_memory
from ucompress.pipeline.reading.contents import GivenUp
from ucompress.pipeline.reading.held import MOST_HELD, HeldContents
from ucompress.pipeline.running.lending import Remote
from ucompress.pipeline.running.memory import MemoryBudget
from ucompress.pipeline.running.savepoint import Savepoint
from ucompress.progress import Severity
from ucompress.spill import IN_MEMORY, Spill
from ucompress.threads import ThreadPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ucompress.archive import Occupant
    from ucompress.config import CompressionConfig
    from ucompress.database import PatternDatabase
    from ucompress.pipeline.running.interrupts import InterruptGuard
    from ucompress.pipeline.running.tracker import RunTracker
    from ucompress.progress import ProgressReporter


class Workers(NamedTuple):
    """An executor, and the most tasks that may be in flight on it."""

    executor: Executor
    in_flight: int


@dataclass(slots=True)
class RunContext:
    """One run's configuration and services.

    Attributes:
        config: what is to be done.
        database: where the run keeps its state.
        reporter: shows progress.
        tracker: counts it.
        guard: knows whether a signal has come.
        budget: what memory is there.
        executor: given by the caller, or None for threads of our own.
        unreadable: what could not be read, by its path in the file system, with the reason.
        lost: those of them that are not packed.
        warnings: what went otherwise than expected without harming the archive.
        held: contents that stay in memory from one pass to the next.
        given_up: contents that changed before coding began, where that is put up with.
        spill: keeps columns over all files.
        dictionary: the one that the user gives, as it was when the run began; None: the run makes its own.
        where: tells where a member lies in the file system.
        before: what the archive may replace, as it stood there when the run began; None: whatever there is.
    """

    config: CompressionConfig
    database: PatternDatabase
    reporter: ProgressReporter
    tracker: RunTracker
    guard: InterruptGuard
    budget: MemoryBudget
    executor: Executor | None = None
    unreadable: list[tuple[bytes, str]] = field(default_factory=list)
    lost: set[bytes] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)
    held: HeldContents = field(default_factory=HeldContents)
    given_up: GivenUp = field(default_factory=GivenUp)
    spill: Spill = IN_MEMORY
    dictionary: bytes | None = None
    where: Callable[[bytes], bytes] = bytes
    before: Occupant | None = None
    _reported: set[tuple[bytes, bool]] = field(default_factory=set)

    @contextmanager
    def workers(
        self, *, shared: int = 0, each: int = 0, waiting: int = 0, here: bool = False
    ) -> Iterator[Workers]:
        """Workers for one phase.

        Args:
            shared: bytes that all workers share.
            each: bytes that every worker needs, the results waiting for their turn included.
            waiting: bytes of a task's results while they wait, which is all that work elsewhere needs here.
            here: on this machine, whatever the executor.

        Raises:
            MemoryLimitExceededError: not even one worker fits into the memory limit.
        """
        threads = self.threads(shared=shared, each=each)
        executor = self.executor
        if isinstance(executor, Remote) and not here:
            # What workers cannot do is done by one thread here.
            wanted, alone = 2 * executor.slots(), shared + each
            in_flight = self.budget.threads(wanted, shared=alone, each=waiting, leased=self.held.size)
            yield Workers(executor, in_flight)
        elif executor is None or isinstance(executor, Remote):
            with ThreadPool(threads, thread_name_prefix="ucompress") as own:
                yield Workers(own, threads + 1)
        else:
            yield Workers(executor, 2 * threads)

    @property
    def wanted_threads(self) -> int:
        """Threads that work where memory allows: as asked for, or one for each core."""
        return self.config.threads or available_cores()

    @property
    def reads_back(self) -> bool:
        """Whether the archive is read before it gets its name: as asked for, else where that is quick."""
        asked = self.config.verify
        return decodes_quickly(self.config.level) if asked is None else asked

    def threads(self, *, shared: int, each: int, most: int | None = None) -> int:
        """How many workers fit, at most `most`; raises as `workers` does."""
        wanted = self.wanted_threads if most is None else min(most, self.wanted_threads)
        self.make_room(shared + wanted * each)
        return self.budget.threads(wanted, shared=shared, each=each, leased=self.held.size)

    def hold_contents(self, needed: int) -> None:
        """Keep what is read from now on in memory, as far as phases that need so many bytes leave room.

        Only beside threads of our own: an executor that is given may work in other processes, and how
        much at a time is not ours to know.
        """
        self.spill.release()
        if self.executor is None:
            release_freed_memory()
            room = self.held.size + self.budget.spare(needed, self.held.size)
            self.held.allow(min(room, MOST_HELD))
            self.held.spill_to(self.spill)

    def make_room(self, needed: int) -> None:
        """Give up held contents until a step that needs so many bytes fits, or none is left.

        Freed memory goes back to the system only where that may help, for the phase would ask for it again.
        """
        self.spill.release()
        if self.budget.spare(needed, self.held.size) >= 0:
            return
        release_freed_memory()
        while self.held.size and (spare := self.budget.spare(needed, self.held.size)) < 0:
            self.held.allow(self.held.size + spare)
            release_freed_memory()

    def fits(self, needed: int) -> bool:
        """Whether a step that needs so many bytes fits once held contents are given up."""
        return self.budget.spare(needed, self.held.size) + self.held.size >= 0

    def let_go(self) -> None:
        """Give back to the system what can be had again, and freed memory where the limit is near."""
        self.spill.release()
        if self.budget.is_nearly_reached():
            release_freed_memory()

    def savepoint(self, key: bytes, name: str) -> Savepoint:
        """Where a step that begins now keeps what it has made of the corpus `key`; the artifact's name."""
        interval = self.config.pipeline.checkpoint_interval
        return Savepoint(
            self.database.cache,
            name.encode() + b" of " + key,
            name,
            interval,
            is_worth_it=lambda: not self.given_up.contents,
        )

    def fail_on(self, path: bytes, message: str, *, packed: bool = False) -> None:
        """Note a member that could not be read, each path once, and once if it is packed all the same."""
        if (path, packed) in self._reported:
            return
        self._reported.add((path, packed))
        place = self.where(path)
        self.unreadable.append((place, message))
        if not packed:
            self.lost.add(place)
        self.reporter.notice(message, place, Severity.ERROR)


def spill_of(config: CompressionConfig) -> Spill:
    """Where columns over all files are kept: beside the archive, which needs room there, too."""
    folder = config.output.absolute().parent
    return Spill(folder if os.access(folder, os.W_OK) else Path(tempfile.gettempdir()))
