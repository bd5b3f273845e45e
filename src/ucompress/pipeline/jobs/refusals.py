"""What is refused before any work: outputs and databases that cannot be what they are given as."""

from __future__ import annotations

import errno
import os
import tempfile
from concurrent.futures import Executor
from contextlib import suppress
from typing import TYPE_CHECKING

from ucompress.archive.format.layout import MAGIC
from ucompress.archive.writing.partial import partial_name
from ucompress.archive.writing.publishing import NOBODY
from ucompress.config import MEMORY
from ucompress.database import database_files, is_strange
from ucompress.errors import OutputError, UsageError
from ucompress.progress import Renderer
from ucompress.scan.rules import look_at_input, pattern_spec

if TYPE_CHECKING:
    from collections.abc import Container
    from pathlib import Path

    from ucompress.archive import Occupant
    from ucompress.config import CompressionConfig

_UNNAMED = getattr(os, "O_TMPFILE", 0)
_HAS_NO_UNNAMED = (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL)


def partial_path(output: Path) -> Path:
    """Where an archive grows until it is complete."""
    absolute = output.absolute()
    return absolute.with_name(partial_name(absolute.name))


def refuse_strangers(executor: object, renderer: object) -> None:
    """Refuse helpers that are not what they are given as.

    Raises:
        UsageError: one cannot run tasks, or cannot show a run.
    """
    if not isinstance(executor, Executor | None):
        raise UsageError(f"executor must be a concurrent.futures.Executor or None, not {executor!r}")
    if renderer is not None and (isinstance(renderer, type) or not isinstance(renderer, Renderer)):
        raise UsageError(f"renderer must be a Renderer or None, not {renderer!r}")


def refuse_impossible(config: CompressionConfig) -> None:
    """Refuse missing inputs, and outputs that cannot be written or would replace the database.

    Raises:
        UsageError: the output is a folder, or the database; a pattern is malformed; or a recovery record
            cannot be made here.
        OutputError: its folder does not exist or cannot be written.
        InputError: an input does not exist or cannot be packed.
    """
    refuse_bad_inputs(config)
    if config.recovery:
        from ucompress.archive.format.recovery import recovery_library

        recovery_library()
    output = config.output
    if output.is_dir():
        raise UsageError(f"the output {output} is a folder; name a file with -o").about(output)
    folder = output.absolute().parent
    if not folder.is_dir():
        raise OutputError(f"the folder of the output {output} does not exist; nothing was read").about(output)
    try:
        _make_a_file(folder)
    except OSError as error:
        raise OutputError(
            f"the folder of the output {output} cannot be written ({error.strerror or error}); "
            "nothing was read. Name another place with -o"
        ).about(output) from error
    database = config.pipeline.database_path
    if str(database) == MEMORY:
        return
    taken = set(map(str, database_files(os.path.realpath(database))))
    if not taken.isdisjoint(map(os.path.realpath, (output, partial_path(output)))):
        raise UsageError(
            f"{output} is both the output and the database {database}; nothing was written: "
            "choose another database with --database, or another output with -o"
        ).about(output)


def refuse_to_replace(output: Path, *, archives: bool = True) -> None:
    """Refuse an output whose name is taken: what has it may be precious.

    A link is what has the name, whatever it leads to or whether it leads anywhere: an output replaces the
    link, and what it leads to stays.

    Args:
        output: the name.
        archives: whether an archive may be replaced by the output, which is one.

    Raises:
        OutputError: something that is no folder has the name: those are refused whatever the options.
    """
    if not os.path.lexists(output) or output.is_dir():
        return
    what = "exists"
    if output.is_symlink():
        what = "is a link, which is not followed"
    elif archives:
        what = "exists and is no ucompress archive"
        if output.is_file():
            with output.open("rb") as file:
                if file.read(len(MAGIC)) == MAGIC:
                    return
    raise OutputError(
        f"{output} {what}; it was left alone: choose another name (-o), or replace it with --force "
        "(in Python force=True)"
    ).about(output)


def refuse_bad_inputs(config: CompressionConfig) -> None:
    """Refuse inputs that are not there or cannot be packed, and what is no pattern, before anything is made.

    Raises:
        InputError: an input does not exist, cannot be looked at, or is a pipe, a socket or a device.
        UsageError: a pattern is malformed.
    """
    for patterns in (config.include, config.exclude):
        pattern_spec(patterns, below=False)
    for path in config.inputs:
        look_at_input(os.fsencode(path))


def refuse_to_lose(
    config: CompressionConfig, before: Occupant | None, failed: Container[bytes], taken: int
) -> None:
    """Refuse to put an archive that lacks what was asked for in the place of one that may have it.

    Args:
        config: the job.
        before: what may be replaced; None: whatever there is.
        failed: paths of what could not be read.
        taken: number of files and links that can be packed.

    Raises:
        OutputError: an archive would be replaced though nothing was taken, or an input failed altogether.
    """
    if before in (None, NOBODY):
        return
    lost = [str(path) for path in config.inputs if os.fsencode(path) in failed]
    if taken and not lost:
        return
    why = f"{', '.join(lost)} cannot be read" if lost else "no file was taken"
    raise OutputError(
        f"{why}, and {config.output} is an archive already; it was left alone: replace it with --force "
        "(in Python force=True), or choose another name (-o)"
    ).about(config.output)


def refuse_strange_database(config: CompressionConfig) -> None:
    """Refuse to take a file for the database that never was one of ours: it would be moved aside.

    Raises:
        UsageError: somebody else's file stands at the database's name.
    """
    database = config.pipeline.database_path
    if str(database) != MEMORY and is_strange(database):
        raise UsageError(
            f"{database} is no database of ucompress, and was left untouched; "
            "choose another with --database PATH, or --database :memory: to keep nothing"
        ).about(database)


def _make_a_file(folder: Path) -> None:
    """Make a file without a name where the system can; else one with a name, and remove it."""
    if _UNNAMED:
        try:
            os.close(os.open(folder, _UNNAMED | os.O_RDWR, 0o600))
        except OSError as error:
            if error.errno not in _HAS_NO_UNNAMED:
                raise
        else:
            return
    before = folder.stat()
    with tempfile.TemporaryFile(prefix=".ucompress-", dir=folder):
        pass
    with suppress(OSError):  # the folder may be an input: its time is not ours to change
        os.utime(folder, ns=(before.st_atime_ns, before.st_mtime_ns))
