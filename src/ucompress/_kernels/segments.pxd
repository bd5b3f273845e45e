# Long copies: anchors, the table that remembers them, and matching. See segments.pyx.
from libc.stdint cimport int64_t, uint8_t, uint64_t
from libc.stddef cimport size_t

cdef struct Anchor:
    uint64_t hash       # dmer_mix of the d bytes at `position`
    uint64_t position

cdef struct SegmentTable:
    uint64_t* slots     # 2^bits slots: 24 bits of tag, 40 bits of address + 1; 0 is empty
    unsigned int bits   # at least 3

cdef struct AnchorRule:
    size_t d                # bytes of a d-mer
    uint64_t threshold      # the highest raw hash of an anchor
    size_t gap              # the least bytes from one anchor to the next
    uint64_t[256] leaving   # what a byte takes with it when it leaves the d-mer

cdef void anchor_rule(AnchorRule* rule, size_t d, uint64_t threshold, size_t gap) noexcept nogil

cdef size_t find_anchors(
    const AnchorRule* rule, const uint8_t* data, size_t length, Anchor* anchors, size_t room
) noexcept nogil

cdef size_t trace_anchors(
    SegmentTable* table, const Anchor* anchors, size_t count, uint64_t base, uint64_t first, int64_t* hits,
) noexcept nogil

cdef size_t match_forward(const uint8_t* a, const uint8_t* b, size_t limit) noexcept nogil

cdef size_t match_backward(const uint8_t* a, const uint8_t* b, size_t limit) noexcept nogil
