# Features that two contents or more have, numbered. See sharing.pyx.
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.stddef cimport size_t

cdef enum:
    ITEM_SETS = 2       # how many times the number of features the scratch has room for

# One feature of one content; packed, for there are many.
cdef packed struct Item:
    uint64_t feature
    uint32_t place      # in the table of features

cdef size_t number_shared(
    const uint64_t* features, size_t count, size_t columns, Item* scratch,
    int32_t* numbers, int64_t* starts, int32_t* postings
) noexcept nogil
