"""Looking again at the files of a scan, when some of them turn out to have changed since."""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ucompress.files import look_at_files
from ucompress.scan.building import reordered
from ucompress.scan.fitting import xattrs_fault
from ucompress.scan.manifest import (
    Manifest,
    MemberKind,
    ScanNote,
    date_housing,
    kept_identity,
    kept_time,
    name_hard_links,
)
from ucompress.scan.opening import READING, Xattrs, inside, look_at, look_inside, read_xattrs

if TYPE_CHECKING:
    from numpy.typing import NDArray

_AT_ONCE = 4096
_PROBES = 8
"""Times that a name and what opens by it are compared."""
_STATUS = [("size", "u8"), ("mtime_ns", "i8"), ("ctime_ns", "i8"), ("inode", "u8"), ("device", "u8")]
_PACKED = struct.Struct("=QqqQQ")

NO_STATUS = _PACKED.pack((1 << 64) - 1, 0, 0, 0, 0)
"""What stands for the status of a file that cannot be told."""

_TYPES = {
    MemberKind.FILE: (stat.S_IFREG, "no regular file"),
    MemberKind.HARDLINK: (stat.S_IFREG, "no regular file"),
    MemberKind.DIRECTORY: (stat.S_IFDIR, "no folder"),
}


def not_as_scanned(
    manifest: Manifest, indexes: Sequence[int] | NDArray[np.int64], *, untouched: bool = False
) -> list[int]:
    """Entries where no regular file of the size and time that the scan saw stands any more.

    Args:
        manifest: the scan.
        indexes: entries of regular files.
        untouched: also those whose attributes or names have changed since (ctime).
    """
    doubtful: list[int] = []
    for first in range(0, len(indexes), _AT_ONCE):
        rows = np.asarray(indexes[first : first + _AT_ONCE], np.int64)
        doubtful += _doubtful(manifest, rows, untouched=untouched)
        manifest.spill.release()
    return [index for index in doubtful if not _is_as_scanned(manifest, index, untouched=untouched)]


def _doubtful(manifest: Manifest, rows: NDArray[np.int64], *, untouched: bool) -> list[int]:
    """Those that are not as they were by one quick look, which does not know e.g. very long paths."""
    indexes = rows.tolist()
    same = are_as_scanned(manifest, rows, look_at_files(manifest.sources(indexes)), untouched=untouched)
    return [index for index, found in zip(indexes, same.tolist(), strict=True) if not found]


def status_of(descriptor: int) -> bytes:
    """The status of an open file, as `look_at_files` tells it."""
    status = os.fstat(descriptor)
    times = kept_time(status.st_mtime_ns), kept_time(status.st_ctime_ns)
    return _PACKED.pack(status.st_size, *times, *kept_identity(status))


def statuses(packed: bytes) -> NDArray[np.void]:
    """Statuses end to end, as `look_at_files` tells them, as rows of five numbers."""
    return np.frombuffer(packed, _STATUS)


def are_as_scanned(
    manifest: Manifest, rows: NDArray[np.int64], seen: bytes, *, untouched: bool = False
) -> NDArray[np.bool_]:
    """Of which entries a status tells that the file is as the scan saw it.

    Args:
        manifest: the scan.
        rows: entries of regular files.
        seen: the status of each, as `look_at_files` tells it.
        untouched: as in `not_as_scanned`.
    """
    found, same = statuses(seen), have_scanned_size(manifest, rows, seen)
    for name, column in (
        ("mtime_ns", manifest.mtimes_ns),
        ("inode", manifest.inodes),
        ("device", manifest.devices),
        *([("ctime_ns", manifest.ctimes_ns)] if untouched else []),
    ):
        same &= found[name] == np.frombuffer(column, found.dtype[name])[rows]
    return same


def have_scanned_size(manifest: Manifest, rows: NDArray[np.int64], seen: bytes) -> NDArray[np.bool_]:
    """The same, of what another machine tells: that may know a file by other numbers and times."""
    same: NDArray[np.bool_] = statuses(seen)["size"] == np.frombuffer(manifest.sizes, np.uint64)[rows]
    return same


def is_of_scanned(manifest: Manifest, index: int, seen: bytes) -> bool:
    """Whether a status is of the file that an entry is of, however it has changed since."""
    (found,) = statuses(seen)
    return bool(found["inode"] == manifest.inodes[index] and found["device"] == manifest.devices[index])


def _is_as_scanned(manifest: Manifest, index: int, *, untouched: bool) -> bool:
    try:
        status = look_at(manifest.source(index))
    except OSError:
        return False
    if untouched and kept_time(status.st_ctime_ns) != manifest.ctimes_ns[index]:
        return False
    return stat.S_ISREG(status.st_mode) and (
        status.st_size,
        kept_time(status.st_mtime_ns),
        *kept_identity(status),
    ) == (manifest.sizes[index], manifest.mtimes_ns[index], manifest.inodes[index], manifest.devices[index])


def is_numbered_otherwise(manifest: Manifest, index: int, seen: bytes) -> bool:
    """Whether the file system tells other numbers of an entry's open file than by its name.

    The name and the file opened by it are looked at in one folder, several times: of a name that another
    file has for a moment they are the same.

    Args:
        manifest: the scan.
        index: an entry of a regular file.
        seen: the status of an open file, as `look_at_files` tells it; its size and times must be the entry's.
    """
    (read,) = statuses(seen)
    same = (manifest.sizes[index], manifest.mtimes_ns[index], manifest.ctimes_ns[index])
    if (read["size"], read["mtime_ns"], read["ctime_ns"]) != same:
        return False
    try:
        with inside(manifest.root(index), manifest.source(index)) as (folder, name):
            for _ in range(_PROBES):
                descriptor = os.open(name, READING, dir_fd=folder)
                try:
                    (opened,) = statuses(status_of(descriptor))
                finally:
                    os.close(descriptor)
                named = kept_identity(os.lstat(name, dir_fd=folder))
                if opened != read or named != (manifest.inodes[index], manifest.devices[index]):
                    return False
    except OSError:
        return False
    return True


def look_like(paths: Sequence[bytes], sizes: Sequence[int], mtimes_ns: Sequence[int]) -> bool:
    """Whether all files have these sizes and times on the machine that asks."""
    seen = statuses(look_at_files(list(paths)))
    same = (seen["size"] == np.array(sizes, np.uint64)) & (seen["mtime_ns"] == np.array(mtimes_ns, np.int64))
    # What the quick way does not know, such as very long paths, is looked at again alone.
    return all(_has(paths[row], sizes[row], mtimes_ns[row]) for row in np.flatnonzero(~same).tolist())


def _has(path: bytes, size: int, mtime_ns: int) -> bool:
    try:
        status = look_at(path)
    except OSError:
        return False
    return (status.st_size, kept_time(status.st_mtime_ns)) == (size, mtime_ns)


def look_again(manifest: Manifest) -> tuple[Manifest, list[ScanNote]]:
    """The scan with its files and folders as they are now; what is new among them is not looked for.

    Args:
        manifest: the scan, which stays as it is.

    Returns:
        The new scan, and what it has no more, with the reason. When the primary of a hard
        link is gone, its lowest other name becomes the primary.
    """
    found = reordered(manifest, range(len(manifest)), manifest.spill)
    kept: list[int] = []
    gone: list[ScanNote] = []
    for index, kind in enumerate(manifest.kinds):
        if kind in _TYPES:
            reason = refresh(found, index)
            if reason:
                gone.append(ScanNote(manifest.paths[index], reason))
                continue
            if kind == MemberKind.HARDLINK:
                found.kinds[index] = MemberKind.FILE  # and has no target any more
        kept.append(index)
    again = reordered(found, kept, manifest.spill)
    name_hard_links(again)
    date_housing(again)
    return again, gone


def attributes_now(descriptor: int) -> tuple[Xattrs, str | None]:
    """The `user.*` attributes of an open file or folder, and why an archive will not have them all."""
    if not hasattr(os, "listxattr"):
        return (), None
    try:
        kept, _, failure = read_xattrs(descriptor)
    except OSError as error:
        # The file system has none, or who may not read them may not read the file either.
        if error.errno in (errno.ENOTSUP, errno.ENOSYS, errno.EACCES):
            return (), None
        kept, failure = (), error
    if failure is not None:
        return kept, f"packed, but its attributes cannot be read: {failure.strerror or failure}"
    fault = xattrs_fault(kept)
    return (kept, None) if fault is None else ((), fault)


def _attributes_of(root: bytes, source: bytes, status: os.stat_result) -> tuple[Xattrs, str | None]:
    """`attributes_now` of what stands at a path that begins with `root`, if it still has that status."""
    if not hasattr(os, "listxattr"):
        return (), None
    try:
        with inside(root, source) as (folder, name):
            descriptor = os.open(name, READING, dir_fd=folder)
        try:
            if kept_identity(os.fstat(descriptor)) == kept_identity(status):
                return attributes_now(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno == errno.EACCES:  # who may not read a file may not read its attributes either
            return (), None
        return (), f"packed, but its attributes cannot be read: {error.strerror or error}"
    return (), None  # another file by now, which whoever reads it will notice


def refresh(found: Manifest, index: int, *, same: bool = False) -> str:
    """Bring the columns of an entry, a file or folder, up to date; why not, where it is none now.

    Args:
        found: the scan: one that `look_again` makes, or that of the last round, before anything rests on
            the entry.
        index: the entry.
        same: only if it is still the file that the entry is of.
    """
    form, what = _TYPES[MemberKind(found.kinds[index])]
    root, source = found.root(index), found.source(index)
    try:
        status = look_inside(root, source)
    except OSError as error:
        return f"vanished or became unreadable while it was packed ({error.strerror or error})"
    if stat.S_IFMT(status.st_mode) != form:
        return f"vanished while it was packed; what stands there now is {what}"
    known = kept_identity(status) == (found.inodes[index], found.devices[index])
    if same and not known:
        return "vanished while it was packed; what stands there now is another file"
    if not known or kept_time(status.st_ctime_ns) != found.ctimes_ns[index]:
        xattrs, fault = _attributes_of(root, source, status)
        found.xattrs.pop(index, None)
        if xattrs:
            found.xattrs[index] = xattrs
        if fault is not None:
            found.errors.append(ScanNote(found.paths[index], fault, packed=True))
    found.modes[index] = status.st_mode
    found.mtimes_ns[index] = kept_time(status.st_mtime_ns)
    found.ctimes_ns[index] = kept_time(status.st_ctime_ns)
    found.sizes[index] = status.st_size if form == stat.S_IFREG else 0
    found.inodes[index], found.devices[index] = kept_identity(status)
    found.nlinks[index] = status.st_nlink
    return ""
