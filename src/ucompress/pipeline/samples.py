"""The d-mer sample of a file: what analysis keeps of it.

Only d-mers whose hash lies below a threshold are kept. The threshold follows from the bytes
of the whole tree, so that all samples together stay at about a million d-mers whatever the
tree's size, and from nothing else, so that any split of the work gives the same counts.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from ucompress.patterns import COUNT_DTYPE

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAMPLES = 1 << 20
DENSEST_SHIFT = 4
_HEAD = struct.Struct("<I")
EMPTY = _HEAD.pack(0)
"""The sample of a content too short for a d-mer."""

_MOST = np.iinfo(np.uint16).max


def sampling_shift(total_bytes: int) -> int:
    """One d-mer in 2^shift is kept of a tree of `total_bytes` bytes."""
    shift = DENSEST_SHIFT
    while total_bytes >> shift > SAMPLES:
        shift += 1
    return shift


def threshold(shift: int) -> int:
    """The highest hash that is kept."""
    return (1 << (64 - shift)) - 1


def pack(counts: NDArray[np.void]) -> bytes:
    """A file's counts as bytes: hashes, then frequencies of 16 bits, saturating."""
    frequencies = np.minimum(counts["frequency"], _MOST).astype("<u2")
    return b"".join((_HEAD.pack(len(counts)), counts["hash"].tobytes(), frequencies.tobytes()))


def unpack(sample: bytes) -> NDArray[np.void]:
    """The counts that `pack` packed, each in one document at an unknown place.

    Raises:
        ValueError: the bytes are not a sample.
    """
    if not is_sample(sample):
        raise ValueError("a sample of another length than it says")
    (rows,) = _HEAD.unpack_from(sample)
    counts = np.zeros(rows, COUNT_DTYPE)
    counts["hash"] = np.frombuffer(sample, "<u8", rows, _HEAD.size)
    counts["frequency"] = np.frombuffer(sample, "<u2", rows, _HEAD.size + rows * 8)
    counts["documents"] = 1
    return counts


def is_sample(sample: bytes) -> bool:
    """Whether the bytes have the form that `pack` gives."""
    return len(sample) >= _HEAD.size and len(sample) == _HEAD.size + _HEAD.unpack_from(sample)[0] * 10


def hashes(sample: bytes) -> NDArray[np.uint64]:
    """The hashes of a packed sample, ascending."""
    (rows,) = _HEAD.unpack_from(sample)
    return np.frombuffer(sample, "<u8", rows, _HEAD.size)
