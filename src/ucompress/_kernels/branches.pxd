# The x86-64 branch filter, in place, and how operands repeat with and without it.

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t


cdef extern from "branches.h" nogil:
    enum:
        RELATIVE_BITS "UC_BRANCH_RELATIVE_BITS"     # log2 of the slots for operands of a dictionary
        TARGET_BITS "UC_BRANCH_TARGET_BITS"         # the same for those of a block, and for its targets
    ctypedef struct BranchRepeats "uc_branch_repeats":
        size_t relative
        size_t absolute
    void targets_from_displacements "uc_targets_from_displacements"(uint8_t* data, size_t size)
    void displacements_from_targets "uc_displacements_from_targets"(uint8_t* data, size_t size)
    bint may_hold_code "uc_may_hold_code"(const uint8_t* data, size_t size)
    void note_operands "uc_note_operands"(const uint8_t* dictionary, size_t size, uint32_t* past)
    BranchRepeats count_repeats "uc_count_repeats"(
        const uint8_t* data, size_t size, const uint32_t* past, uint32_t* operands, uint32_t* targets
    )
