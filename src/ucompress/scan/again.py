"""Looking again at the files of a scan, when some of them turn out to have changed since."""

from __future__ import annotations

import stat
from collections.abc import Collection

from ucompress.scan.manifest import (
    Manifest,
    MemberKind,
    ScanNote,
    date_housing,
    kept_time,
    name_hard_links,
    reordered,
)
from ucompress.scan.opening import look_at

_WORD = (1 << 64) - 1
_TYPES = {
    MemberKind.FILE: (stat.S_IFREG, "no regular file"),
    MemberKind.HARDLINK: (stat.S_IFREG, "no regular file"),
    MemberKind.DIRECTORY: (stat.S_IFDIR, "no folder"),
}


def is_as_scanned(manifest: Manifest, index: int, *, untouched: bool = False) -> bool:
    """Whether a regular file stands where entry `index` was found, with the size and time it had then.

    Args:
        manifest: the scan.
        index: the entry.
        untouched: also the time of its last change of any kind, attributes and names included.
    """
    try:
        status = look_at(manifest.source(index))
    except OSError:
        return False
    if untouched and kept_time(status.st_ctime_ns) != manifest.ctimes_ns[index]:
        return False
    return stat.S_ISREG(status.st_mode) and (
        status.st_size,
        kept_time(status.st_mtime_ns),
        status.st_ino & _WORD,
        status.st_dev & _WORD,
    ) == (manifest.sizes[index], manifest.mtimes_ns[index], manifest.inodes[index], manifest.devices[index])


def look_again(manifest: Manifest, leave_out: Collection[bytes] = ()) -> tuple[Manifest, list[ScanNote]]:
    """The scan with its files and folders as they are now; what is new among them is not looked for.

    Args:
        manifest: the scan, which stays as it is.
        leave_out: file system paths of files that keep changing.

    Returns:
        The new scan, and what it has no more, with the reason. When the primary of a hard
        link is gone, its lowest other name becomes the primary.
    """
    found = reordered(manifest, list(range(len(manifest))))
    kept: list[int] = []
    gone: list[ScanNote] = []
    for index, kind in enumerate(manifest.kinds):
        if kind in _TYPES:
            if manifest.source(index) in leave_out:
                reason = "kept changing while it was read; left out"
            else:
                reason = _refresh(found, index)
            if reason:
                gone.append(ScanNote(manifest.paths[index], reason))
                continue
            if kind == MemberKind.HARDLINK:
                found.kinds[index] = MemberKind.FILE
                del found.targets[index]
        kept.append(index)
    again = reordered(found, kept)
    name_hard_links(again)
    date_housing(again)
    return again, gone


def _refresh(found: Manifest, index: int) -> str:
    """Bring the columns of an entry up to date; the reason, where it is not what it was any more."""
    form, what = _TYPES[MemberKind(found.kinds[index])]
    try:
        status = look_at(found.source(index))
    except OSError as error:
        return f"vanished or became unreadable while it was packed ({error.strerror or error})"
    if stat.S_IFMT(status.st_mode) != form:
        return f"vanished while it was packed; what stands there now is {what}"
    found.modes[index] = status.st_mode
    found.mtimes_ns[index] = kept_time(status.st_mtime_ns)
    found.ctimes_ns[index] = kept_time(status.st_ctime_ns)
    found.sizes[index] = status.st_size if form == stat.S_IFREG else 0
    found.inodes[index] = status.st_ino & _WORD
    found.devices[index] = status.st_dev & _WORD
    found.nlinks[index] = status.st_nlink
    return ""
