"""Filters: reversible changes of a block's bytes that let a codec find more (format section 11)."""

from __future__ import annotations

from functools import cached_property
from typing import Final

from ucompress._core import BranchCounter, filter_branches, restore_branches
from ucompress.errors import UnsupportedArchiveError

NONE: Final = 0
BRANCHES: Final = 1

FILTER_SHIFT: Final = 4
"""A codec id has the codec in its lower four bits, the filter above."""

_LEAST_SHARE: Final = 1024
"""A filter must find one repeat in so many bytes: a reader pays for less as much."""

TABLE_MEMORY: Final = 1 << 20
"""Bytes that a `FilterChooser` holds."""

SCRATCH_MEMORY: Final = 1 << 19
"""Bytes that each thread takes while it chooses."""


class FilterChooser:
    """Chooses a block's filter by what it would find and break; any number of threads may call.

    Parameters:
        dictionary: the past of every block; it is not filtered.
        price: so many targets must be found for each repeat that is broken.
    """

    def __init__(self, dictionary: bytes, price: int) -> None:
        """The dictionary is looked at when the first block comes."""
        self._dictionary = dictionary
        self._price = price

    @cached_property
    def _counter(self) -> BranchCounter:
        return BranchCounter(self._dictionary)

    def choose(self, data: bytes | memoryview) -> int:
        """The filter id for a block, a function of its bytes, dictionary and price alone."""
        broken, found = self._counter.repeats(data)
        if found > self._price * broken and found * _LEAST_SHARE >= len(data):
            return BRANCHES
        return NONE


def apply_filter(filter_id: int, data: bytes | memoryview) -> bytes | memoryview:
    """The bytes to code for a block; `filter_id` is one that `FilterChooser` chose."""
    return filter_branches(data) if filter_id == BRANCHES else data


def undo_filter(filter_id: int, data: bytes) -> bytes:
    """The block that `data` was made of by a filter; any bytes are sound.

    Raises:
        UnsupportedArchiveError: the filter is not one of ours.
    """
    if filter_id == NONE:
        return data
    if filter_id == BRANCHES:
        return restore_branches(data)
    raise UnsupportedArchiveError(f"a block uses filter {filter_id}, which this version does not have")
