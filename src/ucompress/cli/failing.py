"""What becomes of an error: a sentence on stderr and an exit code."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ucompress.cli.ending import ending_in_order
from ucompress.cli.output import STANDARD_OUTPUT, complain, tell, write_error_document
from ucompress.errors import CompressionError, InterruptedJobError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

INTERRUPTED = 130
NOWHERE = "the current folder was removed: change to one that is there, and start again"

_given: dict[str, Any] = {}
"""The arguments of the command that runs, by their names; nothing before they are known."""


def remember(arguments: Mapping[str, Any]) -> None:
    """Note the arguments of the command that runs: how its errors are told depends on them."""
    _given.clear()
    _given.update(arguments)


@contextmanager
def telling_errors() -> Iterator[None]:
    """Within, every failure of ours ends the process with one sentence on stderr and its own exit code."""
    try:
        with ending_in_order():
            yield
            sys.stdout.flush()
    except BrokenPipeError:
        # Only text on standard output gets here: what goes to stderr is written by `tell`, which never
        # fails, or by Typer. Its reader has seen enough (`ucompress list | head`): that is success.
        _let_go_of_stdout()
        raise SystemExit(0) from None
    except KeyboardInterrupt as error:
        raise _fail("interrupted", error, INTERRUPTED) from None
    except CompressionError as error:
        raise _fail(str(error), error, exit_code_of(error)) from None
    except OSError as error:
        raise _fail(_sentence(error), error) from None
    except MemoryError as error:
        advice = "the system has no memory left: try fewer --threads or a lower --memory-limit"
        raise _fail(advice, error) from None
    except Exception as error:
        if type(error).__module__.partition(".")[0] in ("click", "typer"):
            _tell_usage_as_json(error)
            raise
        if _wants("verbose"):
            import traceback

            tell("".join(traceback.format_exception(error)).rstrip())
        kind = type(error).__name__
        raise _fail(
            f"this is an error in ucompress itself, please report it: {kind}: {error}", error
        ) from None


def before_names(arguments: list[str]) -> list[str]:
    """What stands before `--`."""
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def exit_code_of(error: CompressionError) -> int:
    """The code of the error's class; for a signal 128 and its number."""
    if isinstance(error, InterruptedJobError):
        return 128 + error.signal_number
    return error.exit_code


def _fail(message: str, error: BaseException, exit_code: int = CompressionError.exit_code) -> SystemExit:
    """Tell why the command ends, on stderr and with `--json` on stdout too; returns what ends it."""
    notes = list(getattr(error, "__notes__", ()))
    if isinstance(error.__cause__, FileNotFoundError) and _is_nowhere():
        notes.append(NOWHERE)
    for line in (message, *notes):
        complain(line)
    cause = error.__cause__
    while cause is not None and _wants("verbose"):
        complain(f"caused by {type(cause).__name__}: {cause}")
        cause = cause.__cause__
    with _last_words():
        if _wants("json"):
            write_error_document(
                "; ".join((message, *notes)),
                path=_path_of(error),
                kind=type(error).__name__,
                exit_code=exit_code,
            )
    return SystemExit(exit_code)


@contextmanager
def _last_words() -> Iterator[None]:
    """What a failing command writes to stdout or has written: if that fails, the first failure counts."""
    try:
        yield
        sys.stdout.flush()
    except OSError:
        _let_go_of_stdout()


def _tell_usage_as_json(error: Exception) -> None:
    """A command line that cannot be understood ends with a document too; Typer tells people."""
    told = getattr(error, "format_message", None)
    if told is not None and _wants("json"):
        exit_code = getattr(error, "exit_code", UsageError.exit_code)
        with _last_words():
            write_error_document(told(), kind=UsageError.__name__, exit_code=exit_code)


def _path_of(error: BaseException) -> bytes | None:
    """The file that an error is about, where it knows."""
    path = error.path if isinstance(error, CompressionError) else getattr(error, "filename", None)
    return os.fsencode(path) if isinstance(path, str | bytes) else None


def _wants(option: str) -> bool:
    """Whether a flag was given; until arguments are known, whether it stands on the command line."""
    if _given:
        return bool(_given.get(option))
    return f"--{option}" in before_names(sys.argv)


def _sentence(error: OSError) -> str:
    what = error.strerror or str(error)
    if error.filename is None and error.errno == errno.ENOENT and _is_nowhere():
        return NOWHERE
    if error.filename == STANDARD_OUTPUT:
        _let_go_of_stdout()
        if error.errno == errno.EBADF:
            return "standard output is closed: there is nowhere to write to"
        return f"cannot write standard output: {what}; what it got is not whole. Send it elsewhere"
    where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    return f"{where}{what}"


def _is_nowhere() -> bool:
    """Whether the current folder is gone, which no error names."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def _let_go_of_stdout() -> None:
    """Point standard output elsewhere, so that the interpreter's own flush at exit does not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
