"""A job's configuration as JSON values and back: `resume` continues with it in another process and folder."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ucompress.config import CompressionConfig, PipelineConfig
from ucompress.database import JobState
from ucompress.errors import ResumeFailedError
from ucompress.pipeline.jobs.job import versions
from ucompress.progress import raw_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ucompress.database.jobs import JobStore

_PATHS = frozenset({"output", "dictionary"})
_LISTS = frozenset({"include", "exclude"})


def describe(config: CompressionConfig) -> dict[str, Any]:
    """Every option of a job but its database's path; paths are absolute."""
    document: dict[str, Any] = {}
    for field in fields(config):
        value = getattr(config, field.name)
        if field.name == "inputs":
            value = [_told(path.absolute()) for path in value]
        elif field.name in _PATHS:
            value = None if value is None else _told(value.absolute())
        elif field.name in _LISTS:
            value = list(value)
        elif field.name == "pipeline":
            value = _describe_pipeline(value)
        document[field.name] = value
    document["versions"] = versions(config)
    return document


def was_interrupted(jobs: JobStore, config: CompressionConfig) -> bool:
    """Whether a run from these inputs to this output was interrupted, whatever the inputs were like then."""
    wanted = describe(config)
    return any(
        record.state is JobState.INTERRUPTED
        and all(record.description.get(name) == wanted[name] for name in ("inputs", "output"))
        for record in jobs.all()
    )


def config_from_description(
    document: Mapping[str, Any],
    *,
    database_path: Path,
    threads: int | None = None,
    memory_limit_mb: int | None = None,
) -> CompressionConfig:
    """The configuration that `describe` told of.

    Args:
        document: what `describe` gave.
        database_path: where the job is kept now.
        threads, memory_limit_mb: other values than before; None keeps them.

    Raises:
        ResumeFailedError: another version wrote it and it cannot be understood, or would go on
            with other bytes.
    """
    try:
        values = dict(document)
        begun_with = values.pop("versions")
        pipeline = _pipeline_from(values.pop("pipeline"), database_path)
        values["inputs"] = tuple(Path(_named(text)) for text in values["inputs"])
        for name in _PATHS:
            values[name] = None if values[name] is None else Path(_named(values[name]))
        for name in _LISTS:
            values[name] = tuple(values[name])
        if memory_limit_mb is not None:
            pipeline = replace(pipeline, memory_limit_mb=memory_limit_mb)
        if threads is not None:
            values["threads"] = threads
        config = CompressionConfig(**values, pipeline=pipeline)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ResumeFailedError(
            f"the job in {database_path} was described by another version ({error}); start it anew"
        ) from error
    if begun_with != versions(config):
        raise ResumeFailedError(
            f"the job was begun under versions {begun_with}, here are {versions(config)}, "
            "which would not give the same bytes; start it anew"
        )
    return config


def _told(name: Path) -> str:
    """A path as UTF-8 has it, its stray bytes as surrogates, whatever the locale makes of it."""
    return os.fsencode(name).decode("utf-8", "surrogateescape")


def _named(text: str) -> str:
    """A path as the locale has it."""
    return os.fsdecode(raw_bytes(text))


def _describe_pipeline(config: PipelineConfig) -> dict[str, Any]:
    document = {}
    for field in fields(config):
        value = getattr(config, field.name)
        if isinstance(value, timedelta):
            value = value.total_seconds()
        document[field.name] = value
    del document["database_path"]
    return document


def _pipeline_from(document: Mapping[str, Any], database_path: Path) -> PipelineConfig:
    values = dict(document)
    for name in ("checkpoint_interval", "progress_update_interval"):
        values[name] = timedelta(seconds=values[name])
    return PipelineConfig(**values, database_path=database_path)
