"""What goes where: data and JSON to stdout, the rest to stderr, never binary to a terminal."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO

from ucompress.errors import OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

    from ucompress.render import JsonLines


STANDARD_OUTPUT = "standard output"
"""The file name of errors that come from writing there."""


class _Named(io.FileIO):
    """Standard output whose errors say so: those of descriptors have no name.

    Attributes:
        outlived: whether a reader that is gone, or never was there, is no reason to stop.
    """

    outlived = False

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if self.outlived and error.errno in (errno.EPIPE, errno.EBADF):
                return memoryview(data).nbytes
            error.filename = STANDARD_OUTPUT
            raise


def named(stream: TextIO) -> TextIO:
    """The same stream, from which errors of writing come with a file name; terminals as they are."""
    if not isinstance(stream, io.TextIOWrapper) or stream.isatty():
        return stream
    stream.flush()
    return _writing(_Named(stream.fileno(), "w", closefd=False), stream.encoding)


def closed_stdout() -> TextIO:
    """What stands in for a standard output that was closed: writing fails as it would there."""
    return _writing(_Named(os.open(os.devnull, os.O_RDONLY), "w"), "utf-8")


def _writing(raw: _Named, encoding: str) -> TextIO:
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, "backslashreplace", newline="\n")


def outlive_reader(outlived: bool = True) -> None:
    """Go on where nobody reads standard output any more: what is done counts, not the report."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if isinstance(raw, _Named):
        raw.outlived = outlived


def tell(line: str) -> None:
    """One line on stderr; where nobody reads that any more, the command goes on without a word."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def complain(message: str) -> None:
    """One sentence on stderr about what went wrong."""
    from ucompress.render.format import display_text

    tell(f"ucompress: {display_text(message)}")


def json_lines() -> JsonLines:
    """Writes documents to stdout."""
    from ucompress.render import JsonLines

    return JsonLines(sys.stdout)


def write_error_document(message: str, **fields: Any) -> None:
    """The error that ends a command, for `--json`."""
    from ucompress.progress.documents import error_document

    json_lines().write(error_document(message, **fields))


def write_warning_document(message: str) -> None:
    """Something worth knowing that did no harm, for `--json`."""
    from ucompress.progress import Notice, Severity, notice_document

    json_lines().write(notice_document(Notice(message, severity=Severity.WARNING)))


def refuse_stdout(what: str, *, force: bool = False) -> None:
    """Refuse to write bytes to standard output where nobody could use them.

    Raises:
        UsageError: it is a terminal, and `force` is off.
        OutputError: it is closed.
    """
    if sys.stdout.isatty() and not force:
        raise UsageError(f"{what} would go to the terminal: send it to a file or a pipe")
    if sys.__stdout__ is None:
        raise OutputError(f"standard output is closed: there is nowhere to write {what} to")


@contextmanager
def binary_stdout(what: str) -> Iterator[BinaryIO]:
    """Standard output for bytes; on the way out all of them are written.

    Raises:
        OutputError: its reader left before it had everything.
    """
    outlive_reader(False)
    try:
        sys.stdout.flush()
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except BrokenPipeError as error:
        raise OutputError(
            f"the reader of standard output left before the end: what it got of {what} is not whole"
        ) from error


def write_path(path: bytes, *, before: str = "", after: bytes = b"", end: bytes = b"\n") -> None:
    """A member's path on a line; its bytes go out as they are, but not to a terminal."""
    if sys.stdout.isatty():
        from ucompress.render.format import display_path

        sys.stdout.write(f"{before}{display_path(path)}{display_path(after)}\n")
    else:
        sys.stdout.buffer.write(os.fsencode(before) + path + after + end)


def write_paths(portions: Iterable[list[bytes]], *, end: bytes = b"\n") -> None:
    """`write_path` of each path of some lists."""
    for paths in portions:
        if sys.stdout.isatty():
            for path in paths:
                write_path(path)
        elif paths:
            sys.stdout.buffer.write(end.join(paths) + end)


def write_table(rows: Iterable[tuple[str, str]]) -> None:
    """Names and values in two columns."""
    table = list(rows)
    width = max((len(name) for name, _ in table), default=0)
    for name, value in table:
        sys.stdout.write(f"{name:<{width}}  {value}\n")
