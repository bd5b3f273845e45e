"""Coding one block in a worker.

A task tells where each run of a block lies, and what its bytes must hash to; what all blocks share is
lent to the workers beside. What is still held in memory is taken from there. Of the rest, a run whose
bytes changed since the plan was made is filled with zeros and reported; the files that needed it are
stored again at the end (see `errata`).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple, TypeGuard

from ucompress.checksum import run_check, short_digest
from ucompress.codec.block import Reference
from ucompress.codec.levels import may_refer
from ucompress.codec.proving import Proof, ProvingCompressor
from ucompress.config import MIB
from ucompress.dictionary import size_limit
from ucompress.pipeline.placing.parameters import PlanParameters
from ucompress.pipeline.reading.held import HeldContents
from ucompress.pipeline.reading.spans import read_many
from ucompress.pipeline.reading.spilled import NOWHERE

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ucompress.pipeline.placing.plan import Plan
    from ucompress.pipeline.reading.distinct import Contents
    from ucompress.pipeline.running.lending import Fetch


def coding_memory(
    level: int, dictionary_size: int, largest: int, largest_reference: int = 0
) -> tuple[int, int]:
    """Bytes that all workers share, and bytes for each, its block and those that wait included.

    What proves blocks counts in any case: where an archive does not read back, they are coded anew with it.

    Args:
        level: the compression level.
        dictionary_size: bytes of the dictionary.
        largest: bytes of the largest block.
        largest_reference: bytes of the largest block that others are coded after; 0 without any.
    """
    shared, each = ProvingCompressor.memory(level, dictionary_size, largest, largest_reference)
    waiting = 3 if largest_reference else 2
    return shared + dictionary_size, each + waiting * largest


def most_coding_memory(level: int, sizes: Sequence[int], dictionary: bytes | None) -> tuple[int, int]:
    """The same before anything is planned: the most that a tree can need.

    Args:
        level: the compression level.
        sizes: bytes of each file.
        dictionary: the one that the user gives; None where the run makes its own.
    """
    size = sum(sizes)
    dictionary_size = size_limit(level, size) if dictionary is None else len(dictionary)
    parameters = PlanParameters.for_level(level)
    largest = max(min(size, parameters.largest_block(max(sizes, default=0))), MIB)
    refers = may_refer(level) and size > parameters.block_target
    return coding_memory(level, dictionary_size, largest, largest if refers else 0)


class RunToRead(NamedTuple):
    """Literal bytes of one content.

    Attributes:
        content: ordinal of the content.
        digest: the content's BLAKE3.
        sources: files that had these bytes when they were analyzed; none if they have been spilled, or if the
            content was given up.
        offset, length: the span, in bytes.
        check: XXH3-64 that the bytes had.
        place: where the content has been spilled to, or `NOWHERE`.
    """

    content: int
    digest: bytes
    sources: tuple[bytes, ...]
    offset: int
    length: int
    check: int
    place: int = NOWHERE


@dataclass(frozen=True, slots=True)
class Coding:
    """What the coding of all blocks shares.

    Attributes:
        level, dictionary: how they are coded.
        held: contents in memory.
        largest_reference: bytes of the largest reference; 0 without any.
    """

    level: int
    dictionary: bytes
    held: HeldContents = field(default_factory=HeldContents)
    largest_reference: int = 0


@dataclass(frozen=True, slots=True)
class BlockTask:
    """One block to code.

    Attributes:
        number: its place in the archive.
        runs: where its bytes are.
        decode: whether it is decoded again at once.
        reference_number, reference: the block it is coded after, if any.
    """

    number: int
    runs: tuple[RunToRead, ...]
    decode: bool
    reference_number: int = -1
    reference: Reference | None = None


@dataclass(frozen=True, slots=True)
class CodedBlock:
    """One coded block.

    Attributes:
        number: its place in the archive.
        codec_id: how the payload is coded.
        payload: the coded bytes.
        decoded_size: bytes it decodes to.
        digest: strong checksum of the decoded bytes.
        first_content: ordinal of the content that it begins with.
        changed: contents of which a run no longer had its bytes.
        proof: whether the payload was decoded again.
        reference: number of the block that is needed to decode it; None for none.
    """

    number: int
    codec_id: int
    payload: bytes
    decoded_size: int
    digest: bytes
    first_content: int
    changed: tuple[int, ...] = ()
    proof: Proof = Proof.UNTRIED
    reference: int | None = None

    def has_changed(self) -> bool:
        """Whether a content no longer had its bytes."""
        return bool(self.changed)

    def as_reference(self) -> Reference:
        """The block as the past of others."""
        return Reference(self.codec_id, self.payload, self.decoded_size)


def runs_of(
    plan: Plan, contents: Contents, number: int, given_up: Collection[int] = ()
) -> tuple[RunToRead, ...]:
    """Where the bytes of a planned block are; those of contents that were given up are nowhere."""
    read, *spans = plan.runs(number)
    digests, places = contents.all_digests(read), contents.all_places(read)
    elsewhere = [content for content, place in zip(read, places, strict=True) if place == NOWHERE]
    sources = map(tuple, contents.all_sources(elsewhere))
    named = [next(sources) if place == NOWHERE else () for place in places]
    runs = tuple(map(RunToRead._make, zip(read, digests, named, *spans, places, strict=True)))
    if given_up:
        runs = tuple(
            run._replace(digest=b"", sources=(), place=NOWHERE) if run.content in given_up else run
            for run in runs
        )
    return runs


def read_runs(runs: Sequence[RunToRead], held: HeldContents) -> list[bytes | None]:
    """The bytes of each run: held or spilled, or from the first source that still has them, or None."""
    parts = held.found(
        [run.digest for run in runs], [run.place for run in runs], [(run.offset, run.length) for run in runs]
    )
    missing = [at for at, data in enumerate(parts) if data is None and runs[at].sources]
    for at, read in zip(missing, _read_first([runs[at] for at in missing]), strict=True):
        parts[at] = read if _is_right(read, runs[at]) else _read_elsewhere(runs[at])
    return parts


def fetched_runs(runs: Sequence[RunToRead], fetch: Fetch) -> tuple[RunToRead, ...]:
    """Runs with the first source of each where a worker has it, and no other; see `lent`."""
    paths = [run.sources[0] for run in runs if run.sources]
    places = iter(fetch(paths, [-1] * len(paths)))
    return tuple(run._replace(sources=(next(places),)) if run.sources else run for run in runs)


def fetched_block(task: BlockTask, fetch: Fetch) -> BlockTask:
    """The same of a block."""
    return replace(task, runs=fetched_runs(task.runs, fetch))


def code_block(coding: Coding, task: BlockTask) -> CodedBlock:
    """Read and code one block; runs in a worker."""
    parts = read_runs(task.runs, coding.held)
    changed = [run.content for run, data in zip(task.runs, parts, strict=True) if data is None]
    decoded = b"".join(
        [bytes(run.length) if data is None else data for data, run in zip(parts, task.runs, strict=True)]
    )
    del parts
    reference = task.reference
    compressor = primed_compressor(coding.level, coding.dictionary, coding.largest_reference)
    codec_id, payload, proof = compressor.prove(decoded, reference, decode=task.decode)
    return CodedBlock(
        number=task.number,
        codec_id=codec_id,
        payload=payload,
        decoded_size=len(decoded),
        digest=short_digest(decoded),
        first_content=task.runs[0].content,
        changed=tuple(dict.fromkeys(changed)),
        proof=proof,
        reference=task.reference_number if reference is not None and reference.serves(codec_id) else None,
    )


_primed: tuple[int, bytes, int, ProvingCompressor] | None = None
_priming = threading.Lock()


def primed_compressor(level: int, dictionary: bytes, largest_reference: int = 0) -> ProvingCompressor:
    """The primed compressor: made once in each process, shared by its threads."""
    global _primed
    wanted = level, dictionary, largest_reference
    with _priming:
        if _primed is None or _primed[:3] != wanted:
            _primed = None
            _primed = (*wanted, ProvingCompressor.for_level(*wanted))
        return _primed[3]


def release_compressor() -> None:
    """Free the primed compressor of this process, if there is one."""
    global _primed
    with _priming:
        _primed = None


def _read_first(runs: Sequence[RunToRead]) -> list[bytes | OSError]:
    """What the first source of each run has."""
    return read_many([(run.sources[0], run.offset, run.length) for run in runs])


def _is_right(data: bytes | OSError, run: RunToRead) -> TypeGuard[bytes]:
    return isinstance(data, bytes) and run_check(data) == run.check


def _read_elsewhere(run: RunToRead) -> bytes | None:
    """A run's bytes from the first of its other sources that still has them, or None."""
    for source in run.sources[1:]:
        (data,) = read_many([(source, run.offset, run.length)])
        if _is_right(data, run):
            return data
    return None
