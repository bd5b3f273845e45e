"""Opening the partial file: one writer at a time, and nobody else's file."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

from ucompress.archive.format.layout import MAGIC
from ucompress.checksum import digest
from ucompress.errors import CorruptArchiveError, JobBusyError, OutputError

try:
    import fcntl
except ImportError:  # Windows: an open file cannot be renamed there, which keeps a second writer out
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FLAGS = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


LONGEST_NAME = 255
"""Bytes of a name that file systems take."""


def partial_name(name: str, mark: str = "") -> str:
    """What a file is called while it is written: its own name within, or its hash where that gets too long.

    Args:
        name: its final name.
        mark: tells files of the same final name apart.
    """
    partial = f".{name}{mark}.partial"
    if len(os.fsencode(partial)) <= LONGEST_NAME:
        return partial
    return f".{digest(os.fsencode(name)).hex()}{mark}.partial"


def open_partial(path: Path, *, create: bool) -> BinaryIO:
    """Open a partial file for reading and writing, locked until it is closed; its bytes stay.

    Args:
        path: the partial file.
        create: make it where it does not exist.

    Raises:
        JobBusyError: another process writes it.
        OutputError: something else stands there; it is left as it is.
        OSError: it cannot be opened.
    """
    while True:
        descriptor = os.open(path, _FLAGS | (os.O_CREAT if create else 0), 0o666)
        try:
            _lock(descriptor, path)
            status = os.fstat(descriptor)
            ours = _is_at(path, status)
            if ours:
                _refuse_foreign(descriptor, status, path)
        except BaseException:
            os.close(descriptor)
            raise
        if ours:
            return os.fdopen(descriptor, "r+b")
        os.close(descriptor)  # it was renamed or removed before the lock was ours


@contextmanager
def new_partial(final: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A new file beside a name, to be written and read, and its path; removed unless all goes well.

    Raises:
        OSError: it cannot be made.
    """
    path = final.with_name(partial_name(final.name, f".{os.urandom(4).hex()}"))
    descriptor = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o666)
    with os.fdopen(descriptor, "r+b") as file:
        try:
            yield path, file
        except BaseException:
            with suppress(OSError):
                path.unlink()
            raise


@contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """Raise what the file system refuses as an error about the file that is being written."""
    try:
        yield
    except (OSError, CorruptArchiveError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        if not isinstance(cause, OSError):
            raise
        # What was written is read again: a sector of it that cannot be is no damaged archive.
        raise OutputError(f"cannot write {path}: {cause.strerror}").about(path) from error


def _lock(descriptor: int, path: Path) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise JobBusyError(
            f"another process is writing {path}; wait for it to end, or choose another output"
        ) from error


def _is_at(path: Path, status: os.stat_result) -> bool:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return False
    return (found.st_dev, found.st_ino) == (status.st_dev, status.st_ino)


def _refuse_foreign(descriptor: int, status: os.stat_result, path: Path) -> None:
    """A partial archive is a regular file that is empty or begins as archives do, or with zeros.

    The latter is what a power failure may leave where later bytes reached the disk and the first did not.
    """
    if stat.S_ISREG(status.st_mode):
        os.lseek(descriptor, 0, os.SEEK_SET)
        begin = os.read(descriptor, len(MAGIC))
        os.lseek(descriptor, 0, os.SEEK_SET)
        if begin in (MAGIC[: len(begin)], bytes(len(begin))):
            return
    raise OutputError(
        f"{path} is in the way and is no partial archive; it was left untouched. "
        "Move it away, or choose another output"
    )
