"""Opening the archive that a command names; standard input is spooled, for reading needs to seek."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ucompress.errors import CorruptArchiveError, InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ucompress.archive import Archive, Entry

STDIN = Path("-")


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """The archive at a path, or on standard input.

    Raises:
        InputError: there is no such file, or it cannot be read.
    """
    from ucompress.archive import Archive

    if path != STDIN:
        try:
            archive = Archive(path)
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror or error}") from error
        with archive:
            yield archive
        return
    if sys.stdin.isatty():
        raise UsageError("standard input is a terminal: send an archive through a pipe, or name a file")
    with tempfile.TemporaryFile(prefix="ucompress-") as spool:
        shutil.copyfileobj(sys.stdin.buffer, spool, 1 << 20)
        if not spool.tell():
            raise CorruptArchiveError("standard input is empty: there is no archive in it")
        spool.seek(0)
        with Archive(spool) as archive:
            yield archive


def selected(archive: Archive, members: list[str] | None) -> Iterator[Entry]:
    """The entries of the members named, each with all that is below it; all without names.

    Raises:
        MemberNotFoundError: a name that the archive does not have.
    """
    from ucompress.archive.extract import select

    return select(archive, [os.fsencode(name).rstrip(b"/") for name in members] if members else None)
