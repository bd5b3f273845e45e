"""Which sector of a recovery record belongs to which group (format section 14.1).

    row r:   g  g+1 ... G-1  0  1 ... g-1        g follows from r and the archive's id

A burst takes a few whole rows, and so as few sectors of each group. Nothing on a disk knows where a row
begins: whatever pattern damage has, each group loses its sector of a row with the chance that it would have
if as many sectors were damaged at random.
"""

from __future__ import annotations

from collections.abc import Iterator

from ucompress.archive.format.layout import check

ROWS = 256


class Deal:
    """The places of groups in rows.

    Args:
        groups: how many there are, and so how many sectors a row has.
        archive_id: decides which group each row begins with.
    """

    def __init__(self, groups: int, archive_id: bytes) -> None:
        """A hash for each row."""
        self._groups = groups
        hashes = (check(archive_id + bytes((row,)), 8) for row in range(ROWS))
        self._begins = [int.from_bytes(found, "little") % groups for found in hashes]

    def group(self, row: int, place: int) -> int:
        """The group of the sector at a place of a row."""
        return (place + self._begins[row]) % self._groups

    def place(self, row: int, group: int) -> int:
        """Where the group's sector stands in a row."""
        return (group - self._begins[row]) % self._groups

    def runs(self, row: int, first: int, count: int) -> Iterator[tuple[int, int, int]]:
        """Where the sectors of `count` groups from `first` on stand in a row: in one run, or in two.

        Yields:
            The place of a run's first sector, which of the groups' that is, from 0, and how many follow.
        """
        place = self.place(row, first)
        length = min(count, self._groups - place)
        yield place, 0, length
        if length < count:
            yield 0, length, count - length
