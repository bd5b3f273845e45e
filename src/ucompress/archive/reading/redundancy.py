"""What an archive left out of its files, told from the index alone."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ucompress.archive.format.entry import EntryKind

if TYPE_CHECKING:
    from ucompress.archive.format.entry import Entry


class LeftOut(NamedTuple):
    """Bytes of files that no block holds.

    Attributes:
        files: files that stand where another one stands.
        segments: zeros, and copies of what other files hold.
    """

    files: int
    segments: int


class RedundancyCount:
    """Counts an archive's entries, in 16 bytes for each file.

    Args:
        unique_bytes: decoded bytes of all blocks.
    """

    def __init__(self, unique_bytes: int) -> None:
        """No entry has been seen."""
        self._unique_bytes = unique_bytes
        self._places, self._sizes = array("q"), array("q")

    def add(self, entry: Entry) -> None:
        """One more entry; what has no content of its own counts nothing."""
        if entry.kind is EntryKind.FILE and entry.extents:
            self._places.append(hash(entry.extents))
            self._sizes.append(entry.size)

    def result(self) -> LeftOut:
        """What all entries have left out."""
        sizes = np.asarray(self._sizes, dtype=np.int64)
        _, first = np.unique(np.asarray(self._places, dtype=np.int64), return_index=True)
        distinct = int(sizes[first].sum())
        return LeftOut(files=int(sizes.sum()) - distinct, segments=distinct - self._unique_bytes)
