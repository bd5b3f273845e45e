"""What the C allocator does with freed memory, where it is glibc's; elsewhere these calls do nothing."""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_MMAP_MAX, _ARENA_MAX, _TRIM_THRESHOLD = -4, -8, -1
_MOST = (1 << 31) - 1


def keep_freed_memory() -> None:
    """Take freed memory again instead of giving it back at once, all threads from one heap.

    Buffers of megabytes come and go all the time; by default each comes from the system anew, page by page,
    zeroed. For a process that is ours alone, before it starts threads.
    """
    option = _function("mallopt")
    if option is not None and option(_ARENA_MAX, 1):
        option(_TRIM_THRESHOLD, _MOST)
        option(_MMAP_MAX, 0)


def release_freed_memory() -> None:
    """Give memory that was freed back to the system."""
    trim = _function("malloc_trim")
    if trim is not None:
        trim(0)


@cache
def _function(name: str) -> Callable[..., int] | None:
    """A function of the C library, if it has it."""
    if sys.platform != "linux":
        return None
    import ctypes

    function: Callable[..., int] | None = getattr(ctypes.CDLL(None), name, None)
    return function
