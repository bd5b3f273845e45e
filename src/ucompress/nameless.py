"""Temporary files without a name: gone with the process, however it ends."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING

from ucompress.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path


class NamelessFile:
    """A file that is gone once nobody has it any more.

    Attributes:
        descriptor: to read and write it by.
    """

    __slots__ = ("descriptor",)

    def __init__(self, folder: Path | None) -> None:
        """Make one in a folder; OSError where that cannot be."""
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            self.descriptor = os.dup(file.fileno())

    def read(self, begin: int, size: int) -> bytes:
        """So many bytes of what was written; OutputError where they cannot be read."""
        data, reason, read = b"", "it is cut off", os.pread
        try:
            while len(data) < size and (more := read(self.descriptor, size - len(data), begin + len(data))):
                data += more
        except OSError as error:
            reason = os.strerror(error.errno or 0)
        if len(data) < size:
            raise OutputError(f"cannot read back what is known of the files: {reason}; try again")
        return data

    def __del__(self) -> None:
        """Close it; what could not be written before is of no use to anybody any more."""
        if hasattr(self, "descriptor"):
            with suppress(OSError):
                os.close(self.descriptor)
