"""A file that is put together in parts before it gets its name."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable, Sequence

from ucompress.archive.extracting.openfile import (
    CREATE,
    REOPEN,
    Shortfall,
    Xattrs,
    content_hash,
    dress,
    temporary_name,
    write_parts,
)
from ucompress.archive.extracting.target import TargetFolder
from ucompress.archive.format.entry import show
from ucompress.errors import OutputError


class Draft:
    """A file under a temporary name, written in parts from any thread, then given its own name.

    Nothing is made until the first write.

    Args:
        target: the folder.
        path: member path.
    """

    def __init__(self, target: TargetFolder, path: bytes) -> None:
        """Choose the temporary name."""
        self._target = target
        self._path = path
        self._made = False
        self._dead = False
        self._lock = threading.Lock()
        self._name = temporary_name()

    def _place(self) -> tuple[int | None, bytes, bytes]:
        folder, name = self._target.place(self._path)
        cut = name.rfind(os.fsencode(os.sep)) + 1 if folder is None else 0
        return folder, name, name[:cut] + self._name

    def _open(self) -> int:
        folder, _, temporary = self._place()
        with self._lock:
            if self._dead:
                raise OutputError(f"{show(self._path)} was given up")
            if not self._made:
                descriptor = os.open(temporary, CREATE, 0o600, dir_fd=folder)
                self._made = True
                return descriptor
        return os.open(temporary, REOPEN, dir_fd=folder)

    def write(self, parts: Iterable[tuple[int, memoryview]]) -> None:
        """Write bytes at their offsets."""
        descriptor = self._open()
        try:
            write_parts(descriptor, parts)
        finally:
            os.close(descriptor)

    def complete(
        self,
        parts: Iterable[tuple[int, memoryview]],
        size: int,
        digest: bytes | None,
        mode: int,
        mtime_ns: int,
        xattrs: Xattrs,
    ) -> Sequence[Shortfall] | None:
        """Write the last parts, compare the hash, set attributes and give the file its name.

        Args:
            parts: offsets and bytes; what no part covers is a hole.
            size: the file's size.
            digest: first bytes of the content's BLAKE3; None compares nothing.
            mode, mtime_ns, xattrs: set before the file gets its name.

        Returns:
            What it could not be given; None if the hash differs: the file then never gets its name.
        """
        descriptor = self._open()
        try:
            write_parts(descriptor, parts)
            os.ftruncate(descriptor, size)
            if digest is not None and content_hash(descriptor).digest(len(digest)) != digest:
                return None
            missing = dress(descriptor, mode, mtime_ns, xattrs)
        finally:
            os.close(descriptor)
        folder, name, temporary = self._place()
        self._target.publish(folder, temporary, name, self._path)
        self._made = False
        return missing

    def discard(self) -> None:
        """Remove what was written under the temporary name; nothing can be written any more."""
        with self._lock:
            self._dead = True
            if self._made:
                folder, _, temporary = self._place()
                with contextlib.suppress(OSError):
                    os.unlink(temporary, dir_fd=folder)
                self._made = False
