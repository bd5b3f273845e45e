"""How much content a run hashes: holes and repeated extents cost an archive nothing, a run its time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ucompress.archive.format.entry import Entry

FREE_BYTES = 16 << 30
"""What may always be hashed, in all."""

PER_BYTE = 1024
"""How many bytes more for each byte of the archive."""


class HashBudget:
    """Tells which files a run compares with their content hashes.

    Args:
        archive_bytes: size of the archive.
    """

    def __init__(self, archive_bytes: int) -> None:
        """Nothing is spent yet."""
        self._left = FREE_BYTES + PER_BYTE * archive_bytes

    def allows(self, entry: Entry) -> bool:
        """Whether a file that has a content hash is compared with it; its size is spent then."""
        if entry.size > self._left:
            return False
        self._left -= entry.size
        return True
