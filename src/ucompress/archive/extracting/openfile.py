"""What is done with a file or folder that is open: parts written, attributes set."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Container, Iterable
from typing import NamedTuple

from blake3 import blake3

from ucompress.archive.extracting.outcome import Loss
from ucompress.archive.format.entry import show

NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
FOLDER_FLAGS = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | NOFOLLOW | getattr(os, "O_CLOEXEC", 0)
REOPEN = os.O_RDWR | NOFOLLOW | getattr(os, "O_BINARY", 0)
CREATE = REOPEN | os.O_CREAT | os.O_EXCL
Xattrs = tuple[tuple[bytes, bytes], ...]


_NO_SUCH_THING = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
_NO_SUCH_TIME = (*_NO_SUCH_THING, errno.EINVAL, errno.EOVERFLOW)


class Shortfall(NamedTuple):
    """Something that a file or folder could not be given.

    Attributes:
        what: of which kind.
        part: the same for people.
        why: what failed; empty where the file system has no such thing, or not for us.
    """

    what: Loss
    part: str = ""
    why: str = ""


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


def dress(descriptor: int, mode: int, mtime_ns: int, xattrs: Xattrs) -> list[Shortfall]:
    """Give an open file or folder attributes, mode and time, as far as they can be set.

    Args:
        descriptor: of a file or folder that is ours.
        mode: its permission bits, those of set-user-ID, set-group-ID and sticky among them.
        mtime_ns: time of modification, in nanoseconds since 1970.
        xattrs: names and values.

    Returns:
        What could not be set.
    """
    missing = _set_xattrs(descriptor, xattrs) if xattrs else []
    if hasattr(os, "fchmod"):
        try:
            os.fchmod(descriptor, mode)
        except OSError as error:
            missing.append(_shortfall(Loss.MODES, "its mode", error, _NO_SUCH_THING))
    return missing + set_time(descriptor, mtime_ns)


def _set_xattrs(descriptor: int, xattrs: Xattrs) -> list[Shortfall]:
    """Set attributes; tells of the first that cannot be set."""
    if not hasattr(os, "setxattr"):
        return [Shortfall(Loss.ATTRIBUTES)]
    missing: list[Shortfall] = []
    for name, value in xattrs:
        try:
            os.setxattr(descriptor, name, value)
        except OSError as error:
            part = f"its attribute {show(name)}"
            missing.append(_shortfall(Loss.ATTRIBUTES, part, error, _NO_SUCH_THING))
    return sorted(missing, key=lambda shortfall: not shortfall.why)[:1]


def set_time(place: int | bytes, mtime_ns: int, folder: int | None = None) -> list[Shortfall]:
    """Set the time of modification.

    Args:
        place: an open file or folder, or a name, which is not followed if it is a link.
        mtime_ns: nanoseconds since 1970.
        folder: descriptor of the folder that a name is in; None: it is a path.

    Returns:
        That it could not be set, if so.
    """
    try:
        if isinstance(place, int):
            os.utime(place, ns=(mtime_ns, mtime_ns))
        else:
            os.utime(place, ns=(mtime_ns, mtime_ns), dir_fd=folder, follow_symlinks=False)
    except (OverflowError, NotImplementedError):
        # No such time here, or no time for links: the report counts it among what the system does not have.
        return [Shortfall(Loss.TIMES)]
    except OSError as error:
        return [_shortfall(Loss.TIMES, "its time", error, _NO_SUCH_TIME)]
    return []


def _shortfall(what: Loss, part: str, error: OSError, harmless: Container[int | None]) -> Shortfall:
    return Shortfall(what, part, "" if error.errno in harmless else error.strerror or str(error))


def dress_folder(
    descriptor: int, mode: int, mtime_ns: int, xattrs: Xattrs, *, exact: bool
) -> list[Shortfall]:
    """`dress` for a folder.

    Args:
        descriptor, mode, mtime_ns, xattrs: as of `dress`.
        exact: the mode is set as it is; else set-group-ID is kept where the folder has it from the one
            around it.

    Returns:
        What could not be set.
    """
    if not exact:
        mode |= os.fstat(descriptor).st_mode & stat.S_ISGID
    return dress(descriptor, mode, mtime_ns, xattrs)


def symlink(target: bytes, name: bytes, folder: int | None, mtime_ns: int) -> list[Shortfall]:
    """Make a symbolic link with its time.

    Args:
        target: what it points to.
        name: the link's name.
        folder: descriptor of the folder that the name is in; None: `name` is a path.
        mtime_ns: nanoseconds since 1970.

    Returns:
        What could not be set.
    """
    os.symlink(target, name, dir_fd=folder)
    return set_time(name, mtime_ns, folder)


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
