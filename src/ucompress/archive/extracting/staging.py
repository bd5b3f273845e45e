"""A new folder inside the target, where a whole tree is put together before it takes its place.

Nobody but the user can reach into it, and links are made last. So a name in it is free, and a file needs no
temporary one: it is opened, written and closed. That no path from it leads elsewhere is not relied on, for
another process of the same user may put a link anywhere. What is moved out at the end are the topmost names.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path

from ucompress.archive.extracting.openfile import (
    FOLDER_FLAGS,
    Shortfall,
    change_mode,
    symlink,
    temporary_name,
)
from ucompress.archive.extracting.target import TargetFolder
from ucompress.archive.format.entry import show
from ucompress.errors import OutputError
from ucompress.files import write_files

Row = tuple[bytes, int, int, int, int]
"""A file to be made: path, offset and size of its content in a buffer, mode, time in nanoseconds."""


class StagingFolder(TargetFolder):
    """A folder beside what stands in the target already, of the user alone.

    Args:
        target: where it is made; it must have a descriptor.
        name: its name there.
        opened: its descriptor; closed with the object.
    """

    def __init__(self, target: TargetFolder, name: bytes, opened: int) -> None:
        """Take over a folder that was made; see `beside`."""
        super().__init__(Path(os.fsdecode(target.root), os.fsdecode(name)), force=False, opened=opened)
        self._target = target
        self._name = name
        self._opened = opened
        self._kept = self._kept_modes()

    @classmethod
    def beside(cls, target: TargetFolder) -> StagingFolder | None:
        """Make a folder, and open it without following what may have taken its name since.

        Returns:
            None if others may reach into it, as where the file system shows owners and modes of its own
            making (FAT, network shares): nothing is put together there then, and it is removed.

        Raises:
            OutputError: it cannot be made.
        """
        name = temporary_name()
        try:
            os.mkdir(name, 0o700, dir_fd=target.descriptor)
            opened = None
            try:
                opened = os.open(name, FOLDER_FLAGS, dir_fd=target.descriptor)
                made = os.fstat(opened)
                if made.st_uid == os.geteuid() and not stat.S_IMODE(made.st_mode) & 0o077:
                    return cls(target, name, opened)
                os.close(opened)
                os.rmdir(name, dir_fd=target.descriptor)
                return None
            except BaseException:
                if opened is not None:
                    os.close(opened)
                os.rmdir(name, dir_fd=target.descriptor)
                raise
        except OSError as error:
            raise OutputError(
                f"cannot extract to {show(target.root)}: {error.strerror}; nothing was written"
            ).about(target.root) from error

    def _kept_modes(self) -> int:
        """The permission bits that a new file gets as asked for: what the umask and the file system leave."""
        probe = temporary_name()
        descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o777, dir_fd=self._opened)
        try:
            return stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o777
        finally:
            os.close(descriptor)
            os.unlink(probe, dir_fd=self._opened)

    def lands_at(self, path: bytes) -> bytes:
        """Where a member's path stands once it was moved out."""
        return self._target.path_of(path)

    def write(self, data: bytes, rows: Sequence[Row]) -> list[int]:
        """Make files; returns the numbers of the rows that have to be written with more care."""
        return [number for number, _ in write_files(self._opened, data, rows, self._kept)]

    def make_symlink(self, path: bytes, target: bytes, mtime_ns: int) -> list[Shortfall]:
        """Make a symbolic link under its own name at once: nothing can stand there."""
        folder, name = self.place(path)
        return symlink(target, name, folder, mtime_ns)

    def make_hard_link(self, path: bytes, primary: bytes) -> None:
        """Make another name for a file that was written before, at once."""
        folder, name = self.place(path)
        self.link(primary, name, folder)

    def move_out(self, *, force: bool = False) -> bool:
        """Move everything to the target, and remove the folder.

        Args:
            force: where something stands at a name by now, remove what is left here.

        Returns:
            Whether all was moved; else the rest was removed.

        Raises:
            OutputError: something stands at a name by now, without `force`: it and what is left here are left
                untouched; or the system refused.
        """
        try:
            moved = self._moved_out(force=force)
            os.rmdir(self._name, dir_fd=self._target.descriptor)
        except (OSError, OutputError) as error:
            why = str(error)
            if isinstance(error, OSError):
                why = f"cannot move what was unpacked to {show(self._target.root)}: {error.strerror}"
            raise OutputError(f"{why}; what was unpacked and not moved is in {show(self._name)} there").about(
                self._root
            ) from error
        return moved

    def _moved_out(self, *, force: bool) -> bool:
        for name in sorted(map(os.fsencode, os.listdir(self._opened))):  # noqa: PTH208
            try:
                self._target.take(self._opened, name)
            except OutputError:
                if not force:
                    raise
                remove_all(self._opened)
                return False
        return True


def remove_all(folder: int) -> None:
    """Remove all that is in an open folder, however deep, whatever its mode; no link is followed.

    Args:
        folder: its descriptor.
    """
    while names := os.listdir(folder):
        for name in map(os.fsencode, names):
            try:
                os.unlink(name, dir_fd=folder)
            except OSError:
                _remove_folder(folder, name)


def _remove_folder(above: int, name: bytes) -> None:
    """Remove a folder; the folders in it come to stand beside it."""
    change_mode(above, name, 0o700)
    folder = os.open(name, FOLDER_FLAGS, dir_fd=above)
    try:
        for inner in map(os.fsencode, os.listdir(folder)):  # noqa: PTH208
            try:
                os.unlink(inner, dir_fd=folder)
            except OSError:
                change_mode(folder, inner, 0o700)
                os.rename(inner, temporary_name(), src_dir_fd=folder, dst_dir_fd=above)
    finally:
        os.close(folder)
    os.rmdir(name, dir_fd=above)
