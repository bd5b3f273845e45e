"""The public calls: compress, decompress, open, train."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ucompress.archive.archive import Archive
from ucompress.archive.format.entry import show
from ucompress.archive.reading.reader import MEMORY_BOUND
from ucompress.codec.dictionary import train
from ucompress.config import MEMORY, CompressionConfig, PipelineConfig
from ucompress.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures import Executor
    from typing import BinaryIO

    from ucompress.archive.extracting.limits import ExtractionLimits
    from ucompress.archive.extracting.outcome import ExtractionReport
    from ucompress.archive.format.entry import MemberName
    from ucompress.progress import CompressionResult, Renderer

__all__ = ["compress", "decompress", "open", "train"]

AnyPath = str | bytes | os.PathLike[str]

NAMED = 10
"""Members that an error names, of those that could not be given back."""

_PIPELINE_FIELDS = frozenset(field.name for field in fields(PipelineConfig))
_CONFIG_FIELDS = frozenset(field.name for field in fields(CompressionConfig)) - {
    "inputs",
    "output",
    "pipeline",
}


def compress(
    source: AnyPath | Iterable[AnyPath],
    /,
    archive: AnyPath,
    *,
    force: bool = False,
    executor: Executor | None = None,
    renderer: Renderer | None = None,
    **options: Any,
) -> CompressionResult:
    """Pack files and directories into one archive.

    Args:
        source: a path, or several; by its place, for `source=` is the field of `CompressionConfig`.
        archive: the archive to write; appears complete or not at all. An older archive there is replaced,
            unless no file or link was taken, or an input cannot be read at all.
        force: replace whatever is there.
        executor: where the work runs; None makes threads.
        renderer: shows progress; None shows nothing.
        options: fields of `CompressionConfig` and `PipelineConfig`, such as `level=3`,
            `threads=2` or `memory_limit_mb=256`. Without `database_path` nothing is kept
            between runs. What this process held before the call, the interpreter aside, does not
            count towards the memory limit.

    Returns:
        Sizes, counts and seconds of the run.

    Raises:
        UsageError: an option or input cannot be honoured.
        OutputError: the archive cannot be written, or what has its name is not to be replaced.
        PipelineError: the job stopped; see its subclasses.

    Example:
        >>> import ucompress
        >>> result = ucompress.compress("src", "src.ucz", level=6)  # doctest: +SKIP
    """
    unknown = options.keys() - _PIPELINE_FIELDS - _CONFIG_FIELDS
    if unknown:
        raise UsageError(f"compress has no option {', '.join(sorted(unknown))}")
    pipeline_options = {name: options.pop(name) for name in _PIPELINE_FIELDS & options.keys()}
    pipeline = replace(PipelineConfig(database_path=Path(MEMORY)), **pipeline_options)
    # The configuration takes any spelling of paths and brings them into one form.
    inputs, output = cast("tuple[Path, ...]", source), cast("Path", archive)
    config = CompressionConfig(inputs=inputs, output=output, force=force, pipeline=pipeline, **options)
    # Whoever only reads archives has no use for what packing takes.
    from ucompress.pipeline.orchestrator import PipelineOrchestrator

    return PipelineOrchestrator(config, executor=executor, renderer=renderer).run()


def decompress(
    archive: AnyPath,
    target: AnyPath = ".",
    *,
    members: MemberName | Iterable[MemberName] | None = None,
    force: bool = False,
    setuid: bool = False,
    threads: int | None = None,
    limits: ExtractionLimits | None = None,
    recover: bool = False,
    memory_bound: int = MEMORY_BOUND,
) -> ExtractionReport:
    """Give a tree back, byte for byte.

    Args:
        archive: the archive.
        target: the folder that receives the members; made if missing.
        members: names to extract, each with all below it (one name, or several); None extracts
            everything.
        force: overwrite what is there.
        setuid: give back set-user-ID and set-group-ID bits; the files belong to whoever extracts.
        threads: decoding threads; None: as many as there are cores.
        limits: what the archive may ask for; None: the usual limits.
        recover: take what is left of an archive that is damaged or cut off.
        memory_bound: refuse blocks whose decoder would take more bytes.

    Returns:
        What was written, names that other systems do not have, and what members did not get back because it
        was not asked for or the file system has no such thing (`losses`).

    Raises:
        InputError: the archive cannot be read.
        ArchiveError: the archive is damaged, unsupported or unsafe. Members that damage did not hit are
            written; the error's notes name the first of the others, and tell how many have no name any more.
        OutputError: the target cannot be written, or a file is in the way.
        UsageError: a number, a flag or the limits are none, a number is too small, or a name is nothing that
            a path could be.
        TypeError: what should name the archive or a member does not.
    """
    with Archive(archive, recover=recover, memory_bound=memory_bound) as opened:
        report = opened.extract(
            target, members=members, force=force, setuid=setuid, threads=threads, limits=limits
        )
        members_of_all = len(opened)
    if not report.complete:
        count = f"{len(report.failed):,} of {members_of_all:,} members could not be given back"
        lost = "members were lost with the index; all others were given back"
        error = report.kind(f"{opened.name}: {count if report.failed else lost}")
        for path, reason in report.failed[:NAMED]:
            error.add_note(f"{show(path)}: {reason}")
        if report.nameless:
            count = f"{report.nameless:,}" if report.nameless > 0 else "nobody knows how many"
            error.add_note(f"members lost with the index, names and all: {count}")
        raise error
    return report


def open(archive: AnyPath | BinaryIO, *, recover: bool = False, memory_bound: int = MEMORY_BOUND) -> Archive:
    """Open an archive to read from; see `Archive`.

    Args:
        archive: the archive, or an open seekable binary file.
        recover: take what is left of one that is damaged or cut off.
        memory_bound: refuse blocks whose decoder would take more bytes.

    Raises:
        InputError: it cannot be read.
        ArchiveError: it is no archive, damaged, or takes more memory than allowed.
        UsageError: `memory_bound` is no number, `recover` no flag, the file is closed, or the name is nothing
            that a path could be.
        TypeError: it is neither path nor binary file.

    Example:
        >>> with ucompress.open("src.ucz") as archive:  # doctest: +SKIP
        ...     text = archive.read("src/main.c")
    """
    return Archive(archive, recover=recover, memory_bound=memory_bound)
