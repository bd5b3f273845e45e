"""What the C allocator does with freed memory, where it is glibc's; elsewhere these calls do nothing."""

from __future__ import annotations

from ucompress import _core


def keep_freed_memory() -> None:
    """Take freed memory again instead of giving it back at once, all threads from one heap.

    Buffers of megabytes come and go all the time; by default each comes from the system anew, page by page,
    zeroed. For a process that is ours alone, before it starts threads.
    """
    _core.keep_freed_memory()


def release_freed_memory() -> None:
    """Give memory that was freed back to the system."""
    _core.release_freed_memory()
