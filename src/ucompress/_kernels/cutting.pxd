# Content-defined cuts: d-mers whose hash is the lowest for some way around.

from libc.stddef cimport size_t
from libc.stdint cimport uint64_t

cdef size_t find_cuts(
    const uint64_t* hashes, size_t count, size_t spacing, uint64_t* stack, uint64_t* cuts
) noexcept nogil
