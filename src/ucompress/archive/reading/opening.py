"""From a file to its header and directory: what a reader needs before the first member."""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ucompress.archive.format.directory import Directory
from ucompress.archive.format.layout import (
    DIRECTORY_LIMIT,
    END_MAGIC,
    FOOTER_SIZE,
    HEADER_SIZE,
    MAGIC,
    SECTION_HEADER_SIZE,
    ArchiveHeader,
    Footer,
    check,
)
from ucompress.archive.format.parity import payload_of
from ucompress.archive.format.source import FileSource
from ucompress.errors import CorruptArchiveError, InputError, UnsupportedArchiveError, UsageError

TAIL = 64 << 10
"""Bytes read first, from the end: enough for footer and directory of most archives."""

APPENDED = 1 << 20
"""Bytes behind an archive's end in which that is looked for."""


@dataclass(slots=True)
class Opened:
    """What opening an archive found.

    Attributes:
        header: what the archive declares.
        directory: where everything is.
        footer: None if the archive was recovered.
        errata_known: False if errata may have been lost, with the archive's end or by damage of their pages.
    """

    header: ArchiveHeader
    directory: Directory
    footer: Footer | None
    errata_known: bool = True


def open_file(path: str) -> BinaryIO:
    """Open an archive's file for reading.

    Raises:
        InputError: it cannot be read, or is no file that can be read at any place.
        UsageError: the path is empty.
    """
    if not path:  # `Path` would make the current folder of it
        raise UsageError("the archive's name is empty, and would name nothing")
    try:
        mode = Path(path).stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISBLK(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "a pipe or device"
            raise InputError(
                f"cannot read {path}: it is {what}, and reading an archive takes a regular file"
            ).about(path)
        return Path(path).open("rb")
    except (OSError, ValueError) as error:  # a name with a zero byte is a ValueError
        raise InputError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}").about(
            path
        ) from error


def binary_file(file: BinaryIO) -> BinaryIO:
    """A file that was given open; TypeError if it is something else, UsageError if it was closed."""
    lacking = not all(hasattr(file, name) for name in ("closed", "read", "seek", "tell"))
    if lacking or isinstance(file, io.TextIOBase):
        kind = type(file).__name__
        raise TypeError(f"an archive is a path, or a seekable file opened in binary, not {kind}")
    if file.closed:
        raise UsageError("the file that should be the archive was closed: give one that is open, or a path")
    return file


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Put the archive's name before the message of what goes wrong inside."""
    try:
        yield
    except (CorruptArchiveError, UnsupportedArchiveError) as error:
        if str(error).startswith(f"{name}: "):
            raise
        raise type(error)(f"{name}: {error}") from error


def open_archive(source: FileSource, *, recover: bool) -> Opened:
    """Find footer and directory; in at most two reads if nothing is damaged.

    Args:
        source: the archive.
        recover: search the whole archive for what is left if footer or directory are damaged, or blocks
            do not stand where the directory says.

    Raises:
        CorruptArchiveError: damaged, truncated, or no archive.
        UnsupportedArchiveError: needs what this program does not have.
    """
    try:
        with source.explaining(0, source.size):
            opened = _open(source)
        if recover:
            from ucompress.archive.reading.salvage import find_moved

            find_moved(source, opened.directory)
        return opened
    except CorruptArchiveError as error:
        header = _first_header(source)
        if not recover:
            from ucompress.archive.format.recovery import has_record

            mend = "`ucompress repair` may mend this; else " if has_record(source) else ""
            raise CorruptArchiveError(
                f"{error}; nothing was changed. {mend}`extract --recover` may still find members "
                "(in Python recover=True)"
            ) from error
    from ucompress.archive.reading.salvage import survey

    directory = survey(source, header)
    errata = directory.errata
    whole = errata.section_at > 0 and sum(errata.sizes) == errata.payload_length
    return Opened(header, directory, None, errata_known=whole)


def _first_header(source: FileSource) -> ArchiveHeader:
    """The header, or else the footer's copy; tells what is no archive, and what is too new."""
    try:
        return ArchiveHeader.from_bytes(source.read_at(0, HEADER_SIZE))
    except CorruptArchiveError:
        if source.size < FOOTER_SIZE:
            raise
        try:
            footer = Footer.from_bytes(source.read_at(source.size - FOOTER_SIZE, FOOTER_SIZE))
        except CorruptArchiveError:
            footer = None
        if footer is None:
            raise
        return ArchiveHeader.from_bytes(footer.header)


def _end_before(source: FileSource) -> int | None:
    """Where an archive ends that bytes were appended to, up to `APPENDED` of them; None if none does."""
    start = max(0, source.size - APPENDED - FOOTER_SIZE)
    data = source.read_past(start, source.size - start)
    at = data.rfind(END_MAGIC)
    while at >= 0:
        end = at + len(END_MAGIC)
        with suppress(CorruptArchiveError, UnsupportedArchiveError):
            footer = Footer.from_bytes(data[max(0, end - FOOTER_SIZE) : end])
            begin, length = footer.directory_at + SECTION_HEADER_SIZE, footer.directory_length
            # The end of another archive, which is stored in this one, says where that has its directory.
            inside = begin + length + FOOTER_SIZE <= start + end and length <= DIRECTORY_LIMIT
            if inside and check(source.read_past(begin, length), 8) == footer.directory_check:
                return start + end
        at = data.rfind(END_MAGIC, 0, at)
    return None


def _open(source: FileSource) -> Opened:
    if source.size < HEADER_SIZE + FOOTER_SIZE:
        if source.read_at(0, len(MAGIC)) != MAGIC:
            raise CorruptArchiveError("not a ucompress archive")
        raise CorruptArchiveError("the archive is truncated")
    start = max(0, source.size - TAIL)
    tail = source.read_past(start, TAIL)
    try:
        footer = Footer.from_bytes(tail[-FOOTER_SIZE:])
    except CorruptArchiveError as error:
        end = _end_before(source)
        if end is None:
            raise
        raise CorruptArchiveError(
            f"the archive ends after {end} bytes, and {source.size - end} more follow that are not its own"
        ) from error
    header = ArchiveHeader.from_bytes(footer.header)
    at, length = footer.directory_at, footer.directory_length
    if not at >= HEADER_SIZE or at + SECTION_HEADER_SIZE + length > source.size or length > DIRECTORY_LIMIT:
        raise CorruptArchiveError("the directory lies outside the archive")
    begin = at + SECTION_HEADER_SIZE
    payload = tail[begin - start :][:length] if begin >= start else source.read_past(begin, length)
    if check(payload, 8) != footer.directory_check:
        payload = payload_of(source, at, length).repair(0, length)
        if check(payload, 8) != footer.directory_check:
            raise CorruptArchiveError("the directory is damaged beyond repair")
    return Opened(header, Directory.from_bytes(payload, source.size), footer)
