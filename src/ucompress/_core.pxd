# The public C API: real functions `uc_*` and `cdef class`es, never aliases of private modules.

# Segments: zero runs, classes, long copies.
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint64_t

cdef size_t uc_find_zero_runs(
    const uint8_t* data, size_t length, size_t minimum, int64_t* runs
) noexcept nogil
cdef int uc_classify(const uint8_t* data, size_t length) noexcept nogil
cdef size_t uc_match_forward(const uint8_t* a, const uint8_t* b, size_t limit) noexcept nogil
cdef size_t uc_match_backward(const uint8_t* a, const uint8_t* b, size_t limit) noexcept nogil

cdef class SegmentIndex:
    cdef readonly size_t length
    cdef readonly size_t spacing
    cdef uint64_t* slots
    cdef unsigned int bits
