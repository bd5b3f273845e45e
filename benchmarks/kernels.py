"""The kernels that are measured, each as a function of one buffer.

READ ME FIRST. The text is what every machine has: the modules of the Python that runs this, joined in the
order of their names. So figures of two machines with different Pythons are on slightly different bytes;
ratios (one thread to two, one commit to the next on one machine) are what these are for. Each entry of
`KERNELS` sets up what a worker keeps for itself (`prepare`) and returns the function that is timed, once
a span, so that a thread can have its own.
"""

from __future__ import annotations

import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ucompress import _core

SAMPLED = (1 << 64) // 64
"""Hashes up to here are counted: one d-mer in 64, what a tree of 100 MB gets."""

DICTIONARY_BYTES = 1 << 20
SPAN = 4 << 20

Job = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel: its name in the tables, how a worker makes itself ready, and the bytes of one span."""

    name: str
    prepare: Callable[[], Job]
    span: int = SPAN


@cache
def text(size: int = 16 << 20) -> bytes:
    """The first `size` bytes of the standard library's modules."""
    root = Path(sysconfig.get_path("stdlib"))
    parts, have = [], 0
    for path in sorted(root.rglob("*.py")):
        if "site-packages" in path.parts:
            continue
        parts.append(path.read_bytes())
        have += len(parts[-1])
        if have >= size:
            break
    joined = b"".join(parts)
    while len(joined) < size:
        joined += joined
    return joined[:size]


@cache
def dictionary() -> bytes:
    """A dictionary of a mebibyte: text that stands far from the spans that are coded."""
    return text()[-DICTIONARY_BYTES:]


@cache
def frequent(count: int = 2000) -> tuple[bytes, ...]:
    """D-mers that the text holds often, for the exact count."""
    counts = _core.count_patterns(text()[:SPAN], threshold=SAMPLED)
    counts.sort(order="frequency")
    return tuple(sorted({text()[int(at) : int(at) + 16] for at in counts["offset"][-count:]}))


def _rolling_hash() -> Job:
    return _core.rolling_hash


def _count_sampled() -> Job:
    return lambda data: _core.count_patterns(data, threshold=SAMPLED)


def _count_bounded() -> Job:
    def count(data: bytes) -> object:
        counter = _core.PatternCounter(16, SAMPLED, 1 << 16)
        counter.update(data)
        return counter

    return count


def _count_exactly() -> Job:
    return lambda data: _core.PatternTally(frequent()).update(data)


def _zero_runs() -> Job:
    return _core.find_zero_runs


def _classify() -> Job:
    return _core.classify


def _sketch() -> Job:
    return _core.sketch


def _segments() -> Job:
    return _core.find_segments


def _encode(level: int) -> Callable[[], Job]:
    def prepare() -> Job:
        primed = _primed(level)
        return _core.Encoder(primed, 1 << 20).encode

    return prepare


@cache
def _primed(level: int) -> _core.PrimedDictionary:
    return _core.PrimedDictionary(dictionary(), level)


@cache
def payload(data: bytes) -> bytes:
    """A span coded at level 6."""
    return _core.Encoder(_primed(6), 1 << 20).encode(data)


def _decode() -> Job:
    decoder = _core.Decoder(_primed(6), 1 << 20)
    return lambda data: decoder.decode(payload(data), len(data))


def _zstd(level: int) -> Callable[[], Job]:
    def prepare() -> Job:
        from ucompress.codec.block import BlockCompressor

        return BlockCompressor(level, dictionary()).compress

    return prepare


KERNELS = (
    Kernel("rolling hash", _rolling_hash),
    Kernel("count, sampled", _count_sampled),
    Kernel("count, bounded", _count_bounded),
    Kernel("count, exact", _count_exactly),
    Kernel("zero runs", _zero_runs),
    Kernel("classify", _classify),
    Kernel("sketch", _sketch, 1 << 18),
    Kernel("segments", _segments),
    Kernel("zstd level 3", _zstd(3), 1 << 20),
    *(Kernel(f"LZ encode level {level}", _encode(level), 1 << 20) for level in (4, 5, 6)),
    Kernel("LZ decode", _decode, 1 << 20),
)
