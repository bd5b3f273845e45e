# Bindings: what the C allocator keeps of freed memory.

from ucompress._kernels cimport heap as _heap


def keep_freed_memory():
    """Take freed memory again instead of giving it back, all threads from one heap, where glibc allocates."""
    _heap.uc_keep_freed()


def release_freed_memory():
    """Give freed memory back to the system, where glibc allocates."""
    with nogil:
        _heap.uc_release_freed()
