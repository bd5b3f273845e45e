"""Filters: reversible changes of a block's bytes that let a codec find more (format section 11)."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

from ucompress._core import (
    BranchCounter,
    filter_branches,
    filter_planes,
    find_stride,
    restore_branches,
    restore_planes,
)
from ucompress.errors import CorruptArchiveError, UnsupportedArchiveError

if TYPE_CHECKING:
    from collections.abc import Callable

NONE: Final = 0
BRANCHES: Final = 1
PLANES: Final = 2
DIFFERENCES: Final = 3

FILTER_SHIFT: Final = 4
"""A codec id has the codec in its lower four bits, the filter above."""


def split_id(codec_id: int) -> tuple[int, int]:
    """The codec and the filter of a block's codec id."""
    return codec_id & (1 << FILTER_SHIFT) - 1, codec_id >> FILTER_SHIFT


TABLE_MEMORY: Final = 1 << 20
"""Bytes that a `FilterChooser` holds."""

SCRATCH_MEMORY: Final = 1 << 19
"""Bytes that each thread takes while it chooses."""

_LEAST_SHARE: Final = (
    1024  # a branch filter must find one repeat in so many bytes: readers pay for less as much
)

_PIECES: Final = 8
"""Records are tried on so many pieces, spread over the block; a quarter of it in all."""

_SHORTEST: Final = 4 << 10
_LONGEST: Final = 16 << 10
"""Bounds of a piece, in bytes."""

_LEAST_GAIN: Final = 32
"""Planes must save one byte in so many of the pieces."""


class Filter(NamedTuple):
    """What is done to a block before it is coded.

    Attributes:
        id: which filter.
        stride: bytes of a record, for `PLANES` and `DIFFERENCES`; else 0.
    """

    id: int = NONE
    stride: int = 0

    @property
    def parameters(self) -> bytes:
        """What the payload begins with."""
        return bytes((self.stride,)) if self.stride else b""

    def apply(self, data: bytes | memoryview) -> bytes | memoryview:
        """The bytes to code for a block; equally many."""
        if self.id == NONE:
            return data
        if self.id == BRANCHES:
            return filter_branches(data)
        return filter_planes(data, self.stride, self.id == DIFFERENCES)

    def undo(self, data: bytes) -> bytes:
        """The block that `apply` made `data` of; any bytes are sound."""
        if self.id == NONE:
            return data
        if self.id == BRANCHES:
            return restore_branches(data)
        return restore_planes(data, self.stride, self.id == DIFFERENCES)


def read_filter(filter_id: int, payload: bytes | memoryview) -> tuple[Filter, bytes | memoryview]:
    """The filter of a block, and what of its payload is the codec's.

    Raises:
        CorruptArchiveError: its parameters are missing or wrong.
        UnsupportedArchiveError: the filter is not one of ours.
    """
    if filter_id in (NONE, BRANCHES):
        return Filter(filter_id), payload
    if filter_id not in (PLANES, DIFFERENCES):
        raise UnsupportedArchiveError(f"a block uses filter {filter_id}, which this version does not have")
    if not len(payload) or not payload[0]:
        raise CorruptArchiveError("a block's records have no length")
    return Filter(filter_id, payload[0]), payload[1:]


class FilterChooser:
    """Chooses the filter of a block; any number of threads may call.

    Args:
        dictionary: the past of every block; it is not filtered.
        price: so many targets must be found for each repeat that the branch filter breaks.
        code: codes bytes as the block will be; what is tried is tried with it.
    """

    def __init__(self, dictionary: bytes, price: int, code: Callable[[bytes | memoryview], bytes]) -> None:
        """The dictionary is looked at when the first block comes."""
        self._dictionary = dictionary
        self._price = price
        self._code = code

    @cached_property
    def _counter(self) -> BranchCounter:
        return BranchCounter(self._dictionary)

    def choose(self, data: bytes | memoryview) -> Filter:
        """The filter for a block, a function of its bytes, dictionary, price and coder alone."""
        broken, found = self._counter.repeats(data)
        if found > self._price * broken and found * _LEAST_SHARE >= len(data):
            return Filter(BRANCHES)
        stride = find_stride(data)
        return self._tried(data, stride) if stride else Filter()

    def _tried(self, data: bytes | memoryview, stride: int) -> Filter:
        """What does best on pieces of a block that seems to hold records."""
        sample = _sample(data, stride)
        plain = len(self._code(sample))
        size, chosen = min(
            (len(self._code(choice.apply(sample))), choice)
            for choice in (Filter(PLANES, stride), Filter(DIFFERENCES, stride))
        )
        return chosen if plain - size > len(sample) // _LEAST_GAIN else Filter()


def _sample(data: bytes | memoryview, stride: int) -> bytes:
    """Whole records from all over a block; all of it if it is small."""
    piece = min(max(len(data) // (4 * _PIECES), _SHORTEST), _LONGEST)
    piece -= piece % stride
    if len(data) <= _PIECES * piece:
        return bytes(data)
    step = (len(data) - piece) // (_PIECES - 1)
    starts = [step * number - step * number % stride for number in range(_PIECES)]
    return b"".join(bytes(data[start : start + piece]) for start in starts)
