"""The command line: argv becomes a frozen configuration, an error becomes a sentence and an exit code.

One file per group of commands. A command line that says plainly what it means is read here (`declared`)
and loads the command's own file only; whatever else it is, help and errors included, is Typer's (`app`).
"""

from __future__ import annotations

import gc
import io
import os
import signal
import sys


def main() -> None:
    """Run the command line; ends the process with the documented exit code."""
    _end_at_ctrl_c()
    from ucompress.cli.start import run

    _make_streams_safe()
    # NumPy's linear algebra, which nothing here uses, would start a thread for each core: starting them and
    # their turning takes 50 ms of CPU. Whoever sets another number keeps it.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Large trees make many objects and hardly a cycle: looking for cycles took a twentieth of a run.
    gc.set_threshold(1_000_000)
    try:
        run(sys.argv[1:])
    finally:
        _let_go_of_stderr()
        # The process ends: nobody need look through all modules for cycles once more, which takes 25 ms.
        gc.freeze()


def _end_at_ctrl_c() -> None:
    """Until a command has begun, Ctrl-C ends the process as it ends any other: there is nothing to tell."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def _make_streams_safe() -> None:
    """Give streams that were closed a stand-in; characters that they cannot encode become escapes.

    From the lowest descriptor up, so that no file that is opened later gets one of theirs.
    """
    from ucompress.cli.output import closed_stdout, named

    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115  stays open to the end
    sys.stdout = closed_stdout() if sys.stdout is None else named(sys.stdout)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _let_go_of_stderr() -> None:
    """What stderr could not take is dropped: the interpreter's own flush at exit would make it a failure."""
    try:
        sys.stderr.flush()
    except (OSError, ValueError):
        sys.stderr = None
