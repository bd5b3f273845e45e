"""Opening paths that may be longer than the system takes in one call."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ucompress.files import open_folder

LONGEST_STEP = 2048
_WINDOWS = os.name == "nt"
READING = os.O_RDONLY
for _flag in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"):
    READING |= getattr(os, _flag, 0)
"""Flags to open a file for reading: links are not followed, FIFOs do not block."""


def open_source(path: bytes, root: bytes | None = None) -> int:
    """Open a scanned file for reading and return its descriptor.

    The last part is not followed if it has become a symbolic link, a FIFO does not block, and
    paths longer than the system's limit are walked in steps.

    Args:
        path: where it lies.
        root: the input that it belongs to: no folder below that is followed if it has become a link. Without
            one, what is read must be judged by something else, such as its digest or the file's identity.

    Raises:
        OSError: as `os.open`; also where a FIFO, a device or a folder has taken the file's place.
    """
    if root is None:
        descriptor = open_long(path, READING)
    else:
        with inside(root, path) as (folder, name):
            descriptor = os.open(name, READING, dir_fd=folder)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file any more", os.fsdecode(path))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


@contextmanager
def _folder_of(path: bytes) -> Iterator[tuple[int, bytes]]:
    """The folder of a path of any length, open, and the name in it."""
    folder, name = os.path.split(path)
    descriptor = open_long(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor, name
    finally:
        os.close(descriptor)


@contextmanager
def inside(root: bytes, path: bytes) -> Iterator[tuple[int | None, bytes]]:
    """The folder of a path that begins with `root`, open, and the name in it; None for the current folder.

    Raises:
        OSError: it cannot be opened; ENOTDIR where `root` or a folder below it is a link, or none, by now.
    """
    below = path[len(root) :].lstrip(b"/")
    if not below or _WINDOWS:
        yield None, path
        return
    folder, name = os.path.split(below)
    with ExitStack() as opened:
        try:
            descriptor = open_long(root, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            opened.callback(os.close, descriptor)
            if folder:
                descriptor = open_folder(descriptor, folder)
                opened.callback(os.close, descriptor)
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.ENOTDIR, errno.EXDEV):
                raise
            why = "a folder on the way to it is a link by now, or none"
            raise OSError(errno.ENOTDIR, why, os.fsdecode(path)) from error
        yield descriptor, name


def look_inside(root: bytes, path: bytes) -> os.stat_result:
    """`look_at` of a path that begins with `root`, below which no link is followed."""
    with inside(root, path) as (folder, name):
        return os.lstat(name, dir_fd=folder)


def look_at(path: bytes) -> os.stat_result:
    """`os.lstat` for paths of any length."""
    if len(path) <= LONGEST_STEP or _WINDOWS:
        return os.lstat(path)
    with _folder_of(path) as (folder, name):
        return os.lstat(name, dir_fd=folder)


def open_long(path: bytes, flags: int) -> int:
    """`os.open` for paths of any length."""
    try:
        return os.open(path, flags)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG or _WINDOWS or len(path) <= LONGEST_STEP:
            raise
    folder = None
    try:
        while len(path) > LONGEST_STEP:
            cut = path.rfind(b"/", 1, LONGEST_STEP)
            if cut < 0:
                break
            step = os.open(path[:cut], os.O_RDONLY | os.O_DIRECTORY, dir_fd=folder)
            if folder is not None:
                os.close(folder)
            folder, path = step, path[cut:].lstrip(b"/")
        return os.open(path, flags, dir_fd=folder)
    finally:
        if folder is not None:
            os.close(folder)


def read_whole(path: bytes) -> bytes:
    """The bytes of a small file."""
    descriptor = open_long(path, READING)
    try:
        file = open(descriptor, "rb", closefd=False)  # noqa: SIM115
        return file.read()
    finally:
        os.close(descriptor)


def read_link(source: bytes) -> bytes:
    """`os.readlink` for paths of any length."""
    if len(source) <= LONGEST_STEP or _WINDOWS:
        return os.readlink(source)
    with _folder_of(source) as (folder, name):
        return os.readlink(name, dir_fd=folder)


Xattrs = tuple[tuple[bytes, bytes], ...]


def read_xattrs(source: bytes | int) -> tuple[Xattrs, list[bytes], OSError | None]:
    """The `user.*` attributes of a file or folder, sorted by name, for descriptors and paths of any length.

    Returns:
        The attributes, the names of those that are left out (others, and what may not be read), and why the
        first one could not be read, if that failed.

    Raises:
        OSError: the file cannot be opened, or its file system has no attributes.
    """
    if isinstance(source, int):
        return _read_xattrs(source)
    if len(source) <= LONGEST_STEP:
        return _read_xattrs(source, follow_symlinks=False)
    descriptor = open_long(source, READING)
    try:
        return _read_xattrs(descriptor)
    finally:
        os.close(descriptor)


def _read_xattrs(
    place: bytes | int, *, follow_symlinks: bool = True
) -> tuple[Xattrs, list[bytes], OSError | None]:
    found, left, failure = {}, [], None
    for name in os.listxattr(place, follow_symlinks=follow_symlinks):
        raw = os.fsencode(name)
        try:
            if name.startswith("user."):
                found[raw] = os.getxattr(place, name, follow_symlinks=follow_symlinks)
                continue
        except OSError as error:
            if error.errno == errno.ENODATA:  # it was removed meanwhile
                continue
            if error.errno != errno.EACCES:  # whose content may not be read either, which is told
                failure = failure or error
                continue
        left.append(raw)
    return tuple(sorted(found.items())), left, failure
