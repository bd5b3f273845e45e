"""What is done with a file or folder that is open: parts written, attributes set."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable

from blake3 import blake3

NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
FOLDER_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | NOFOLLOW | getattr(os, "O_CLOEXEC", 0)
REOPEN = os.O_RDWR | NOFOLLOW | getattr(os, "O_BINARY", 0)
CREATE = REOPEN | os.O_CREAT | os.O_EXCL
Xattrs = tuple[tuple[bytes, bytes], ...]


def write_parts(descriptor: int, parts: Iterable[tuple[int, memoryview]]) -> None:
    """Write bytes at their offsets."""
    for offset, data in parts:
        os.lseek(descriptor, offset, os.SEEK_SET)
        while data:
            data = data[os.write(descriptor, data) :]


def content_hash(descriptor: int) -> blake3:
    """BLAKE3 of an open file's content."""
    hasher = blake3()
    os.lseek(descriptor, 0, os.SEEK_SET)
    while data := os.read(descriptor, 1 << 20):
        hasher.update(data)
    return hasher


def dress(descriptor: int, mode: int, mtime_ns: int, xattrs: Xattrs) -> None:
    """Attributes, mode and time of an open file or folder; what the file system cannot keep is left out.

    Args:
        descriptor: of a file or folder that is ours.
        mode: its permission bits, those of set-user-ID, set-group-ID and sticky among them.
        mtime_ns: time of modification, in nanoseconds since 1970.
        xattrs: names and values.

    Raises:
        OSError: the mode cannot be set for another reason than that the file system has none.
    """
    if hasattr(os, "setxattr"):
        for name, value in xattrs:
            with contextlib.suppress(OSError):
                os.setxattr(descriptor, name, value)
    if hasattr(os, "fchmod"):
        # Where the file system has no modes it may say so; the file is ours, so nothing else forbids it.
        with contextlib.suppress(PermissionError):
            os.fchmod(descriptor, mode)
    with contextlib.suppress(OSError, OverflowError):
        os.utime(descriptor, ns=(mtime_ns, mtime_ns))


def dress_folder(descriptor: int, mode: int, mtime_ns: int, xattrs: Xattrs, *, exact: bool) -> None:
    """`dress` for a folder.

    Args:
        descriptor, mode, mtime_ns, xattrs: as of `dress`.
        exact: the mode is set as it is; else set-group-ID is kept where the folder has it from the one
            around it.

    Raises:
        OSError: as `dress`.
    """
    if not exact:
        mode |= os.fstat(descriptor).st_mode & stat.S_ISGID
    dress(descriptor, mode, mtime_ns, xattrs)


def symlink(target: bytes, name: bytes, folder: int | None, mtime_ns: int) -> None:
    """Make a symbolic link with its time.

    Args:
        target: what it points to.
        name: the link's name.
        folder: descriptor of the folder that the name is in; None: `name` is a path.
        mtime_ns: nanoseconds since 1970.
    """
    os.symlink(target, name, dir_fd=folder)
    # A system may be unable to give a link a time, or this time: the link itself is what counts.
    with contextlib.suppress(OSError, OverflowError, NotImplementedError):
        os.utime(name, ns=(mtime_ns, mtime_ns), dir_fd=folder, follow_symlinks=False)


def change_mode(above: int | None, name: bytes, mode: int) -> None:
    """Give a folder another mode, as far as the system can; a link in its place is not followed.

    Args:
        above: descriptor of the folder around it; None: `name` is a path.
        name: its name there.
        mode: permission bits.
    """
    path_only = getattr(os, "O_PATH", 0)
    # Where a system cannot do this, working in the folder tells why, with its name.
    with contextlib.suppress(OSError, NotImplementedError):
        if not path_only:
            os.chmod(name, mode, dir_fd=above, follow_symlinks=above is None)
            return
        descriptor = os.open(name, FOLDER_FLAGS | path_only, dir_fd=above)
        try:
            os.chmod(f"/proc/self/fd/{descriptor}", mode)  # noqa: PTH101
        finally:
            os.close(descriptor)


def temporary_name() -> bytes:
    """A name that nothing else has."""
    return b".ucompress-" + os.urandom(8).hex().encode()
