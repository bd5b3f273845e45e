"""A new folder inside the target, where a whole tree is put together before it takes its place.

Nobody but the user can reach into it, and links are made last. So while files are written a path from it
cannot lead elsewhere, a name in it is free, and a file needs neither a temporary name nor its folder's
descriptor: it is opened, written and closed. What is moved out at the end are the topmost names.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from ucompress.archive.entry import show
from ucompress.archive.openfile import Xattrs, dress
from ucompress.archive.target import FOLDER_FLAGS, TargetFolder, temporary_name
from ucompress.errors import OutputError
from ucompress.files import write_files

Row = tuple[bytes, int, int, int, int]
"""A file to be made: path, offset and size of its content in a buffer, mode, time in nanoseconds."""


class StagingFolder(TargetFolder):
    """A folder beside what stands in the target already, of the user alone.

    Parameters:
        target: where it is made; it must have a descriptor.
    """

    def __init__(self, target: TargetFolder) -> None:
        """Make it, and open it without following what may have taken its name since.

        Raises:
            OutputError: it cannot be made.
        """
        self._target = target
        self._name = temporary_name()
        path = Path(os.fsdecode(target.root), os.fsdecode(self._name))
        try:
            os.mkdir(self._name, 0o700, dir_fd=target.descriptor)
            opened = os.open(self._name, FOLDER_FLAGS, dir_fd=target.descriptor)
        except OSError as error:
            raise OutputError(f"cannot extract to {path.parent}: {error.strerror}") from error
        super().__init__(path, force=False, opened=opened)
        self._opened = opened
        made = os.fstat(opened)
        if made.st_uid != os.geteuid() or stat.S_IMODE(made.st_mode) & 0o077:
            self.close()
            raise OutputError(f"{path} is not the folder that was made; nothing was written")
        self._kept = self._kept_modes()

    def _kept_modes(self) -> int:
        """The permission bits that a new file gets as asked for: what the umask and the file system leave."""
        probe = temporary_name()
        descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o777, dir_fd=self._opened)
        try:
            return stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o777
        finally:
            os.close(descriptor)
            os.unlink(probe, dir_fd=self._opened)

    def write(self, data: bytes, rows: Sequence[Row]) -> list[int]:
        """Make files; returns the numbers of the rows that have to be written with more care."""
        return [number for number, _ in write_files(self._opened, data, rows, self._kept)]

    def make_folder(self, path: bytes) -> None:
        """Make a folder; see `TargetFolder.make_folder`."""
        try:
            os.mkdir(path, 0o700, dir_fd=self._opened)
        except OSError:
            super().make_folder(path)

    def finish_folder(self, path: bytes, mode: int, mtime_ns: int, xattrs: Xattrs = ()) -> None:
        """Give a folder that `make_folder` made its mode, time and attributes."""
        descriptor = os.open(path, FOLDER_FLAGS, dir_fd=self._opened)
        try:
            dress(descriptor, mode, mtime_ns, xattrs)
        finally:
            os.close(descriptor)

    def move_out(self) -> None:
        """Move everything to the target, and remove the folder.

        Raises:
            OutputError: something stands at a name by now; it and what is left here are left untouched.
        """
        try:
            for name in sorted(map(os.fsencode, os.listdir(self._opened))):  # noqa: PTH208
                self._target.take(self._opened, name)
            os.rmdir(self._name, dir_fd=self._target.descriptor)
        except (OSError, OutputError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise OutputError(f"{why}; what was unpacked is in {show(self._name)}") from error
