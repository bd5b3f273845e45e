"""Coding the planned blocks in parallel, in order.

A task carries everything a worker needs: where each run of a block lies, and what its bytes
must hash to. A run whose bytes changed since the plan was made is filled with zeros and
reported; the orchestrator stores the files that needed it again (see `errata`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from ucompress.checksum import block_digest, run_check
from ucompress.codec.block import BlockCompressor
from ucompress.pipeline.file_processor import read_exactly
from ucompress.scan import open_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ucompress.pipeline.contents import DistinctContent
    from ucompress.pipeline.plan import Run


@dataclass(frozen=True, slots=True)
class RunToRead:
    """Literal bytes of one content.

    Attributes:
        content: ordinal of the content.
        sources: files that had these bytes when they were analyzed.
        offset, length: the span, in bytes.
        check: XXH3-64 that the bytes had.
    """

    content: int
    sources: tuple[bytes, ...]
    offset: int
    length: int
    check: int


@dataclass(frozen=True, slots=True)
class BlockTask:
    """One block to code."""

    number: int
    level: int
    dictionary: bytes
    runs: tuple[RunToRead, ...]


@dataclass(frozen=True, slots=True)
class CodedBlock:
    """One coded block.

    Attributes:
        number: its place in the archive.
        codec_id: how the payload is coded.
        payload: the coded bytes.
        decoded_size: bytes it decodes to.
        digest: strong checksum of the decoded bytes.
        changed: contents of which a run no longer had its bytes.
    """

    number: int
    codec_id: int
    payload: bytes
    decoded_size: int
    digest: bytes
    changed: tuple[int, ...] = ()


def block_tasks(
    blocks: Iterable[list[Run]], contents: list[DistinctContent], level: int, dictionary: bytes, first: int
) -> Iterator[BlockTask]:
    """Tasks for the planned blocks from number `first` on."""
    for number, runs in enumerate(blocks, first):
        wanted = tuple(
            RunToRead(run.content, tuple(contents[run.content].sources), run.offset, run.length, run.check)
            for run in runs
        )
        yield BlockTask(number, level, dictionary, wanted)


def code_block(task: BlockTask) -> CodedBlock:
    """Read and code one block; runs in a worker.

    Raises:
        MemoryError: the codec's state does not fit.
    """
    changed: list[int] = []
    parts = []
    for run in task.runs:
        data = _read_run(run)
        if data is None:
            changed.append(run.content)
            data = bytes(run.length)
        parts.append(data)
    decoded = b"".join(parts)
    codec_id, payload = compressor(task.level, task.dictionary).compress(decoded)
    return CodedBlock(
        task.number, codec_id, payload, len(decoded), block_digest(decoded), tuple(dict.fromkeys(changed))
    )


@lru_cache(maxsize=1)
def compressor(level: int, dictionary: bytes) -> BlockCompressor:
    """The primed compressor, made once in each process and shared by its threads."""
    return BlockCompressor(level, dictionary)


def _read_run(run: RunToRead) -> bytes | None:
    """A run's bytes from the first source that still has them, or None."""
    for source in run.sources:
        try:
            descriptor = open_source(source)
        except OSError:
            continue
        with _closing(descriptor):
            try:
                data = read_exactly(descriptor, run.offset, run.length, source)
            except OSError:
                continue
        if run_check(data) == run.check:
            return data
    return None
