"""Exact counts as far as they were taken, so that a killed run goes on with them."""

from __future__ import annotations

import struct
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ucompress.checksum import Digest
from ucompress.patterns import TALLY_DTYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from numpy.typing import NDArray

    from ucompress.database import AnalysisCache

COUNTS = "counts"
_HEAD = struct.Struct("<32sQ")


@dataclass(slots=True)
class KeptCounts:
    """Counts of the first contents of a corpus, stored whenever `interval` has passed.

    Attributes:
        cache: where they are stored.
        key: names the corpus; of no other artifact.
        interval: the most time between two calls of `note` that goes unsaved.
        clock: monotonic seconds.
    """

    cache: AnalysisCache
    key: bytes
    interval: timedelta
    clock: Callable[[], float] = time.monotonic
    _patterns: bytes = field(default=b"", init=False)
    _saved_at: float = field(default=0.0, init=False)

    def begin(self, patterns: Sequence[bytes], contents: int) -> tuple[int, NDArray[np.void]]:
        """How many of the contents are counted, and the counts; of other patterns nothing is known."""
        hasher = Digest()
        for pattern in patterns:
            hasher.update(len(pattern).to_bytes(8, "little") + pattern)
        self._patterns = hasher.digest()
        self._saved_at = self.clock()
        stored = self.cache.artifact(self.key, COUNTS)
        nothing = 0, np.zeros(len(patterns), dtype=TALLY_DTYPE)
        if stored is None or len(stored) != _HEAD.size + nothing[1].nbytes:
            return nothing
        counted, done = _HEAD.unpack_from(stored)
        if counted != self._patterns or done > contents:
            return nothing
        return done, np.frombuffer(stored, TALLY_DTYPE, offset=_HEAD.size).copy()

    def note(self, done: int, counts: NDArray[np.void]) -> None:
        """The first `done` contents are counted; saved when it is due."""
        if self.clock() - self._saved_at >= self.interval.total_seconds():
            self.cache.store_artifact(self.key, COUNTS, _HEAD.pack(self._patterns, done) + counts.tobytes())
            self._saved_at = self.clock()

    def forget(self) -> None:
        """All is counted, and kept elsewhere."""
        self.cache.forget_artifacts(self.key)
