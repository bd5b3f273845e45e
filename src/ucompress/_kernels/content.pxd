# What kind of bytes these are: zero runs and classes. See content.pyx.
from libc.stdint cimport int64_t, uint8_t
from libc.stddef cimport size_t

cdef size_t find_zero_runs(
    const uint8_t* data, size_t length, size_t minimum, int64_t* runs,
) noexcept nogil

cdef int classify(const uint8_t* data, size_t length) noexcept nogil
