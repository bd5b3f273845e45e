# The order in which like stands beside like. See similarity.pyx.
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t
from libc.stddef cimport size_t

cdef enum:
    SCORES = 1024           # scores lie below this

cdef struct Likeness:
    # What is compared: `columns` features for each of `count` contents, numbered densely; -1 is none.
    size_t count
    size_t columns
    size_t shared               # how many numbers there are
    const int32_t* features
    const uint16_t* weights     # of each column; the greatest times `columns` lies below SCORES
    const uint8_t* classes
    const int64_t* sizes
    # For each feature the contents that have it, in rising order.
    const int64_t* starts
    int64_t* ends
    int32_t* postings
    # Scratch, zeroed: one item for each feature, then one for each content.
    int32_t* seen
    uint16_t* scores
    uint8_t* done
    int32_t* next
    int32_t* previous

cdef void order_by_likeness(Likeness* like, size_t span, int64_t block, int32_t* order) noexcept nogil
