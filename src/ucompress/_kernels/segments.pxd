# Long copies: anchors, the table that remembers them, and matching. See segments.pyx.
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stddef cimport size_t

cdef struct Anchor:
    uint64_t hash       # dmer_mix of the d bytes at `position`
    uint64_t position

cdef struct SegmentTable:
    uint64_t* slots     # 2^bits slots: 24 bits of tag, 40 bits of address + 1; 0 is empty
    unsigned int bits   # at least 3

cdef size_t find_anchors(
    const uint8_t* data, size_t length, size_t d, uint64_t threshold, size_t gap,
    Anchor* anchors, size_t capacity,
) noexcept nogil

cdef size_t trace_anchors(
    SegmentTable* table, const Anchor* anchors, size_t count, uint64_t base, uint64_t first, int64_t* hits,
) noexcept nogil

cdef size_t match_forward(const uint8_t* a, const uint8_t* b, size_t limit) noexcept nogil

cdef size_t match_backward(const uint8_t* a, const uint8_t* b, size_t limit) noexcept nogil
