"""Small contents that memory has no room for, end to end in a file without a name.

To open, read and close a file of a kilobyte takes many times what its bytes take from a file that is open,
and a run reads each content some five times. So what was read of small files is written once, and a column
tells where each content stands (see `Contents.places`).
"""

from __future__ import annotations

import os
import shutil
from threading import Lock
from typing import TYPE_CHECKING, Final

from ucompress.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ucompress.nameless import NamelessFile
    from ucompress.spill import Spill

NOWHERE: Final = 0
"""The place of a content that is not there."""

LONGEST: Final = 4096
"""Bytes of the longest content that is taken: with longer ones, opening is not most of the work."""

FREE_SHARE: Final = 8
"""At most one in so many bytes that are free when the file is made: the archive needs room there, too."""


class SpilledContents:
    """Contents by their places in the file; for any number of threads.

    What is found there was written by this process and needs no check, like what is in memory.

    Attributes:
        size: bytes that were taken.
    """

    __slots__ = ("_file", "_lock", "_room", "_spill", "size")

    def __init__(self, spill: Spill) -> None:
        """`spill` makes the file once there is something to take; one that makes none takes nothing."""
        self._spill = spill
        self._file: NamelessFile | None = None
        self._lock = Lock()
        self._room: int | None = None
        self.size = 0

    def take(self, contents: Sequence[bytes]) -> list[int]:
        """Where each of some contents stands from now on: `NOWHERE` for one that is long or has no room."""
        with self._lock:
            room, file = self._opened()
            places, taken, size = [], [], self.size
            for data in contents:
                if file is None or len(data) > LONGEST or size + len(data) > room:
                    places.append(NOWHERE)
                else:
                    places.append(_place(size))
                    taken.append(data)
                    size += len(data)
            if file is not None and taken:
                try:
                    os.lseek(file.descriptor, _place(self.size), os.SEEK_SET)
                    self._spill.write(file, b"".join(taken))
                except OutputError:  # the disk is full: from now on all is read from its own file
                    self._room = 0
                    return [NOWHERE] * len(contents)
                self.size = size
            return places

    def _opened(self) -> tuple[int, NamelessFile | None]:
        """Bytes that are taken at most, and the file, made when this is first called."""
        if self._room is None:
            self._room, folder = 0, self._spill.folder
            if folder is not None:
                try:
                    self._file = self._spill.file()
                    self._room = shutil.disk_usage(folder).free // FREE_SHARE
                except (OSError, OutputError):
                    self._file = None
        return self._room, self._file

    def read(self, spans: Sequence[tuple[int, int]]) -> list[bytes]:
        """The bytes of each span (place, length), within what was taken; neighbours are read together.

        Raises:
            OutputError: the file cannot be read.
        """
        if not spans:
            return []
        assert self._file is not None, "a place is of what was taken"
        read = self._file.read
        lowest, after = min(spans)[0], max([place + length for place, length in spans])
        if after - lowest > 2 * sum([length for _, length in spans]):
            return [read(place, length) for place, length in spans]
        data = read(lowest, after - lowest)
        return [data[place - lowest : place - lowest + length] for place, length in spans]


def _place(size: int) -> int:
    """The place of what comes after so many bytes."""
    return NOWHERE + 1 + size
