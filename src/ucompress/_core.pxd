# The public C API: real functions `uc_*` and `cdef class`es, never aliases of private modules.

from cpython.pythread cimport PyThread_type_lock
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from ucompress._kernels.counting cimport CountRow, CountTable
from ucompress._kernels.sampling cimport Sample, Sampler

# Patterns: rolling hash, counts.

cdef int uc_rolling_hash(const uint8_t* data, size_t size, size_t length, uint64_t* out) noexcept nogil
cdef Py_ssize_t uc_count_patterns(
    const uint8_t* data,
    size_t size,
    size_t length,
    uint64_t threshold,
    uint32_t document,
    CountRow* rows,
    size_t room,
) noexcept nogil
cdef int uc_counter_update(
    PatternCounter counter, const uint8_t* data, size_t size, uint32_t document
) except -1

cdef class PatternCounter:
    cdef CountTable table
    cdef Sampler sampler
    cdef Sample* scratch
    cdef uint32_t document
    cdef PyThread_type_lock lock

# Segments: zero runs, classes, long copies.

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
