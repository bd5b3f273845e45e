"""The application: its commands, and what becomes of an error."""

from __future__ import annotations

import os
import re
import sys
import traceback
from contextlib import suppress
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ucompress import __version__
from ucompress.cli import archives, extract, job, learned, state
from ucompress.cli.output import complain, tell, write_error_document
from ucompress.errors import CompressionError, InterruptedJobError, UsageError

INTERRUPTED = 130
_LEVEL = re.compile(r"-[1-9]")


class Commands(TyperGroup):
    """Runs a command; every failure of ours ends as one sentence on stderr and its own exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except BrokenPipeError:
            # Only standard output gets here: what goes to stderr is written by `tell`, which never fails.
            # Its reader has seen enough (`ucompress list | head`): that is success. The descriptor is
            # pointed elsewhere so that the interpreter's own flush at exit does not fail again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except KeyboardInterrupt as error:
            raise fail("interrupted", error, INTERRUPTED) from None
        except CompressionError as error:
            raise fail(str(error), error, exit_code_of(error)) from None
        except OSError as error:
            raise fail(_sentence(error), error) from None
        except MemoryError as error:
            advice = "the system has no memory left: try fewer --threads or a lower --memory-limit"
            raise fail(advice, error) from None
        except Exception as error:
            if type(error).__module__.partition(".")[0] in ("click", "typer"):
                _tell_usage_as_json(error)
                raise
            if _wants("-v", "--verbose"):
                tell("".join(traceback.format_exception(error)).rstrip())
            kind = type(error).__name__
            raise fail(
                f"this is an error in ucompress itself, please report it: {kind}: {error}", error
            ) from None


def fail(message: str, error: BaseException, exit_code: int = CompressionError.exit_code) -> typer.Exit:
    """Tell why the command ends, on stderr and with `--json` on stdout too; returns what ends it."""
    notes = list(getattr(error, "__notes__", ()))
    for line in (message, *notes):
        complain(line)
    cause = error.__cause__
    while cause is not None and _wants("-v", "--verbose"):
        complain(f"caused by {type(cause).__name__}: {cause}")
        cause = cause.__cause__
    if _wants("--json"):
        with suppress(OSError):
            write_error_document(
                "; ".join((message, *notes)),
                path=_path_of(error),
                kind=type(error).__name__,
                exit_code=exit_code,
            )
    return typer.Exit(exit_code)


def _tell_usage_as_json(error: Exception) -> None:
    """A command line that cannot be understood ends with a document too; Typer tells people."""
    told = getattr(error, "format_message", None)
    if told is not None and _wants("--json"):
        exit_code = getattr(error, "exit_code", UsageError.exit_code)
        write_error_document(told(), kind=UsageError.__name__, exit_code=exit_code)


def _path_of(error: BaseException) -> bytes | None:
    """The file that an error is about, where it knows."""
    path = error.path if isinstance(error, CompressionError) else getattr(error, "filename", None)
    return os.fsencode(path) if isinstance(path, str | bytes) else None


def _wants(*options: str) -> bool:
    """Whether one of these stands on the command line; for errors that come before options are parsed."""
    return not set(options).isdisjoint(_before_names(sys.argv))


def exit_code_of(error: CompressionError) -> int:
    """The code of the error's class; for a signal 128 and its number."""
    if isinstance(error, InterruptedJobError):
        return 128 + error.signal_number
    return error.exit_code


def _sentence(error: OSError) -> str:
    where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    return f"{where}{error.strerror or error}"


def spelled_out(arguments: list[str]) -> list[str]:
    """Write `-6` as `--level=6`; what follows `--` are names and stays."""
    options = _before_names(arguments)
    spelled = [f"--level={word[1]}" if _LEVEL.fullmatch(word) else word for word in options]
    return spelled + arguments[len(options) :]


def _before_names(arguments: list[str]) -> list[str]:
    """What stands before `--`."""
    return arguments[: arguments.index("--")] if "--" in arguments else arguments


def _print_version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"ucompress {__version__}\n")
        raise typer.Exit


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Pack whole trees: as small as a solid archive, with every file one short read away."""


app.command()(job.compress)
app.command()(extract.extract)
app.command("decompress", hidden=True)(extract.extract)
app.command("list")(archives.list_members)
app.command()(archives.info)
app.command()(archives.cat)
app.command()(archives.verify)
app.command()(learned.patterns)
app.command()(job.analyze)
app.command()(state.resume)
app.command()(state.status)
app.command()(learned.train)
