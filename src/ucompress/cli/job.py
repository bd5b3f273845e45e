"""Commands that run a job: compress and analyze."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from ucompress.cli import options as o
from ucompress.cli.declared import Argument, Option
from ucompress.cli.ending import ending_in_order
from ucompress.cli.output import (
    binary_stdout,
    complain,
    json_lines,
    refuse_stdout,
    tell,
    write_warning_document,
)
from ucompress.cli.sources import IN_MEMORY, STDIN, from_stdin, refuse_stdin
from ucompress.config import (
    DEFAULT_LEVEL,
    DEFAULT_MIN_FREQUENCY,
    DEFAULT_MIN_LENGTH,
    MOST_RECOVERY,
    CompressionConfig,
    PipelineConfig,
)
from ucompress.errors import OutputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Executor
    from contextlib import AbstractContextManager

    from ucompress.pipeline.orchestrator import PipelineOrchestrator

SUFFIX = ".ucz"
SOME_UNREADABLE = 3
NOWHERE = Path(os.devnull)
"""What stands for the output where none is made."""


def compress(
    paths: Annotated[list[Path], Argument(metavar="PATH", help="Files and folders; - packs standard input.")],
    output: Annotated[
        Path | None,
        Option("--output", "-o", metavar="OUT", help="The archive; - for standard output. [PATH.ucz]"),
    ] = None,
    level: o.Level = DEFAULT_LEVEL,
    threads: o.Threads = None,
    dask: o.Dask = None,
    dask_tree: o.DaskTree = None,
    memory_limit: o.MemoryLimit = o.DEFAULT_MEMORY_LIMIT,
    database: o.Database = o.DEFAULT_DATABASE,
    include: o.Include = None,
    exclude: o.Exclude = None,
    gitignore: o.GitIgnore = False,
    content_hash: Annotated[
        bool, Option("--content-hash", help="Keep a full 32-byte hash of each content.")
    ] = False,
    dictionary: Annotated[
        Path | None, Option("--dictionary", metavar="FILE", help="Use this dictionary; build none.")
    ] = None,
    recovery: Annotated[
        int,
        Option(
            "--recovery",
            metavar="N",
            min=0,
            max=MOST_RECOVERY,
            help="Add a recovery record of N percent, up to 100, from which `repair` mends damage; 0: none.",
        ),
    ] = 0,
    verify: Annotated[
        bool | None,
        Option(
            "--verify/--no-verify",
            help="Read the finished archive back before it gets its name; by default at levels 1 to 6, where "
            "that is quick, unless it goes to standard output.",
        ),
    ] = None,
    no_resume: Annotated[bool, Option("--no-resume", help="Begin anew, whatever was left.")] = False,
    force: Annotated[bool, Option("--force", help="Replace any file at the output's name.")] = False,
    json: o.Json = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    """Pack files and folders into one archive."""
    to_stdout = output == STDIN or (output is None and STDIN in paths)
    if json and to_stdout:
        raise UsageError("the archive and --json both go to standard output: name a file with -o")
    with (
        ending_in_order("no archive was written"),
        _destination(paths, output, force=force) as archive,
        _spooled(paths, output) as (inputs, source),
        working_on(dask, dask_tree) as executor,
    ):
        from_stdin = source is not None
        resumable = not from_stdin and not to_stdout
        config = _configuration(
            inputs,
            archive,
            PipelineConfig(
                # What comes from a pipe never comes again: nothing to learn it for.
                database_path=IN_MEMORY if from_stdin and database == o.DEFAULT_DATABASE else database,
                memory_limit_mb=memory_limit,
                limit_process=True,
                enable_resume=not no_resume and resumable,
                resumable=resumable,
            ),
            level=level,
            threads=threads,
            include=include,
            exclude=exclude,
            gitignore=gitignore,
            content_hash_bytes=32 if content_hash else None,
            dictionary=dictionary,
            verify=False if verify is None and to_stdout else verify,
            recovery=recovery,
            source=source,
            force=force,
        )
        result = orchestrator(config, executor, json=json, quiet=quiet, verbose=verbose).run()
    if not to_stdout and not json and not quiet:
        from ucompress.render.format import display_path

        tell(f"The archive is {display_path(result.archive)}")
    end(result.unreadable, result.warnings, json=json, quiet=quiet)


def analyze(
    paths: o.Inputs,
    threads: o.Threads = None,
    dask: o.Dask = None,
    dask_tree: o.DaskTree = None,
    memory_limit: o.MemoryLimit = o.DEFAULT_MEMORY_LIMIT,
    database: o.Database = o.DEFAULT_DATABASE,
    include: o.Include = None,
    exclude: o.Exclude = None,
    gitignore: o.GitIgnore = False,
    min_length: Annotated[
        int, Option("--min-length", metavar="N", min=8, max=64, help="Shortest pattern, 8 to 64 bytes.")
    ] = DEFAULT_MIN_LENGTH,
    min_frequency: Annotated[
        int, Option("--min-frequency", metavar="N", min=2, help="Fewest places at which a pattern stands.")
    ] = DEFAULT_MIN_FREQUENCY,
    json: o.Json = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    """Learn the patterns of files and folders without packing them."""
    config = _configuration(
        paths,
        NOWHERE,
        PipelineConfig(database_path=database, memory_limit_mb=memory_limit, limit_process=True),
        threads=threads,
        min_pattern_length=min_length,
        min_frequency=min_frequency,
        include=include,
        exclude=exclude,
        gitignore=gitignore,
    )
    with working_on(dask, dask_tree) as executor:
        runner = orchestrator(config, executor, json=json, quiet=quiet, verbose=verbose)
        entries = runner.analyze()
    if json:
        from ucompress.render.documents import analyzed_document

        json_lines().write(analyzed_document(os.fsencode(database), patterns=len(entries)))
    elif not quiet:
        tell(_where_patterns_are(len(entries), database))
    end(runner.unreadable, runner.warnings, json=json, quiet=quiet)


def _configuration(
    inputs: list[Path],
    output: Path,
    pipeline: PipelineConfig,
    *,
    include: list[str] | None,
    exclude: list[str] | None,
    **options: Any,
) -> CompressionConfig:
    return CompressionConfig(
        inputs=tuple(inputs),
        output=output,
        include=tuple(include or ()),
        exclude=tuple(exclude or ()),
        pipeline=pipeline,
        **options,
    )


def _where_patterns_are(count: int, database: Path) -> str:
    from ucompress.render.format import counted, display_path

    found = counted(count, "pattern")
    if database == IN_MEMORY:
        return f"{found} found; nothing is kept"
    option = "" if database == o.DEFAULT_DATABASE else f" --database {shlex.quote(str(database))}"
    return f"{found} found: see the database with `ucompress patterns{display_path(option)}`"


def working_on(dask: str | None, tree: str | None) -> AbstractContextManager[Executor | None]:
    """What works on the cluster; nothing where threads of our own do."""
    if dask is None:
        if tree is not None:
            raise UsageError("--dask-tree tells the workers of a cluster where to look: name it with --dask")
        return nullcontext()
    from ucompress.pipeline.cluster.executor import DaskExecutor

    return DaskExecutor(dask, tree=tree)


def orchestrator(
    config: CompressionConfig, executor: Executor | None = None, *, json: bool, quiet: bool, verbose: bool
) -> PipelineOrchestrator:
    """What runs a job, shown as the options ask for."""
    from ucompress.heap import keep_freed_memory
    from ucompress.pipeline.jobs.description import describe
    from ucompress.pipeline.orchestrator import PipelineOrchestrator
    from ucompress.render import choose_renderer

    if verbose:
        options = describe(config)
        options["versions"] = {name: version for name, version in options["versions"].items() if version}
        for line in _option_lines(options):
            tell(line)
    keep_freed_memory()
    return PipelineOrchestrator(config, executor=executor, renderer=choose_renderer(json=json, quiet=quiet))


def _option_lines(options: dict[str, Any]) -> Iterator[str]:
    """Options in effect, a line each; groups of options one by one, what is not set left out."""
    from ucompress.render.format import display_text

    for name, value in options.items():
        if isinstance(value, dict):
            yield from _option_lines({f"{name} {inner}": part for inner, part in value.items()})
        elif isinstance(value, list):
            yield from (display_text(f"{name}: {item}") for item in value)
        elif value is not None:
            yield display_text(f"{name}: {value}")


def end(unreadable: Sequence[tuple[bytes, str]], warnings: Sequence[str], *, json: bool, quiet: bool) -> None:
    """Tell what the renderer has not told, and end with 3 if inputs could not be read."""
    for message in warnings:
        if json:
            write_warning_document(message)
        else:
            complain(message)
    if quiet and not json:
        for path, message in unreadable:
            complain(f"{os.fsdecode(path)}: {message}")
    if unreadable:
        raise SystemExit(SOME_UNREADABLE)


def default_output(path: Path) -> Path:
    """`NAME.ucz` beside an input; `.` and `..` take the real folder's name."""
    real = path if path.name not in ("", "..") else path.resolve()
    return real.with_name(real.name + SUFFIX) if real.name else real / f"root{SUFFIX}"


@contextmanager
def _spooled(paths: list[Path], output: Path | None) -> Iterator[tuple[list[Path], str | None]]:
    """The inputs; standard input becomes a temporary file named `stdin`, and is known by its bytes."""
    if STDIN not in paths:
        yield paths, None
        return
    if len(paths) > 1:
        raise UsageError("- stands for standard input and must be the only input")
    refuse_stdin("data", "name files")
    # Beside the output, where there is room for what comes; /tmp may be a small disk in memory.
    beside = output.absolute().parent if output is not None and output != STDIN else None
    try:
        temporary = tempfile.TemporaryDirectory(prefix=".ucompress-", dir=beside)
    except OSError as error:
        raise OutputError(
            f"cannot keep standard input in {beside or tempfile.gettempdir()}: {error.strerror or error}; "
            "nothing was read. Name another place with -o"
        ) from error
    with temporary as folder:
        spool = Path(folder) / "stdin"
        yield [spool], f"stdin {_spool(spool).hex()}"


def _spool(spool: Path) -> bytes:
    """Copy standard input to a file.

    Returns:
        The digest of its bytes.

    Raises:
        OutputError: the file cannot be written.
        InputError: standard input cannot be read.
    """
    from ucompress.checksum import Digest

    hasher = Digest()
    try:
        file = spool.open("wb")
        with file:
            while data := from_stdin():
                hasher.update(data)
                file.write(data)
        # The same bytes in, the same archive out: not the time at which they came.
        spool.chmod(0o644)
        os.utime(spool, ns=(0, 0))
    except OSError as error:
        raise OutputError(
            f"cannot write standard input to {spool}: {error.strerror or error}; nothing was packed. "
            "It is kept beside the output while it is packed: name another place with -o"
        ) from error
    return hasher.digest()


@contextmanager
def _destination(paths: list[Path], output: Path | None, *, force: bool) -> Iterator[Path]:
    """The archive's path; standard output gets it from a temporary file once it is complete."""
    from ucompress.pipeline.jobs.refusals import refuse_to_replace

    if output is None and STDIN not in paths:
        if len(paths) > 1:
            raise UsageError("several inputs have no common name: say with -o what the archive is called")
        output = default_output(paths[0])
    if output is not None and output != STDIN:
        if not force:
            refuse_to_replace(output)
        yield output
        return
    refuse_stdout("the archive")
    with tempfile.TemporaryDirectory(prefix="ucompress-") as folder:
        archive = Path(folder) / f"stdout{SUFFIX}"
        yield archive
        with (
            ending_in_order("what standard output got of the archive is not whole"),
            archive.open("rb") as file,
            binary_stdout("the archive") as stream,
        ):
            shutil.copyfileobj(file, stream, 1 << 20)
