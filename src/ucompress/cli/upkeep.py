"""The command about the database itself: what it holds, and giving back what it does not need."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from ucompress.cli import options as o
from ucompress.cli.declared import Argument
from ucompress.cli.output import json_lines, outlive_reader, tell, write_table
from ucompress.cli.sources import refuse_no_database

if TYPE_CHECKING:
    from ucompress.database import DatabaseFigures


class Upkeep(StrEnum):
    """What can be done with a database."""

    INFO = "info"
    VACUUM = "vacuum"


def db(
    action: Annotated[
        Upkeep,
        Argument(metavar="info|vacuum", help="Show what the database holds, or make its file smaller."),
    ],
    database: o.KnownDatabase = o.DEFAULT_DATABASE,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Look after the database: its size and what takes it, or give unused bytes back."""
    from ucompress.database import PatternDatabase
    from ucompress.render.format import format_bytes

    refuse_no_database(database)
    freed = None
    if action is Upkeep.INFO:
        outlive_reader(False)
    with PatternDatabase(database, read_only=action is Upkeep.INFO, begin_anew=False) as opened:
        if action is Upkeep.VACUUM:
            freed = opened.vacuum()
        found = opened.figures()
    if json:
        from ucompress.render.documents import database_document

        json_lines().write(database_document(bytes(database), found, freed))
    elif freed is None:
        write_table(_rows(found))
    elif not quiet:
        tell(f"{database}: {format_bytes(freed)} given back, {format_bytes(found.disk_bytes)} left")


def _rows(found: DatabaseFigures) -> list[tuple[str, str]]:
    """The figures for people."""
    from ucompress.render.format import format_bytes

    return [
        ("size", f"{format_bytes(found.disk_bytes)}, of which unused {format_bytes(found.free_bytes)}"),
        ("schema", str(found.schema_version)),
        ("patterns", f"{found.patterns:,} of {format_bytes(found.pattern_bytes)}"),
        ("counts", f"{found.counts:,} in {found.sources:,} {'corpus' if found.sources == 1 else 'corpora'}"),
        ("files", f"{found.files:,}, analyses {format_bytes(found.file_bytes)}"),
        ("results", f"{found.results:,} of {format_bytes(found.result_bytes)}"),
        ("jobs", f"{found.running} running, {found.interrupted} interrupted, {found.done} done"),
    ]
