"""How large a value, a row and an answer of a database may be: all of its bytes may be somebody else's."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LARGEST_VALUE = 32 << 20
"""Most bytes of one value that is read or written: twice the largest sample of a file."""

ANSWER_LIMIT = 256 << 20
"""Most bytes of text and blobs that one question is answered with."""

LARGEST_PATTERN = 64 << 10
"""Most bytes of a pattern that is kept or read; those that we find are much shorter."""

LONGEST_MOMENT = 64

# A row is asked for if its values are of our kinds and sizes. A record's header tells both: what is too large
# is not read.
SOUND_PATTERN = (
    "CASE WHEN typeof(pattern) = 'blob' AND typeof(first_seen) = 'text' AND typeof(last_updated) = 'text'"
    f" THEN length(pattern) <= {LARGEST_PATTERN} AND length(first_seen) <= {LONGEST_MOMENT}"
    f" AND length(last_updated) <= {LONGEST_MOMENT} END"
)


def sound_counts(table: str) -> str:
    """The condition that the counts in a row of `table` are numbers: SQLite would keep anything there."""
    names = ("frequency", "file_count", "saved_bytes")
    return " AND ".join(f"typeof({table}.{name}) = 'integer'" for name in names)


class DamagedFileError(sqlite3.DatabaseError):
    """Our own check found the file unsound where SQLite saw nothing wrong yet."""


class BoundedConnection(sqlite3.Connection):
    """A connection to a file that may be somebody else's; no value has more than `LARGEST_VALUE` bytes.

    What SQLite says of a malformed schema quotes the file, and `sqlite3` takes its messages for UTF-8: one
    that is not tells of damage as well.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.bound()

    def bound(self, size: int = LARGEST_VALUE) -> None:
        """From now on no value has more than `size` bytes; a larger one fails before memory is taken."""
        self.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, size)

    def execute(self, *question: Any) -> sqlite3.Cursor:
        """As in the base class."""
        try:
            return super().execute(*question)
        except UnicodeDecodeError as error:
            raise DamagedFileError("what it says of its tables is no text") from error


def within_limit(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """The rows, as long as they have no more than `ANSWER_LIMIT` bytes together; then DamagedFileError."""
    left = ANSWER_LIMIT
    for row in rows:
        left -= sum([len(value) for value in row if isinstance(value, str | bytes)])
        if left < 0:
            raise DamagedFileError("its rows are larger than any of ours")
        yield row
