"""The d-mer sample of a file: what analysis keeps of it.

Only d-mers whose hash lies below a threshold are kept. The threshold follows from the bytes
of the whole tree, so that all samples together stay at about a million d-mers whatever the
tree's size, and from nothing else, so that any split of the work gives the same counts.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SAMPLES = 1 << 20
DENSEST_SHIFT = 4
_HEAD = struct.Struct("<I")


def sampling_shift(total_bytes: int) -> int:
    """One d-mer in 2^shift is kept of a tree of `total_bytes` bytes."""
    shift = DENSEST_SHIFT
    while total_bytes >> shift > SAMPLES:
        shift += 1
    return shift


def threshold(shift: int) -> int:
    """The highest hash that is kept."""
    return (1 << (64 - shift)) - 1


def size(sample: bytes) -> int:
    """How many d-mers a packed sample holds."""
    (rows,) = _HEAD.unpack_from(sample)
    return int(rows)


def all_hashes(packed: Sequence[bytes]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """`hashes` of many samples end to end, and where each one's begin, then their number."""
    counts = np.frombuffer(b"".join([sample[: _HEAD.size] for sample in packed]), "<u4")
    ends = (_HEAD.size + 8 * counts.astype(np.int64)).tolist()
    joined = b"".join([sample[_HEAD.size : end] for sample, end in zip(packed, ends, strict=True)])
    return np.frombuffer(joined, "<u8"), np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))


def hashes(sample: bytes) -> NDArray[np.uint64]:
    """The hashes of a packed sample, ascending."""
    return np.frombuffer(sample, "<u8", size(sample), _HEAD.size)
