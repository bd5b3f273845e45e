"""The two ways into a command: at once where the words mean it plainly, else through Typer."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any

from ucompress.cli.commands import COMMANDS, command_named
from ucompress.cli.declared import plainly_meant, valued_options
from ucompress.cli.failing import remember, telling_errors
from ucompress.cli.output import outlive_reader
from ucompress.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

_LEVEL = re.compile(r"-[1-9][0-9]*")

READING = frozenset({"list", "info", "cat", "patterns", "status"})
"""Commands of which nothing is left to do where nobody reads what they write."""


def run(arguments: list[str]) -> None:
    """Run the command that words name.

    Raises:
        SystemExit: the command failed, or Typer told what is wrong with the words.
    """
    words = spelled_out(arguments)
    remember({})
    if words and words[0] in COMMANDS and words[0] not in READING:
        outlive_reader()
    with telling_errors():
        call = _quickly(words)
        if call is not None:
            call()
        else:
            _through_typer(words)


def _through_typer(words: list[str]) -> None:
    """Run the command that words name, or answer as Typer does."""
    from ucompress.cli.app import app

    try:
        app(words, prog_name="ucompress")
    except (SystemExit, OSError) as end:
        # What is wrong with the words decides, also where stderr cannot take it (OSError, or 1 from Rich).
        wrong: BaseException | None = end
        while wrong is not None and not hasattr(wrong, "format_message"):
            wrong = wrong.__context__
        if wrong is not None:
            raise SystemExit(getattr(wrong, "exit_code", UsageError.exit_code)) from None
        if not isinstance(end, SystemExit) or end.code:
            raise


def spelled_out(arguments: list[str]) -> list[str]:
    """Write `-6` as `--level=6` for commands that have levels; values, and names behind `--`, stay."""
    if not any(map(_LEVEL.fullmatch, arguments)) or arguments[0] not in COMMANDS:
        return arguments
    valued = valued_options(command_named(arguments[0]))
    if "--level" not in valued:
        return arguments
    spelled, rest = list[str](), iter(arguments)
    for word in rest:
        if word == "--":
            return [*spelled, word, *rest]
        spelled.append(f"--level={word[1:]}" if _LEVEL.fullmatch(word) else word)
        if _awaits_value(word, valued):
            spelled.extend(islice(rest, 1))
    return spelled


def _awaits_value(word: str, valued: set[str]) -> bool:
    """Whether the next word is the value of an option in this one, which may be several short ones."""
    if word.startswith("--") or not word.startswith("-"):
        return word in valued
    ends = [at for at in range(1, len(word)) if f"-{word[at]}" in valued]
    return ends[:1] == [len(word) - 1]


def _quickly(words: list[str]) -> Callable[[], Any] | None:
    """The call that words plainly mean; None where only Typer knows."""
    if not words or words[0] not in COMMANDS:
        return None
    command = command_named(words[0])
    values = plainly_meant(command, words[1:])
    if values is None:
        return None
    remember(values)
    return lambda: command(**values)
