"""Shows runs and answers: live on a terminal, as plain lines, as JSON lines.

rich is imported only when something is drawn on a terminal.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, TextIO

from ucompress.lazy import loader_of

if TYPE_CHECKING:
    from ucompress.progress import Renderer
    from ucompress.render.json_lines import JsonLines, JsonRenderer
    from ucompress.render.plain import PlainRenderer

_HOMES = {
    "JsonLines": "ucompress.render.json_lines",
    "JsonRenderer": "ucompress.render.json_lines",
    "PlainRenderer": "ucompress.render.plain",
}

__all__ = ["JsonLines", "JsonRenderer", "PlainRenderer", "choose_renderer", "is_terminal"]


__getattr__ = loader_of(globals(), _HOMES)


def is_terminal(stream: TextIO) -> bool:
    """Whether a stream is a terminal that can redraw its lines."""
    try:
        return stream.isatty() and os.environ.get("TERM") != "dumb"
    except ValueError:
        return False


def choose_renderer(
    *, json: bool = False, quiet: bool = False, stdout: TextIO | None = None, stderr: TextIO | None = None
) -> Renderer | None:
    """The renderer for a command: JSON lines on stdout, else for people on stderr; None shows nothing.

    Args:
        json: `--json` was given.
        quiet: no progress; of JSON lines only notices, errors and the summary stay.
        stdout: None takes the process's.
        stderr: None takes the process's.
    """
    if json:
        from ucompress.render.json_lines import JsonLines, JsonRenderer

        return JsonRenderer(JsonLines(stdout or sys.stdout), progress=not quiet)
    if quiet:
        return None
    stream = stderr or sys.stderr
    if not is_terminal(stream):
        from ucompress.render.plain import PlainRenderer

        return PlainRenderer(stream)
    from rich.console import Console

    from ucompress.render.rich_renderer import RichRenderer

    return RichRenderer(Console(file=stream))
