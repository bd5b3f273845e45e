"""Commands about what was learned: patterns and dictionaries."""

from __future__ import annotations

import os
import shutil
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from ucompress.cli import options as o
from ucompress.cli.declared import Argument, Option
from ucompress.cli.job import SOME_UNREADABLE
from ucompress.cli.output import binary_stdout, complain, json_lines, refuse_stdout, tell
from ucompress.cli.sources import refuse_no_database
from ucompress.cli.whole import write_whole
from ucompress.config import DEFAULT_DICTIONARY_SIZE
from ucompress.errors import InputError, UsageError

if TYPE_CHECKING:
    from ucompress.patterns import PatternEntry

STDOUT = Path("-")


class DictionaryFormat(StrEnum):
    """What a trained dictionary is for."""

    RAW = "raw"
    ZSTD = "zstd"


def patterns(
    limit: Annotated[int, Option("--limit", "-n", metavar="N", min=1, help="How many.")] = 20,
    min_frequency: Annotated[
        int, Option("--min-frequency", metavar="N", min=1, help="How frequent at least.")
    ] = 1,
    database: o.KnownDatabase = o.DEFAULT_DATABASE,
    json: o.Json = False,
) -> None:
    """Show what repeats: the patterns of the database, by bytes saved."""
    from ucompress.render.format import excerpt

    entries = _top_patterns(database, limit, min_frequency)
    if json:
        from ucompress.render.documents import pattern_document

        lines = json_lines()
        for entry in entries:
            lines.write(pattern_document(entry))
        return
    if not entries:
        complain(f"{database} holds no such pattern")
        return
    # A terminal's line is cut at its edge; a file or a pipe gets the whole pattern.
    width = max(20, shutil.get_terminal_size().columns - 46) if sys.stdout.isatty() else None
    sys.stdout.write(f"{'saved':>12} {'frequency':>11} {'files':>8} {'bytes':>7}  pattern\n")
    for entry in entries:
        counts = f"{entry.saved_bytes:>12,} {entry.frequency:>11,} {entry.file_count:>8,}"
        sys.stdout.write(f"{counts} {len(entry.pattern):>7,}  {excerpt(entry.pattern, width)}\n")


def train(
    samples: Annotated[list[Path], Argument(metavar="SAMPLE", help="Files and folders of samples.")],
    output: Annotated[
        Path, Option("--output", "-o", metavar="DICTIONARY", help="Where to; - for standard output.")
    ],
    size: Annotated[
        int, Option("--size", metavar="BYTES", min=256, help="The most bytes that it may take.")
    ] = DEFAULT_DICTIONARY_SIZE,
    kind: Annotated[
        DictionaryFormat,
        Option("--format", help="raw for ucompress and brotli; zstd with entropy tables, for zstd -D."),
    ] = DictionaryFormat.RAW,
    force: Annotated[bool, Option("--force", help="Replace a file that exists.")] = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Make a dictionary from samples."""
    if json and output == STDOUT:
        raise UsageError("the dictionary and --json would both go to standard output: name a file")
    if output != STDOUT and not force:
        from ucompress.pipeline.jobs.refusals import refuse_to_replace

        refuse_to_replace(output, archives=False)
    if output == STDOUT:
        refuse_stdout("the dictionary", force=force)
    from ucompress.cli.samples import read_samples

    found = read_samples(samples)
    found.report(json=json, quiet=quiet)
    contents = found.contents
    if not contents:
        raise InputError("none of the samples could be read: no dictionary was written")
    from ucompress.codec.dictionary import train as train_dictionary

    made = train_dictionary(contents, size)
    if not made.data:
        raise InputError("the samples have nothing in common: no dictionary was written")
    try:
        content = made.finalize_zstd(contents, size) if kind is DictionaryFormat.ZSTD else made.data
    except ValueError as error:
        raise InputError(f"{error}; no dictionary was written. Give more samples, or --format raw") from error
    if output == STDOUT:
        with binary_stdout("the dictionary") as stream:
            stream.write(content)
    else:
        write_whole(output, content)
    if json:
        from ucompress.render.documents import dictionary_document

        json_lines().write(
            dictionary_document(
                os.fsencode(output), size=len(content), samples=len(contents), format=kind.value
            )
        )
    elif not quiet and output != STDOUT:
        from ucompress.render.format import counted, display_path, format_bytes

        made_from = counted(len(contents), "sample")
        tell(f"{display_path(output)}: {format_bytes(len(content))} from {made_from}")
    if found.unreadable:
        raise SystemExit(SOME_UNREADABLE)


def _top_patterns(database: Path, limit: int, min_frequency: int) -> list[PatternEntry]:
    from ucompress.database import PatternDatabase

    refuse_no_database(database)
    with PatternDatabase(database, read_only=True) as opened:
        return opened.top_patterns(limit, min_frequency=min_frequency)
