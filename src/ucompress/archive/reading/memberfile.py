"""A member's content as a seekable raw file."""

from __future__ import annotations

import io
import os
from bisect import bisect_right
from collections.abc import Callable
from typing import TYPE_CHECKING

from ucompress.archive.format.entry import HOLE, Entry, show
from ucompress.errors import CorruptArchiveError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class MemberFile(io.RawIOBase):
    """Reads a file's extents; blocks come from the archive's cache.

    Args:
        entry: the file.
        block: gives a block's decoded bytes by its number, at least as many from its start as it is told.
        archive: the archive's name in messages.
    """

    def __init__(self, entry: Entry, block: Callable[[int, int], bytes], archive: str) -> None:
        """Start at the first byte."""
        super().__init__()
        self._entry = entry
        self._block = block
        self._position = 0
        self._archive = archive
        self._starts = [0]
        for extent in entry.extents:
            self._starts.append(self._starts[-1] + extent.length)
        self.name = show(entry.path)

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Current position."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move; positions behind the end are allowed and read nothing."""
        bases = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._entry.size}
        if whence not in bases:
            raise ValueError(f"whence {whence!r} is not supported: it is 0, 1 or 2")
        base = bases[whence]
        if base + offset < 0:
            raise ValueError(f"position {base + offset} is before the beginning")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill the buffer from one extent; 0 at the end."""
        if self._position >= self._entry.size:
            return 0
        view = memoryview(buffer).cast("B")
        number = bisect_right(self._starts, self._position) - 1
        extent = self._entry.extents[number]
        within = self._position - self._starts[number]
        length = min(len(view), extent.length - within)
        if extent.block == HOLE:
            view[:length] = bytes(length)
        else:
            start = extent.offset + within
            block = self._block(extent.block, extent.offset + extent.length)
            part = memoryview(block)[start : start + length]
            if len(part) != length:
                raise CorruptArchiveError(
                    f"{self._archive}: an extent of {self.name} leaves block {extent.block}"
                )
            view[:length] = part
        self._position += length
        return length
