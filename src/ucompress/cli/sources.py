"""Opening the archive that a command names; standard input is spooled, for reading needs to seek."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ucompress.cli.output import complain
from ucompress.errors import CorruptArchiveError, InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from ucompress.archive import Archive, Entry

STDIN = Path("-")


@contextmanager
def opened(path: Path, *, recover: bool = False) -> Iterator[Archive]:
    """The archive at a path, or on standard input.

    Args:
        path: where it is; `-` for standard input.
        recover: take what is left of an archive whose end is damaged or cut off.

    Raises:
        InputError: there is no such file, or it cannot be read.
        CorruptArchiveError: it cannot be opened; says so if `--recover` could help.
    """
    with _stream(path) as stream, _archive(stream, recover=recover) as archive:
        if archive.recovered:
            complain(f"{path}: the end is damaged or cut off; members may be missing")
        yield archive


def _archive(stream: BinaryIO, *, recover: bool) -> Archive:
    from ucompress.archive import Archive
    from ucompress.archive.layout import MAGIC

    try:
        return Archive(stream, recover=recover)
    except CorruptArchiveError as error:
        stream.seek(0)
        if recover or stream.read(len(MAGIC)) != MAGIC:
            raise
        raise CorruptArchiveError(f"{error}; what is left of it may be read with --recover") from error


@contextmanager
def _stream(path: Path) -> Iterator[BinaryIO]:
    if path != STDIN:
        try:
            file = path.open("rb")
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror or error}") from error
        with file:
            yield file
        return
    if sys.stdin.isatty():
        raise UsageError("standard input is a terminal: send an archive through a pipe, or name a file")
    with tempfile.TemporaryFile(prefix="ucompress-") as spool:
        shutil.copyfileobj(sys.stdin.buffer, spool, 1 << 20)
        if not spool.tell():
            raise CorruptArchiveError("standard input is empty: there is no archive in it")
        yield spool


def selected(archive: Archive, members: list[str] | None) -> Iterator[Entry]:
    """The entries of the members named, each with all that is below it; all without names.

    Raises:
        MemberNotFoundError: a name that the archive does not have.
    """
    from ucompress.archive.extract import select

    return select(archive, [os.fsencode(name).rstrip(b"/") for name in members] if members else None)
