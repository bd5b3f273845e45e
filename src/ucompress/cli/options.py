"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from ucompress.cli.declared import Argument, Option
from ucompress.config import HIGHEST_LEVEL, LOWEST_LEVEL, PipelineConfig

_DEFAULTS = PipelineConfig()

ArchivePath = Annotated[Path, Argument(metavar="ARCHIVE", help="The archive; - reads standard input.")]
Members = Annotated[
    list[str] | None, Argument(metavar="MEMBER", help="Members, each with all that is below it.")
]
Inputs = Annotated[list[Path], Argument(metavar="PATH", help="Files and folders.")]
Level = Annotated[
    int,
    Option(
        "--level",
        metavar="N",
        help=f"{LOWEST_LEVEL} (quick) to {HIGHEST_LEVEL} (small); also -{LOWEST_LEVEL} to -{HIGHEST_LEVEL}.",
    ),
]
Threads = Annotated[
    int | None,
    Option("--threads", "-T", metavar="N", min=1, help="Worker threads; the cores if not given."),
]
Dask = Annotated[
    str | None,
    Option(
        "--dask",
        metavar="ADDRESS",
        help="Work on the Dask cluster with this scheduler, whose workers see the same paths.",
    ),
]
DaskTree = Annotated[
    str | None,
    Option(
        "--dask-tree",
        metavar="URL",
        help="Where the workers of --dask see the folder that is packed, such as s3://bucket/tree.",
    ),
]
MemoryLimit = Annotated[
    int, Option("--memory-limit", metavar="MB", min=1, help="The most memory the run may take, in MB.")
]
Database = Annotated[
    Path,
    Option(
        "--database",
        metavar="FILE",
        help="Where to keep what was learned and how far a job has come; :memory: keeps nothing.",
    ),
]
KnownDatabase = Annotated[Path, Option("--database", metavar="FILE", help="The database to look into.")]
Include = Annotated[
    list[str] | None,
    Option("--include", metavar="PATTERN", help="Take only what matches (as in .gitignore); repeatable."),
]
Exclude = Annotated[
    list[str] | None,
    Option("--exclude", metavar="PATTERN", help="Leave out what matches, even if included; repeatable."),
]
GitIgnore = Annotated[bool, Option("--gitignore", help="Honour .gitignore files inside the inputs.")]
Recover = Annotated[
    bool, Option("--recover", help="Take what is left of an archive that is damaged or cut off.")
]
MaxMemory = Annotated[
    int,
    Option(
        "--max-memory",
        metavar="MB",
        min=1,
        help="The most that decoders may take, of all threads together.",
    ),
]
Json = Annotated[bool, Option("--json", help="Write JSON lines to standard output.")]
Quiet = Annotated[
    bool,
    Option("--quiet", "-q", help="Show no progress and no summary: warnings and errors only."),
]
Verbose = Annotated[
    bool,
    Option("--verbose", "-v", help="Tell more: all options in effect, the causes of errors."),
]

DEFAULT_DATABASE: Path = _DEFAULTS.database_path
DEFAULT_MAX_MEMORY = 1024
DEFAULT_MEMORY_LIMIT = _DEFAULTS.memory_limit_mb
