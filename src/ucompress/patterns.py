"""What repeats in a corpus: byte patterns with exact counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class PatternEntry:
    """One byte string that repeats, with exact counts.

    Attributes:
        pattern: the bytes.
        frequency: positions at which it stands, overlapping ones included, over all files;
            duplicate files each count.
        file_count: files that contain it.
        first_seen: when it was first stored (aware, UTC).
        last_updated: when its counts were last measured (aware, UTC).
        saved_bytes: bytes that one shared copy saves: (occurrences that do not overlap - 1) * length.
    """

    pattern: bytes
    frequency: int
    file_count: int
    first_seen: datetime
    last_updated: datetime
    saved_bytes: int = 0
