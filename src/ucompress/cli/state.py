"""Commands about the last job: status and resume."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from ucompress.cli import options as o
from ucompress.cli.declared import Option
from ucompress.cli.job import end, orchestrator, working_on
from ucompress.cli.output import json_lines
from ucompress.cli.sources import IN_MEMORY
from ucompress.errors import NoJobError

if TYPE_CHECKING:
    from ucompress.database import JobRecord

SomeDatabase = Annotated[
    Path | None, Option("--database", metavar="FILE", help="Where the job is kept. [the last job's]")
]
SomeMemoryLimit = Annotated[
    int | None, Option("--memory-limit", metavar="MB", min=1, help="Another limit than before, in MB.")
]


def status(database: SomeDatabase = None, json: o.Json = False) -> None:
    """Show the last job, running, interrupted or done, from any folder."""
    path, record, progress = _last_job(database)
    if json:
        from ucompress.render.documents import status_document

        json_lines().write(status_document(record, progress))
        return
    from ucompress.render.status import status_lines

    for line in status_lines(record, progress):
        sys.stdout.write(line + "\n")
    from ucompress.database import JobState

    if record.state is JobState.INTERRUPTED and _is_resumable(record):
        sys.stdout.write(f"Continue it with: ucompress resume --database {shlex.quote(str(path))}\n")


def resume(
    database: SomeDatabase = None,
    threads: o.Threads = None,
    dask: o.Dask = None,
    dask_tree: o.DaskTree = None,
    memory_limit: SomeMemoryLimit = None,
    json: o.Json = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    """Continue the last job, with the options it was started with."""
    path, record, _ = _last_job(database, idle=True)
    from ucompress.database import JobState

    if record.state is JobState.DONE:
        raise NoJobError("the last job is done: there is nothing to continue")
    if not _is_resumable(record):
        raise NoJobError(
            "the last job was from or to a pipe: nothing of it can be continued. Run the same command again"
        )
    from ucompress.pipeline.jobs.description import config_from_description

    config = config_from_description(
        record.description, database_path=path, threads=threads, memory_limit_mb=memory_limit
    )
    with working_on(dask, dask_tree) as executor:
        job = orchestrator(config, executor, json=json, quiet=quiet, verbose=verbose)
        result = job.resume_from_checkpoint()
    end(result.unreadable, result.warnings, json=json, quiet=quiet)


def _is_resumable(record: JobRecord) -> bool:
    """Whether a job was begun as one that may be continued; one that was killed stays in the database."""
    pipeline = record.description.get("pipeline")
    return not isinstance(pipeline, dict) or pipeline.get("resumable") is not False


def _last_job(database: Path | None, *, idle: bool = False) -> tuple[Path, JobRecord, dict[str, Any] | None]:
    """The database, the job and its progress row: of a database, or of the last job anywhere.

    Args:
        database: where the job is kept; None where the last one is.
        idle: refuse a database that a living process works with.
    """
    from ucompress.database import PatternDatabase, last_job

    key = None
    if database == IN_MEMORY:
        raise NoJobError(f"{database} keeps no job: name a database's file")
    if database is not None and not database.exists():
        raise NoJobError(f"there is no database {database}").about(database)
    if database is not None and not database.is_file():
        raise NoJobError(f"{database} is no file, and so no database").about(database)
    if database is None:
        pointer = last_job()
        if pointer is None:
            raise NoJobError("no job is known: start one with `ucompress compress PATH`")
        database, key = pointer.database, pointer.key
    if not database.is_file():
        raise NoJobError(f"the database {database} is gone: start the job anew").about(database)
    with PatternDatabase(database, read_only=True) as opened:
        if idle:
            opened.jobs.refuse_living()
        record = (opened.jobs.find(key) if key else None) or opened.jobs.latest()
        if record is None:
            raise NoJobError(f"no job is kept in {database}: start one with `ucompress compress PATH`").about(
                database
            )
        return database, record, opened.jobs.progress(record.id)
