"""Opening the archive that a command names; standard input is spooled, for reading needs to seek."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ucompress.cli.options import DEFAULT_MAX_MEMORY
from ucompress.cli.output import complain
from ucompress.config import MEMORY, MIB
from ucompress.errors import ArchiveError, CorruptArchiveError, InputError, OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

    from ucompress.archive import Archive, Entry

STDIN = Path("-")
IN_MEMORY = Path(MEMORY)


@contextmanager
def opened(path: Path, *, recover: bool = False, memory: int = DEFAULT_MAX_MEMORY) -> Iterator[Archive]:
    """The archive at a path, or on standard input.

    Args:
        path: where it is; `-` for standard input.
        recover: take what is left of an archive whose end is damaged or cut off.
        memory: most MB that its decoder may take.

    Raises:
        InputError: there is no such file, or it cannot be read.
        CorruptArchiveError: it cannot be opened.
    """
    try:
        with _archive(path, recover=recover, memory_bound=memory * MIB) as archive:
            if archive.recovered:
                complain(f"{archive.name}: the end is damaged or cut off; members may be missing")
            yield archive
    except ArchiveError as error:
        if error.path is None and path != STDIN:
            error.about(path)
        raise


@contextmanager
def _archive(path: Path, **options: Any) -> Iterator[Archive]:
    from ucompress.archive import Archive

    if path != STDIN:
        with Archive(path, **options) as archive:
            yield archive
        return
    with _spooled() as spool, Archive(spool, name="standard input", **options) as archive:
        yield archive


@contextmanager
def _spooled() -> Iterator[BinaryIO]:
    """What comes in, as a file that can be read at any place."""
    import tempfile

    refuse_stdin("an archive", "name a file")
    with ExitStack() as stack:
        try:
            spool = stack.enter_context(tempfile.TemporaryFile(prefix="ucompress-"))
            while data := from_stdin():
                spool.write(data)
            spool.flush()
        except OSError as error:
            folder = tempfile.gettempdir()
            raise OutputError(
                f"cannot keep standard input in {folder}, where it has to be to read an archive from it: "
                f"{error.strerror or error}; nothing was written. Name a file, or another folder with TMPDIR"
            ).about(folder) from error
        if not spool.tell():
            raise CorruptArchiveError("standard input is empty: there is no archive in it")
        yield spool


def refuse_stdin(what: str, otherwise: str) -> None:
    """Refuse to read bytes from standard input where none can come.

    Args:
        what: what they should be.
        otherwise: what to do instead.

    Raises:
        UsageError: it is a terminal.
        InputError: it is closed.
    """
    if sys.__stdin__ is None:
        raise InputError(f"standard input is closed: send {what} through a pipe, or {otherwise}")
    if sys.stdin.isatty():
        raise UsageError(f"standard input is a terminal: send {what} through a pipe, or {otherwise}")


def from_stdin() -> bytes:
    """What comes next on standard input; nothing at its end.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return sys.stdin.buffer.read(1 << 20)
    except OSError as error:
        raise InputError(f"cannot read standard input: {error.strerror or error}") from error


def how_to_mend(source: Archive, path: Path) -> str:
    """What to say of a damaged archive that has a recovery record; nothing of others."""
    if path == STDIN or not source.has_record:
        return ""
    import shlex

    return f"; `ucompress repair {shlex.quote(os.fspath(path))}` may mend this"


def lost_with_index(count: int) -> str:
    """What to say of members whose index pages are lost; of -1 that nothing tells how many they are."""
    from ucompress.render.format import counted

    if count < 0:
        return "members cannot even be named, and nothing tells how many: the index lost them"
    return f"{counted(count, 'member')} cannot even be named: the index lost them"


def refuse_lost(source: Archive, path: Path) -> None:
    """Raise CorruptArchiveError where members were passed over, once all others have been told."""
    if source.lost_entries:
        lost = lost_with_index(source.lost_entries)
        raise CorruptArchiveError(f"{source.name} is damaged: {lost}{how_to_mend(source, path)}")


def selected(
    archive: Archive, members: list[str] | None, tell_lost: Callable[[bytes, str], None]
) -> Iterator[Entry]:
    """The entries of the members named, each with all that is below it; all without names.

    Args:
        archive: the archive.
        members: names; None or an empty list: everything.
        tell_lost: called at the end with each name that may be lost with the index, and why it is not found.

    Raises:
        MemberNotFoundError: a name that the archive does not have.
    """
    from ucompress.archive.extracting.selection import select, why_lost

    lost = list[bytes]()
    yield from select(archive, [member_path(name) for name in members] if members else None, lost)
    for name in lost:
        tell_lost(name, why_lost(archive))


def refuse_no_database(path: Path) -> None:
    """Raise InputError where no database stands that could be looked into."""
    if path == IN_MEMORY:
        raise InputError(f"{path} keeps nothing that could be looked into: name a database's file")
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is no file, and so no database").about(path)
    if not path.exists():
        raise InputError(
            f"there is no database {path}: `ucompress analyze PATH` makes one, and so does `compress`"
        ).about(path)


def member_path(name: str) -> bytes:
    """A member as it is named on the command line; a slash at the end means nothing."""
    return os.fsencode(name).rstrip(b"/") or b"/"
