"""What makes two runs the same job, and what makes two trees the same corpus."""

from __future__ import annotations

import json
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blake3 import blake3

from ucompress import __version__
from ucompress.archive.format.layout import VERSION_MAJOR, VERSION_MINOR
from ucompress.codec.levels import ZSTD, codec_of
from ucompress.codec.zstd import LIBRARY_VERSION
from ucompress.pipeline.analysis.analyzer import ANALYSIS_VERSION
from ucompress.spill import parts

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ucompress.config import CompressionConfig
    from ucompress.pipeline.reading.distinct import Contents
    from ucompress.scan import Manifest


@dataclass(slots=True)
class ClaimedJob:
    """A job that this process works on.

    Attributes:
        number: its number in the database.
        key: what identifies it.
        source_key: names the tree whose pattern counts are replaced.
        name: makes the key of a manifest, under a configuration and the dictionary that was given.
        remember: whether it is noted as the user's last job.
        progress: how far it had come before.
    """

    number: int
    key: bytes
    source_key: bytes
    name: Callable[[CompressionConfig, Manifest, bytes | None], bytes]
    remember: bool
    progress: dict[str, Any] | None


GROUNDWORK_VERSION = 22
"""Raised when patterns, plan, dictionary or references of the same contents change."""

ROWS_AT_ONCE = 4096


def zstd_version(level: int) -> int:
    """The version of libzstd that decides a level's bytes, as 10507 for 1.5.7; 0 where none does."""
    if codec_of(level) != ZSTD:
        return 0
    major, minor, patch = map(int, LIBRARY_VERSION.split("."))
    return major * 10000 + minor * 100 + patch


def versions(config: CompressionConfig) -> dict[str, object]:
    """The versions that decide a job's bytes: a job is resumed only under the same."""
    return {"ucompress": __version__, "zstd": zstd_version(config.level)}


def worker_versions(level: int) -> str:
    """The versions that decide bytes of a level, for people: workers elsewhere must have the same."""
    zstd = f", libzstd {LIBRARY_VERSION}" if codec_of(level) == ZSTD else ""
    return (
        f"ucompress {__version__} (format {VERSION_MAJOR}.{VERSION_MINOR}, analysis {ANALYSIS_VERSION}, "
        f"groundwork {GROUNDWORK_VERSION}){zstd}"
    )


def byte_options(config: CompressionConfig, dictionary: bytes | None) -> bytes:
    """The options and versions that decide the archive's bytes, in one canonical form.

    Args:
        config: the options.
        dictionary: the one that the user gives, as it was read for the run; None where it makes its own.
    """
    options: dict[str, object] = {
        "analysis": ANALYSIS_VERSION,
        "groundwork": GROUNDWORK_VERSION,
        "content_hash_bytes": config.content_hash_bytes,
        "level": config.level,
        "min_frequency": config.min_frequency,
        "min_pattern_length": config.min_pattern_length,
        "versions": versions(config),
    }
    if dictionary is not None:
        options["dictionary"] = blake3(dictionary).hexdigest()
    return json.dumps(options, sort_keys=True).encode()


def source_key(config: CompressionConfig) -> bytes:
    """Names the tree whose pattern counts a rerun replaces: its inputs and filters."""
    paths = [os.fsencode(path.absolute()).hex() for path in config.inputs]
    source = {
        "inputs": paths if config.source is None else config.source,
        "include": config.include,
        "exclude": config.exclude,
        "gitignore": config.gitignore,
    }
    return blake3(json.dumps(source, sort_keys=True).encode()).digest()


def job_key(config: CompressionConfig, manifest: Manifest, dictionary: bytes | None) -> bytes:
    """Names a job: absolute inputs and output, options, dictionary and versions, and the scan's manifest."""
    hasher = blake3(_tree_key(config, manifest, dictionary))
    hasher.update(os.fsencode(config.output.absolute()))
    hasher.update(struct.pack("<I", config.recovery))
    return hasher.digest()


def analysis_key(config: CompressionConfig, manifest: Manifest, dictionary: bytes | None) -> bytes:
    """Names the analysis of a tree, a job of its own beside packing it; it has no output."""
    return blake3(_tree_key(config, manifest, dictionary) + b"analysis").digest()


def _tree_key(config: CompressionConfig, manifest: Manifest, dictionary: bytes | None) -> bytes:
    hasher = blake3(source_key(config))
    hasher.update(byte_options(config, dictionary))
    for column in (manifest.sizes, manifest.mtimes_ns, manifest.inodes, manifest.modes, manifest.kinds):
        for part in parts(len(column)):
            hasher.update(column[part].tobytes())
            manifest.spill.release()
    length = struct.Struct("<I").pack
    for first in range(0, len(manifest.paths), ROWS_AT_ONCE):
        paths = manifest.paths[first : first + ROWS_AT_ONCE]
        hasher.update(b"".join([length(len(path)) + path for path in paths]))
        manifest.spill.release()
    for index, target in manifest.targets.items():
        hasher.update(struct.pack("<QI", index, len(target)))
        hasher.update(target)
    for index, xattrs in sorted(manifest.xattrs.items()):
        for name, value in xattrs:
            hasher.update(struct.pack("<QII", index, len(name), len(value)))
            hasher.update(name + value)
    return hasher.digest()


def corpus_key(config: CompressionConfig, contents: Contents, shift: int, dictionary: bytes | None) -> bytes:
    """Names what plan, patterns and dictionary depend on: contents, their paths, rate of sampling, options.

    Times and inodes do not enter, so a copy of a tree has the same corpus.

    Args:
        config: the options.
        contents: all of them, in order.
        shift: one d-mer in 2^shift is sampled.
        dictionary: as of `byte_options`.
    """
    hasher = blake3(byte_options(config, dictionary))
    hasher.update(struct.pack("<I", shift))
    numbers = struct.Struct("<IQI").pack
    for first in range(0, len(contents), ROWS_AT_ONCE):
        after = first + ROWS_AT_ONCE
        sizes = contents.sizes[first:after].tolist()
        multiplicities = contents.multiplicities[first:after].tolist()
        digests = contents.all_digests(range(first, first + len(sizes)))
        rows = [
            numbers(len(path), size, multiplicity) + path + digest
            for path, size, multiplicity, digest in zip(
                contents.paths(first, after), sizes, multiplicities, digests, strict=True
            )
        ]
        hasher.update(b"".join(rows))
        contents.spill.release()
    return hasher.digest()
