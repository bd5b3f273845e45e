# Grows a d-mer, known at several places, into the text that stands around it everywhere.

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef enum:
    PLACES_LIMIT = 64       # most places of one d-mer
    CUT_BEFORE = 1          # the document goes on before `low`
    CUT_AFTER = 2           # the document goes on from `high`

# Where a place stands in a buffer; CONTEXT_DTYPE in Python.
cdef packed struct Context:
    uint64_t start          # of the d-mer
    uint64_t low            # the document's bytes here are [low, high)
    uint64_t high
    uint64_t cut            # CUT_BEFORE | CUT_AFTER

# What grew; EXTENT_DTYPE in Python.
cdef packed struct Extent:
    uint64_t begin          # the text is [begin, end) of the buffer
    uint64_t start          # of the d-mer in it
    uint64_t end
    uint32_t agreed         # places at which it stands
    uint32_t cut            # sides on which `reach` or the buffer's end stopped the growth

cdef void grow_group(
    const uint8_t* data, const Context* contexts, size_t count, size_t length, size_t reach,
    size_t support, Extent* core, Extent* best
) noexcept nogil
