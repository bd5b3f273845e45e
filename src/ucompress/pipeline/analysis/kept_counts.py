"""Exact counts as far as they were taken, so that a killed run goes on with them."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ucompress.checksum import Digest
from ucompress.patterns import TALLY_DTYPE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ucompress.pipeline.running.savepoint import Savepoint

COUNTS = "counts"
_HEAD = struct.Struct("<32sQ")


@dataclass(slots=True)
class KeptCounts:
    """Counts of the first contents of a corpus.

    Attributes:
        savepoint: where they are stored.
    """

    savepoint: Savepoint
    _patterns: bytes = field(default=b"", init=False)

    def begin(self, patterns: Sequence[bytes], contents: int) -> tuple[int, NDArray[np.void]]:
        """How many of the contents are counted, and the counts; of other patterns nothing is known."""
        hasher = Digest()
        for pattern in patterns:
            hasher.update(len(pattern).to_bytes(8, "little") + pattern)
        self._patterns = hasher.digest()
        stored = self.savepoint.load()
        nothing = 0, np.zeros(len(patterns), dtype=TALLY_DTYPE)
        if stored is None or len(stored) != _HEAD.size + nothing[1].nbytes:
            return nothing
        counted, done = _HEAD.unpack_from(stored)
        if counted != self._patterns or done > contents:
            return nothing
        return done, np.frombuffer(stored, TALLY_DTYPE, offset=_HEAD.size).copy()

    def note(self, done: int, counts: NDArray[np.void]) -> None:
        """The first `done` contents are counted; saved when it is due."""
        self.savepoint.save_if_due(lambda: _HEAD.pack(self._patterns, done) + counts.tobytes())

    def forget(self) -> None:
        """All is counted, and kept elsewhere."""
        self.savepoint.forget()
