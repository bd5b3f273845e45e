"""Writes below one folder and nowhere else: no link below it is ever followed.

Where the system has directory descriptors every component of a path is opened by itself and
must be a real folder. Elsewhere each component is looked at before use, which a process
that changes the folder meanwhile could get around.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from ucompress.archive.extracting.folders import Folders
from ucompress.archive.extracting.openfile import (
    CREATE,
    FOLDER_FLAGS,
    NOFOLLOW,
    Shortfall,
    Xattrs,
    change_mode,
    dress_folder,
    set_time,
    symlink,
    temporary_name,
)
from ucompress.archive.extracting.outcome import Loss
from ucompress.archive.extracting.portable import fold
from ucompress.archive.format.entry import show
from ucompress.errors import OutputError, UnsafeArchiveError
from ucompress.files import rename_new

_BY_DESCRIPTOR = {os.open, os.mkdir, os.stat, os.unlink, os.rename, os.link, os.symlink} <= os.supports_dir_fd

Place = tuple[int | None, bytes]
"""A folder's descriptor (None: none are used) and a name within it, or a whole path."""


class TargetFolder:
    """The folder that members are written to; any number of threads may write.

    Args:
        root: the folder; made if it is not there. It may itself be reached through links.
        force: replace files and links that are there, dress folders that are.
        opened: the folder's descriptor if it is open already; closed with the object.
    """

    def __init__(self, root: Path, *, force: bool, opened: int | None = None) -> None:
        """Open the folder."""
        self._force = force
        self._there: dict[bytes, int] = {}
        self._root = os.fsencode(root)
        self._made: list[Path] = []
        self._root_fd = opened
        try:
            self._made = [folder for folder in (root, *root.parents) if not os.path.lexists(folder)]
            root.mkdir(parents=True, exist_ok=True)
            if _BY_DESCRIPTOR and opened is None:
                self._root_fd = os.open(self._root, FOLDER_FLAGS & ~NOFOLLOW)
        except OSError as error:
            reason = error.strerror or str(error)
            if isinstance(error, FileExistsError | NotADirectoryError):
                reason = "it is, or lies in, something that is no folder"
            raise OutputError(f"cannot extract to {root}: {reason}; nothing was written").about(
                root
            ) from error
        self._folders = None if self._root_fd is None else Folders(self._root_fd)
        self._read_only = not os.access(self._root, os.W_OK | os.X_OK)

    def close(self) -> None:
        """Close all descriptors."""
        if self._folders is not None:
            self._folders.close()
        if self._root_fd is not None:
            os.close(self._root_fd)
            self._root_fd = None

    @property
    def root(self) -> bytes:
        """The folder's path."""
        return self._root

    @property
    def descriptor(self) -> int | None:
        """The folder's descriptor; None where the system has none of folders."""
        return self._root_fd

    def remove_made(self) -> None:
        """Remove the folder and those above it, as far as they were made for it and are still empty."""
        for folder in self._made:
            with contextlib.suppress(OSError):
                folder.rmdir()

    def refuse_if_read_only(self, path: bytes, *, folder: bool) -> None:
        """Raise OutputError if a member could not be made because the folder cannot be written.

        Args:
            path: the member's path.
            folder: whether it is one.
        """
        first, inside, _ = path.partition(b"/")
        if self._read_only and not ((inside or folder) and self.exists(first)):
            raise OutputError(
                f"the folder {show(self._root)} cannot be written; nothing was written: choose another one"
            ).about(self._root)

    def free_bytes(self) -> int | None:
        """Bytes that can still be written to the folder's file system; None if it does not tell."""
        if not hasattr(os, "statvfs"):
            return None
        figures = os.statvfs(self._root)
        return figures.f_bavail * figures.f_frsize

    def free_inodes(self) -> int | None:
        """Files, folders and links that can still be made in the file system; None if it does not tell."""
        if not hasattr(os, "statvfs"):
            return None
        figures = os.statvfs(self._root)
        return figures.f_favail or None

    def is_empty(self) -> bool:
        """Whether nothing is in the folder yet."""
        with os.scandir(self._root) as found:
            return next(found, None) is None

    def folds(self) -> tuple[bool, bool]:
        """Whether the file system takes names for one that differ in case, or in the form of Unicode."""
        name = temporary_name() + "-\u00c5a".encode()
        here = self._root_fd
        path = name if here is not None else os.path.join(self._root, name)  # noqa: PTH118
        try:
            os.close(os.open(path, CREATE, 0o600, dir_fd=here))
            try:
                cases, forms = (self.exists(other) for other in (name[:-1] + b"A", fold(name, case=False)))
            finally:
                os.unlink(path, dir_fd=here)
        except OSError:  # what cannot be written to fails for that
            return False, False
        return cases, forms

    def place(self, path: bytes) -> Place:
        """Where a member's path leads; the folders above it are made, links among them refused."""
        cut = path.rfind(b"/")
        if self._root_fd is None:
            return None, self._checked_path(path)
        if cut < 0:
            return self._root_fd, path
        assert self._folders is not None
        return self._folders.descriptor(path[:cut]), path[cut + 1 :]

    def _checked_path(self, path: bytes, *, make: bool = True) -> bytes:
        """Without descriptors: make, if need be, and look at each folder above the path."""
        where = self._root
        for part in path.split(b"/")[:-1]:
            where = where + os.fsencode(os.sep) + part
            if make:
                with contextlib.suppress(FileExistsError):
                    Path(os.fsdecode(where)).mkdir()
            if not stat.S_ISDIR(os.lstat(where).st_mode):
                raise UnsafeArchiveError(
                    f"{show(where)} is a link or no folder; nothing was written through it"
                )
        return where + os.fsencode(os.sep) + path[path.rfind(b"/") + 1 :]

    def exists(self, path: bytes) -> bool:
        """Whether anything stands at the path, a dangling link included."""
        return os.path.lexists(self.path_of(path))

    def path_of(self, path: bytes) -> bytes:
        """Where a member's path would stand, for messages and a first look; nothing is opened by it."""
        return os.path.join(self._root, path)  # noqa: PTH118

    def lands_at(self, path: bytes) -> bytes:
        """Where a member's path stands in the end."""
        return self.path_of(path)

    def make_folder(self, path: bytes) -> None:
        """Make a folder that can be written to until `finish_folder`; one that is there is kept as it is."""
        folder, name = self.place(path)
        try:
            os.mkdir(name, 0o700, dir_fd=folder)
        except FileExistsError:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if not stat.S_ISDIR(found.st_mode):
                raise UnsafeArchiveError(
                    f"{show(path)} is there and no folder; it was left untouched"
                ) from None
            before = stat.S_IMODE(found.st_mode)
            if not self._force:
                self._there[path] = before
            if before & 0o700 != 0o700:
                change_mode(folder, name, before | 0o700)

    def finish_folder(
        self, path: bytes, mode: int, mtime_ns: int, xattrs: Xattrs = (), *, exact: bool = False
    ) -> list[Shortfall]:
        """Give a folder its attributes, once nothing more is written into it; see `dress_folder`."""
        folder, name = self.place(path)
        if path in self._there:
            if self._there[path] & 0o700 != 0o700:
                change_mode(folder, name, self._there[path])
            return []
        if folder is None:
            missing = [Shortfall(Loss.ATTRIBUTES)] if xattrs else []
            return missing + set_time(name, mtime_ns)
        descriptor = os.open(name, FOLDER_FLAGS, dir_fd=folder)
        try:
            return dress_folder(descriptor, mode, mtime_ns, xattrs, exact=exact)
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def _temporary(self, path: bytes) -> Iterator[tuple[int | None, bytes, bytes]]:
        """A free name beside the path; what stands there afterwards takes the path's place, or is removed."""
        folder, name = self.place(path)
        cut = name.rfind(os.fsencode(os.sep)) + 1 if folder is None else 0
        temporary = name[:cut] + temporary_name()
        try:
            yield folder, name, temporary
            self.publish(folder, temporary, name, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=folder)
            raise

    def publish(self, folder: int | None, temporary: bytes, name: bytes, path: bytes) -> None:
        """Give what stands at a temporary name its own name; without force nothing is replaced."""
        if not self._force:
            self._rename_new(temporary, name, folder, folder, path)
        elif sys.platform == "win32":
            os.replace(temporary, name)  # noqa: PTH105
        else:
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)

    @staticmethod
    def _rename_new(source: bytes, name: bytes, folder: int | None, into: int | None, path: bytes) -> None:
        try:
            rename_new(source, name, folder, into)
        except FileExistsError as error:
            raise OutputError(
                f"{show(path)} is already there; it was left untouched. "
                "--force replaces it (in Python force=True)"
            ) from error

    def take(self, folder: int, name: bytes) -> None:
        """Move what stands at a name in another folder to the same name here, where nothing stands."""
        self._rename_new(name, name, folder, self._root_fd, name)

    def make_symlink(self, path: bytes, target: bytes, mtime_ns: int) -> list[Shortfall]:
        """Make a symbolic link, whatever it points to; tells what it could not be given."""
        with self._temporary(path) as (folder, _, temporary):
            return symlink(target, temporary, folder, mtime_ns)

    def make_hard_link(self, path: bytes, primary: bytes) -> None:
        """Make another name for a file that was written before; no folder above that file is made."""
        with self._temporary(path) as (folder, _, temporary):
            self.link(primary, temporary, folder)
        if self._force:  # where somebody linked the path to the same file meanwhile, renaming did nothing
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary, dir_fd=folder)

    def link(self, primary: bytes, name: bytes, folder: int | None) -> None:
        """Make another name, in an open folder if there is one, for what stands at a member's path."""
        if self._folders is None:
            os.link(self._checked_path(primary, make=False), name)
            return
        cut = primary.rfind(b"/")
        with self._folders.another(primary[: max(cut, 0)]) as above:
            os.link(primary[cut + 1 :], name, src_dir_fd=above, dst_dir_fd=folder, follow_symlinks=False)
