# Counts occurrences of many byte strings exactly.

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from ucompress._kernels.lookup cimport Lookup
from ucompress._kernels.sampling cimport Sample, Sampler

cdef enum:
    PATTERN_LIMIT = 65536   # longest pattern, in bytes

# A pattern's exact counts; TALLY_DTYPE in Python.
cdef packed struct Tally:
    uint64_t frequency      # positions, overlapping ones included
    uint64_t files          # documents that contain it
    uint64_t disjoint       # occurrences from left to right that do not overlap

cdef struct Pattern:
    uint64_t anchor         # hash of the d-mer by which it is found
    size_t anchor_offset    # where that d-mer first stands in the pattern
    size_t start            # of its bytes in `text`
    size_t size
    size_t number           # as it was given
    uint64_t last_end       # in the open document: end of the last disjoint occurrence
    uint32_t turn           # the document for which `last_end` counts

cdef struct Matcher:
    Lookup lookup           # anchor -> first pattern with it; others follow
    Pattern* patterns       # by anchor
    Tally* tallies          # by number
    uint8_t* text
    uint8_t* tail           # last bytes of the document so far, then the next window's first
    size_t count
    size_t longest
    size_t kept             # bytes in `tail`
    uint64_t position       # bytes of the document seen so far
    uint64_t weight         # documents that the open one stands for
    uint32_t turn
    Sampler sampler

cdef int matcher_init(Matcher* matcher, const uint8_t* text, const size_t* sizes, size_t count,
                      size_t length, uint64_t* scratch) noexcept nogil
cdef void matcher_free(Matcher* matcher) noexcept nogil
cdef void matcher_begin(Matcher* matcher, uint64_t weight) noexcept nogil
cdef int matcher_look(
    Matcher* matcher, const uint8_t* data, size_t size, const uint8_t* packed, size_t packed_size
) noexcept nogil
cdef void matcher_scan(Matcher* matcher, const uint8_t* data, size_t size, Sample* scratch) noexcept nogil
