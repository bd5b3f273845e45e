# The x86-64 branch filter, in place, and how operands repeat with and without it.

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef enum:
    RELATIVE_BITS = 18      # log2 of the slots for the relative operands of a dictionary
    TARGET_BITS = 16        # the same for those of a block, and for its targets

cdef struct BranchRepeats:
    size_t relative         # operands that stood with the same bytes before, in the block or the dictionary
    size_t absolute         # others, whose target another operand of the block had before

cdef void targets_from_displacements(uint8_t* data, size_t size) noexcept nogil
cdef void displacements_from_targets(uint8_t* data, size_t size) noexcept nogil
cdef bint may_hold_code(const uint8_t* data, size_t size) noexcept nogil
cdef void note_operands(const uint8_t* dictionary, size_t size, uint32_t* past) noexcept nogil
cdef BranchRepeats count_repeats(
    const uint8_t* data, size_t size, const uint32_t* past, uint32_t* operands, uint32_t* targets
) noexcept nogil
