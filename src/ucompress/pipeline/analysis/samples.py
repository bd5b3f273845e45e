"""The d-mer sample of a file: what analysis keeps of it.

Only d-mers whose hash lies below a threshold are kept. The threshold follows from the bytes
of the whole tree, so that all samples together stay at about a million d-mers whatever the
tree's size, and from nothing else, so that any split of the work gives the same counts.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, overload

import numpy as np

from ucompress.spill import IN_MEMORY, Spill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

SAMPLES = 1 << 20
DENSEST_SHIFT = 4
_HEAD = struct.Struct("<I")
_AT_ONCE = 4096


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


@dataclass(frozen=True, slots=True, eq=False)
class Samples(Sequence[bytes]):
    """Packed samples of many contents in one buffer.

    Attributes:
        packed: the buffer.
        begins, ends: where each sample stands in it.
    """

    packed: bytearray
    begins: NDArray[np.int64]
    ends: NDArray[np.int64]

    @classmethod
    def none(cls) -> Samples:
        """No samples."""
        return cls(bytearray(), np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.begins)

    @overload
    def __getitem__(self, index: int) -> bytes: ...

    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...

    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        """A sample, or a list of them."""
        if isinstance(index, slice):
            places = zip(self.begins[index].tolist(), self.ends[index].tolist(), strict=True)
            with memoryview(self.packed) as packed:
                return [packed[begin:end].tobytes() for begin, end in places]
        return bytes(self.packed[self.begins[index] : self.ends[index]])

    def __iter__(self) -> Iterator[bytes]:
        """The samples, each made when its turn comes."""
        return chain.from_iterable(self.portions())

    def portions(self) -> Iterator[list[bytes]]:
        """All samples, some thousand at a time."""
        return (self[first : first + _AT_ONCE] for first in range(0, len(self), _AT_ONCE))

    def hashes(self, spill: Spill = IN_MEMORY) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """The hashes of all samples end to end, and where each one's begin, then their number."""
        joined, starts, done = bytearray(), spill.zeros(len(self) + 1, np.int64), 0
        for portion in self.portions():
            heads = np.frombuffer(b"".join([sample[: _HEAD.size] for sample in portion]), "<u4")
            ends = (_HEAD.size + 8 * heads.astype(np.int64)).tolist()
            joined += b"".join([sample[_HEAD.size : end] for sample, end in zip(portion, ends, strict=True)])
            after = done + len(portion)
            starts[done + 1 : after + 1] = starts[done] + np.cumsum(heads.astype(np.int64))
            done = after
            spill.release()
        return np.frombuffer(joined, "<u8"), starts


def hashes(sample: bytes) -> NDArray[np.uint64]:
    """The hashes of a packed sample, ascending."""
    return np.frombuffer(sample, "<u8", size(sample), _HEAD.size)
