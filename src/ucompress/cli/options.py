"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ucompress.config import HIGHEST_LEVEL, LOWEST_LEVEL, PipelineConfig

_DEFAULTS = PipelineConfig()

ArchivePath = Annotated[Path, typer.Argument(metavar="ARCHIVE", help="The archive; - reads standard input.")]
Members = Annotated[
    list[str] | None, typer.Argument(metavar="MEMBER", help="Members, each with all that is below it.")
]
Inputs = Annotated[list[Path], typer.Argument(metavar="PATH", help="Files and folders.")]
Level = Annotated[
    int,
    typer.Option(
        "--level",
        metavar="N",
        help=f"{LOWEST_LEVEL} (quick) to {HIGHEST_LEVEL} (small); also -{LOWEST_LEVEL} to -{HIGHEST_LEVEL}.",
    ),
]
Threads = Annotated[
    int | None,
    typer.Option("--threads", "-T", metavar="N", min=1, help="Worker threads; the cores if not given."),
]
MemoryLimit = Annotated[
    int, typer.Option("--memory-limit", metavar="MB", min=1, help="The most memory the run may take, in MB.")
]
Database = Annotated[
    Path,
    typer.Option(
        "--database",
        metavar="FILE",
        help="Where to keep what was learned and how far a job has come; :memory: keeps nothing.",
    ),
]
KnownDatabase = Annotated[Path, typer.Option("--database", metavar="FILE", help="The database to look into.")]
Include = Annotated[
    list[str] | None,
    typer.Option(
        "--include", metavar="PATTERN", help="Take only what matches (as in .gitignore); repeatable."
    ),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude", metavar="PATTERN", help="Leave out what matches, even if included; repeatable."
    ),
]
GitIgnore = Annotated[bool, typer.Option("--gitignore", help="Honour .gitignore files inside the inputs.")]
Recover = Annotated[
    bool, typer.Option("--recover", help="Take what is left of an archive that is damaged or cut off.")
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON lines to standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show errors only.")]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Tell more: all options in effect, the causes of errors.")
]

DEFAULT_DATABASE: Path = _DEFAULTS.database_path
DEFAULT_MEMORY_LIMIT = _DEFAULTS.memory_limit_mb
