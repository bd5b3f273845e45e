# cython: language_level=3
"""Somebody else's extension: knows only what the wheel ships, and calls the kernels on its own memory."""

from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t

from ucompress._core cimport SegmentIndex, uc_classify, uc_find_zero_runs, uc_match_forward


def zero_runs(const uint8_t[::1] data, size_t minimum):
    """Pairs (start, end) of zero runs, found without the GIL."""
    cdef int64_t[64] runs
    cdef size_t count
    with nogil:
        count = uc_find_zero_runs(&data[0], data.shape[0], minimum, runs)
    return [(runs[2 * place], runs[2 * place + 1]) for place in range(count)]


def common_prefix(const uint8_t[::1] left, const uint8_t[::1] right):
    """How many bytes two buffers have in common from their beginnings on."""
    cdef size_t limit = min(left.shape[0], right.shape[0])
    with nogil:
        limit = uc_match_forward(&left[0], &right[0], limit)
    return limit


def class_of(const uint8_t[::1] data):
    """0 for text, 1 for binary, 2 for dense data."""
    cdef int found
    with nogil:
        found = uc_classify(&data[0], data.shape[0])
    return found


def length_of(SegmentIndex index):
    """Reads a field of an extension type that was made elsewhere."""
    return index.length
