"""The application in Typer's terms: help, versions, and what is wrong with a command line."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ucompress import __version__
from ucompress.cli.commands import COMMANDS, HIDDEN, command_named
from ucompress.cli.declared import for_typer
from ucompress.cli.failing import telling_errors


class Commands(TyperGroup):
    """Runs a command; every failure of ours ends as one sentence on stderr and its own exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was named."""
        with telling_errors():
            return super().invoke(ctx)


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


for _name in COMMANDS:
    app.command(_name, hidden=_name in HIDDEN)(for_typer(command_named(_name)))
