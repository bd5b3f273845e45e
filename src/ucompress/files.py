"""Many files made, read or seen in one call; folders listed, opened, synced; renames that replace nothing."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

from ucompress import _core
from ucompress._core import list_folder, look_at_files, read_and_look, read_spans, write_files

__all__ = [
    "list_folder",
    "look_at_files",
    "open_folder",
    "read_and_look",
    "read_spans",
    "rename_new",
    "sync_folder",
    "write_files",
]

if TYPE_CHECKING:
    from pathlib import Path

_HERE: Final = -100
"""Relative paths start from the current folder (AT_FDCWD)."""


def open_folder(folder: int, path: bytes) -> int:
    """Open a folder below another one, no link in its path followed.

    Args:
        folder: descriptor of the other one.
        path: from there.

    Returns:
        A descriptor.

    Raises:
        OSError: it cannot be opened; ELOOP, ENOTDIR or EXDEV where a link or something else is in the way, or
            the path leaves the folder.
    """
    opened = _core.open_folder(folder, path)
    if opened < 0:
        raise OSError(-opened, os.strerror(-opened), os.fsdecode(path))
    return opened


def rename_new(source: bytes, target: bytes, folder: int | None = None, into: int | None = None) -> None:
    """Rename, unless something has the new name: in one step where the system can, else after a look.

    Args:
        source, target: the names.
        folder, into: descriptors of the folders that they start from; None: the current one.

    Raises:
        FileExistsError: something has the new name; both were left as they are.
        OSError: as `os.rename`.
    """
    failed = _core.rename_new(
        _HERE if folder is None else folder, source, _HERE if into is None else into, target
    )
    if failed == errno.ENOSYS:
        _rename_after_a_look(source, target, folder, into)
    elif failed:
        raise OSError(failed, os.strerror(failed), os.fsdecode(target))


def sync_folder(folder: Path) -> None:
    """Wait until a folder's names are on the disk, where a folder can be asked.

    Raises:
        OSError: it does not confirm them.
    """
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rename_after_a_look(source: bytes, target: bytes, folder: int | None, into: int | None) -> None:
    if os.name == "nt":
        os.rename(source, target)  # noqa: PTH104  never replaces there
        return
    try:
        os.stat(target, dir_fd=into, follow_symlinks=False)
    except FileNotFoundError:
        os.rename(source, target, src_dir_fd=folder, dst_dir_fd=into)
        return
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fsdecode(target))
