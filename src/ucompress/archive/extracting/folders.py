"""Descriptors of folders below one: no link on the way to them is followed, whoever puts it there."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from collections.abc import Iterator

from ucompress.archive.extracting.openfile import FOLDER_FLAGS
from ucompress.archive.format.entry import show
from ucompress.errors import UnsafeArchiveError
from ucompress.files import open_folder


class Folders:
    """The folders below one, by their paths from there; any number of threads may ask.

    Args:
        root: descriptor of the one; it stays open.
    """

    def __init__(self, root: int) -> None:
        """No folder is open."""
        self._root = root
        self._local = threading.local()
        self._open: set[int] = set()
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close all descriptors."""
        for descriptor in self._open:
            os.close(descriptor)
        self._open.clear()

    def descriptor(self, folder: bytes) -> int:
        """A descriptor of a folder, which is made if need be; open until the thread asks for another one.

        Raises:
            UnsafeArchiveError: a component of its path is a link or no folder.
            OSError: it cannot be opened or made.
        """
        if getattr(self._local, "folder", None) == folder:
            return int(self._local.descriptor)
        descriptor = self._opened(folder, make=True)
        with self._lock:
            if getattr(self._local, "folder", None) is not None:
                self._open.discard(self._local.descriptor)
                os.close(self._local.descriptor)
            self._open.add(descriptor)
        self._local.folder, self._local.descriptor = folder, descriptor
        return descriptor

    @contextlib.contextmanager
    def another(self, folder: bytes) -> Iterator[int]:
        """A descriptor of a folder that is there, besides the one of `descriptor`; empty: of the one itself.

        Raises:
            UnsafeArchiveError, OSError: as `descriptor`.
        """
        if not folder:
            yield self._root
            return
        descriptor = self._opened(folder, make=False)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _opened(self, folder: bytes, *, make: bool) -> int:
        try:
            return open_folder(self._root, folder)
        except OSError as error:
            if error.errno == errno.ENOENT and not make:
                raise
        descriptor = os.dup(self._root)
        try:
            for part in folder.split(b"/"):
                below = _enter(descriptor, part, folder, make=make)
                os.close(descriptor)
                descriptor = below
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


def _enter(above: int, part: bytes, folder: bytes, *, make: bool) -> int:
    """Open a folder in an open one."""
    for attempt in range(2):
        try:
            return os.open(part, FOLDER_FLAGS, dir_fd=above)
        except FileNotFoundError:
            if attempt or not make:
                raise
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, 0o777, dir_fd=above)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR):
                raise UnsafeArchiveError(
                    f"{show(folder)}: {show(part)} is a link or no folder; nothing was written through it"
                ) from error
            raise
    raise AssertionError("a folder vanished twice")
