"""What makes two runs the same job, and what makes two trees the same corpus."""

from __future__ import annotations

import json
import os
import struct
from typing import TYPE_CHECKING

from blake3 import blake3

from ucompress import __version__
from ucompress.codec import codec_version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ucompress.config import CompressionConfig
    from ucompress.pipeline.contents import Content
    from ucompress.scan import Manifest

ANALYSIS_VERSION = 1
"""Raised when sampling, patterns, plan or dictionary change what they make of the same bytes."""


def byte_options(config: CompressionConfig) -> bytes:
    """The options and versions that decide the archive's bytes, in one canonical form."""
    options: dict[str, object] = {
        "analysis": ANALYSIS_VERSION,
        "codec": codec_version(config.level),
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


def corpus_key(config: CompressionConfig, contents: Iterable[Content]) -> bytes:
    """Names what plan, patterns and dictionary depend on: contents, their paths, the options.

    Times and inodes do not enter, so a copy of a tree has the same corpus.
    """
    hasher = blake3(byte_options(config))
    for content in contents:
        hasher.update(struct.pack("<IQI", len(content.path), content.size, content.multiplicity))
        hasher.update(content.path)
        hasher.update(content.digest)
    return hasher.digest()
