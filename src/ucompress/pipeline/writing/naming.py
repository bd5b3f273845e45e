"""Blocks named in the database once they are durable: what an interrupted run need not code again."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ucompress.archive import ArchiveWriter
    from ucompress.database import BlockRow, JobStore

SYNC_SECONDS = 0.25
SYNC_SHARE = 20
"""Blocks are synced and named at least so often, and sooner where that takes one part in so many."""


@dataclass(slots=True)
class BlockNaming:
    """Names what a writer has appended, the partial file synced before.

    Attributes:
        jobs, job: where the blocks are named, and whose they are.
        writer: of the partial file.
        name_head: called before blocks are named: what stands before them is durable then, too.
        clock: monotonic seconds.
    """

    jobs: JobStore
    job: int
    writer: ArchiveWriter
    name_head: Callable[[], None]
    clock: Callable[[], float] = time.monotonic
    _pending: list[BlockRow] = field(default_factory=list)
    _named_at: float = field(init=False)
    _took: float = 0.0

    def __post_init__(self) -> None:
        """The first block may wait as long as any other."""
        self._named_at = self.clock()

    def add(self, block: BlockRow) -> None:
        """A block was appended."""
        self._pending.append(block)

    def name_if_due(self) -> None:
        """Name what was added, if that was long ago or costs little."""
        now = self.clock()
        if self._pending and now - self._named_at >= min(SYNC_SECONDS, SYNC_SHARE * self._took):
            self.name()
            self._named_at = self.clock()
            self._took = self._named_at - now

    def name(self) -> None:
        """Name what was added."""
        if self._pending:
            self.writer.sync()
            self.name_head()
            self.jobs.record_blocks(self.job, self._pending)
            self._pending.clear()
