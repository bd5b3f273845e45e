"""The commands by their names."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ucompress.cli.declared import Command

COMMANDS = {
    "compress": ("job", "compress"),
    "extract": ("extract", "extract"),
    "decompress": ("extract", "extract"),
    "list": ("archives", "list_members"),
    "info": ("archives", "info"),
    "cat": ("archives", "cat"),
    "verify": ("verify", "verify"),
    "repair": ("repair", "repair"),
    "patterns": ("learned", "patterns"),
    "analyze": ("job", "analyze"),
    "resume": ("state", "resume"),
    "status": ("state", "status"),
    "train": ("learned", "train"),
    "db": ("upkeep", "db"),
}
"""Where each command is: its file and its function."""

HIDDEN = frozenset({"decompress"})
"""Names that work and are not listed."""


def command_named(name: str) -> Command:
    """What runs a command."""
    file, function = COMMANDS[name]
    command: Command = getattr(import_module(f"ucompress.cli.{file}"), function)
    return command
