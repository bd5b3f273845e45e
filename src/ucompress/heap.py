"""What the C allocator does with freed memory, where it is glibc's; elsewhere these calls do nothing."""

from __future__ import annotations

from functools import cache

from ucompress import _core

_REUSED = (32 << 20) - (64 << 10)
"""Just below the most that glibc lets a freed span raise its bounds to."""


def keep_freed_memory() -> None:
    """Take freed memory again instead of giving it back at once, all threads from one heap.

    Buffers of megabytes come and go all the time; by default each comes from the system anew, page by page,
    zeroed. For a process that is ours alone, before it starts threads.
    """
    _core.keep_freed_memory()


@cache
def reuse_freed_spans() -> None:
    """Take freed spans again up to 32 MB each, once for the process; gentle enough for one that is not ours.

    glibc gives memory back to the system at once where more is freed than the largest span freed before
    it, twice over. A decoder's window and output do that, and every page faults again for the next
    block: that took longer than decoding. A large span, never touched, raises both bounds.
    """
    bytes(_REUSED)


def release_freed_memory() -> None:
    """Give memory that was freed back to the system."""
    _core.release_freed_memory()
