"""The public calls: compress, decompress, open, train."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ucompress.archive.reader import Archive
from ucompress.codec.dictionary import train
from ucompress.config import CompressionConfig, PipelineConfig
from ucompress.errors import UsageError
from ucompress.pipeline.orchestrator import PipelineOrchestrator

if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures import Executor
    from typing import BinaryIO

    from ucompress.progress import CompressionResult, Renderer

__all__ = ["compress", "decompress", "open", "train"]

_PIPELINE_FIELDS = frozenset(field.name for field in fields(PipelineConfig))


def compress(
    source: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    archive: str | os.PathLike[str],
    *,
    executor: Executor | None = None,
    renderer: Renderer | None = None,
    **options: Any,
) -> CompressionResult:
    """Pack files and directories into one archive.

    Args:
        source: a path, or several.
        archive: the archive to write; appears complete or not at all.
        executor: where the work runs; None makes threads.
        renderer: shows progress; None shows nothing.
        options: fields of `CompressionConfig` and `PipelineConfig`, such as `level=3`,
            `threads=2` or `memory_limit_mb=256`. Without `database_path` nothing is kept
            between runs.

    Returns:
        Sizes, counts and seconds of the run.

    Raises:
        UsageError: an option or input cannot be honoured.
        PipelineError: the job stopped; see its subclasses.

    Example:
        >>> import ucompress
        >>> result = ucompress.compress("src", "src.ucz", level=6)  # doctest: +SKIP
    """
    sources = [source] if isinstance(source, str | os.PathLike) else list(source)
    pipeline_options = {name: options.pop(name) for name in _PIPELINE_FIELDS & options.keys()}
    pipeline = replace(PipelineConfig(database_path=Path(":memory:")), **pipeline_options)
    try:
        config = CompressionConfig(
            inputs=tuple(map(Path, sources)), output=Path(archive), pipeline=pipeline, **options
        )
    except TypeError as error:
        raise UsageError(f"unknown option for compress: {error}") from error
    return PipelineOrchestrator(config, executor=executor, renderer=renderer).run()


def decompress(
    archive: str | os.PathLike[str],
    target: str | os.PathLike[str] = ".",
    *,
    members: Iterable[str | bytes] | None = None,
    force: bool = False,
) -> None:
    """Give a tree back, byte for byte.

    Args:
        archive: the archive.
        target: the folder that receives the members; made if missing.
        members: names to extract, each with all below it; None extracts everything.
        force: overwrite what is there.

    Raises:
        ArchiveError: the archive is damaged, unsupported or unsafe.
        OutputError: the target cannot be written, or a file is in the way.
    """
    with Archive(archive) as opened:
        opened.extract(target, members=members, force=force)


def open(archive: str | os.PathLike[str] | BinaryIO) -> Archive:
    """Open an archive to read from; see `Archive`.

    Example:
        >>> with ucompress.open("src.ucz") as archive:  # doctest: +SKIP
        ...     text = archive.read("src/main.c")
    """
    return Archive(archive)
