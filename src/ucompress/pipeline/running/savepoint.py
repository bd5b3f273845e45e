"""What one step of a phase has made so far, stored now and then, so that a killed run goes on with it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from ucompress.database import AnalysisCache


@dataclass(slots=True)
class Savepoint:
    """The state of a step, stored at most once in each `interval`, counted from the step's begin.

    Attributes:
        cache: where it is stored.
        key: names the corpus and the step; of no other artifact.
        name: of the artifact.
        interval: the most time between two calls of `save_if_due` that goes unsaved.
        clock: monotonic seconds.
        is_worth_it: whether a later run may go on with what is stored now.
    """

    cache: AnalysisCache
    key: bytes
    name: str
    interval: timedelta
    clock: Callable[[], float] = time.monotonic
    is_worth_it: Callable[[], bool] = lambda: True
    _saved_at: float = field(init=False)

    def __post_init__(self) -> None:
        """The step begins now."""
        self._saved_at = self.clock()

    def load(self) -> bytes | None:
        """What an interrupted run has stored, if it did."""
        return self.cache.artifact(self.key, self.name)

    def save_if_due(self, state: Callable[[], bytes]) -> None:
        """Store the state, asked for only if it is due."""
        if self.clock() - self._saved_at >= self.interval.total_seconds() and self.is_worth_it():
            self.cache.store_artifact(self.key, self.name, state())
            self._saved_at = self.clock()

    def forget(self) -> None:
        """The step is done, and its result is kept elsewhere."""
        self.cache.forget_artifacts(self.key)
