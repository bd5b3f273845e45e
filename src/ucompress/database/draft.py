"""Small files of the state folder, written beside their names; what killed processes left goes away."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PREFIX = ".draft-"
_FLAGS = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


@contextmanager
def draft(path: Path, content: bytes) -> Iterator[Path]:
    """A file beside `path` that has `content`, on the disk too; afterwards it is gone or has another name.

    Its writer holds a lock on it, by which drafts of processes that died are told from those being written.

    Raises:
        OSError: the folder does not allow it.
    """
    _remove_left(path.parent)
    handle, name = _new(path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            if fcntl is None:
                file.close()  # Windows renames no file that is open
            yield Path(name)
    finally:
        with suppress(OSError):
            Path(name).unlink()


def _new(folder: Path) -> tuple[int, str]:
    """A new locked file; once more where another process took it for one that was left."""
    while True:
        handle, name = tempfile.mkstemp(prefix=PREFIX, dir=folder)
        _lock(handle, wait=True)
        if os.fstat(handle).st_nlink:
            return handle, name
        os.close(handle)


def _remove_left(folder: Path) -> None:
    for path in folder.glob(f"{PREFIX}*"):
        with suppress(OSError):
            _remove_unlocked(path)


def _remove_unlocked(path: Path) -> None:
    handle = os.open(path, _FLAGS)
    try:
        if _lock(handle, wait=False):
            path.unlink()
    finally:
        os.close(handle)


def _lock(handle: int, *, wait: bool) -> bool:
    """Lock an open file until it is closed; False where another process holds it, or there are no locks."""
    try:
        if fcntl is not None:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return fcntl is not None
