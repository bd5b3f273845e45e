"""What makes two runs the same job, and what makes two trees the same corpus."""

from __future__ import annotations

import json
import os
import struct
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blake3 import blake3

from ucompress import __version__
from ucompress.codec.zstd import LIBRARY_VERSION
from ucompress.config import CompressionConfig, PipelineConfig
from ucompress.errors import ResumeFailedError, UsageError
from ucompress.pipeline.analyzer import ANALYSIS_VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ucompress.pipeline.contents import DistinctContent
    from ucompress.scan import Manifest

GROUNDWORK_VERSION = 1
"""Raised when patterns, plan or dictionary of the same contents change."""

ZSTD_LEVELS = range(1, 4)


def zstd_version(level: int) -> int:
    """The version of libzstd that decides a level's bytes, as its number; 0 where it does not."""
    return LIBRARY_VERSION if level in ZSTD_LEVELS else 0


def byte_options(config: CompressionConfig) -> bytes:
    """The options and versions that decide the archive's bytes, in one canonical form."""
    options: dict[str, object] = {
        "analysis": ANALYSIS_VERSION,
        "zstd": zstd_version(config.level),
        "groundwork": GROUNDWORK_VERSION,
        "content_hash_bytes": config.content_hash_bytes,
        "level": config.level,
        "min_frequency": config.min_frequency,
        "min_pattern_length": config.min_pattern_length,
        "version": __version__,
    }
    if config.dictionary is not None:
        options["dictionary"] = blake3(config.dictionary.read_bytes()).hexdigest()
    return json.dumps(options, sort_keys=True).encode()


def source_key(config: CompressionConfig) -> bytes:
    """Names the tree whose pattern counts a rerun replaces: its inputs and filters."""
    source = {
        "inputs": [os.fsencode(path.absolute()).hex() for path in config.inputs],
        "include": config.include,
        "exclude": config.exclude,
        "gitignore": config.gitignore,
    }
    return blake3(json.dumps(source, sort_keys=True).encode()).digest()


def job_key(config: CompressionConfig, manifest: Manifest) -> bytes:
    """Names a job: absolute inputs and output, options and versions, and the scan's manifest."""
    hasher = blake3(source_key(config))
    hasher.update(byte_options(config))
    hasher.update(os.fsencode(config.output.absolute()))
    for column in (manifest.sizes, manifest.mtimes_ns, manifest.inodes, manifest.modes, manifest.kinds):
        hasher.update(column.tobytes())
    for path in manifest.paths:
        hasher.update(struct.pack("<I", len(path)))
        hasher.update(path)
    for index, target in sorted(manifest.targets.items()):
        hasher.update(struct.pack("<QI", index, len(target)))
        hasher.update(target)
    return hasher.digest()


def corpus_key(config: CompressionConfig, contents: Iterable[DistinctContent]) -> bytes:
    """Names what plan, patterns and dictionary depend on: contents, their paths, the options.

    Times and inodes do not enter, so a copy of a tree has the same corpus.
    """
    hasher = blake3(byte_options(config))
    for content in contents:
        hasher.update(struct.pack("<IQI", len(content.path), content.size, content.multiplicity))
        hasher.update(content.path)
        hasher.update(content.digest)
    return hasher.digest()


def describe(config: CompressionConfig) -> dict[str, object]:
    """A configuration as JSON values, so that `resume` can run it again from any folder."""
    return {
        "inputs": [os.fsencode(path.absolute()).hex() for path in config.inputs],
        "output": os.fsencode(config.output.absolute()).hex(),
        "dictionary": None if config.dictionary is None else os.fsencode(config.dictionary.absolute()).hex(),
        **{name: getattr(config, name) for name in _PLAIN},
        **{name: list(getattr(config, name)) for name in _LISTS},
        "checkpoint_seconds": config.pipeline.checkpoint_interval.total_seconds(),
        "batch_size": config.pipeline.batch_size,
        "memory_limit_mb": config.pipeline.memory_limit_mb,
        "zstd": zstd_version(config.level),
        "version": __version__,
    }


_PLAIN = (
    "level",
    "threads",
    "min_pattern_length",
    "min_frequency",
    "chunk_size",
    "memory_map_threshold",
    "gitignore",
    "content_hash_bytes",
)
_LISTS = ("include", "exclude")


def recall(description: Mapping[str, Any], database_path: Path) -> CompressionConfig:
    """The configuration that `describe` described.

    Raises:
        ResumeFailedError: the description is not one, or another version of this program or of
            libzstd made it, whose bytes would not fit those already written.
    """
    try:
        if description["version"] != __version__:
            raise ResumeFailedError(
                f"the job was begun by version {description['version']}, this is {__version__}; "
                "compress again from the start"
            )
        if description["zstd"] != zstd_version(description["level"]):
            raise ResumeFailedError(
                f"the job was begun with libzstd {description['zstd']}, here is {LIBRARY_VERSION}; "
                "compress again from the start"
            )
        dictionary = description["dictionary"]
        return CompressionConfig(
            inputs=tuple(map(_path, description["inputs"])),
            output=_path(description["output"]),
            dictionary=None if dictionary is None else _path(dictionary),
            **{name: description[name] for name in _PLAIN},
            **{name: tuple(description[name]) for name in _LISTS},
            pipeline=PipelineConfig(
                database_path=database_path,
                checkpoint_interval=timedelta(seconds=description["checkpoint_seconds"]),
                batch_size=description["batch_size"],
                memory_limit_mb=description["memory_limit_mb"],
            ),
        )
    except (KeyError, TypeError, ValueError, UsageError) as error:
        raise ResumeFailedError(f"what was noted of the job cannot be used ({error!r})") from error


def _path(text: str) -> Path:
    return Path(os.fsdecode(bytes.fromhex(text)))
