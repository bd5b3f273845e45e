# Finds places of given d-mers, a bounded number of each.

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from ucompress._kernels.lookup cimport Lookup
from ucompress._kernels.sampling cimport Sample, Sampler

# One place; PLACE_DTYPE in Python.
cdef packed struct Place:
    uint64_t order        # which places are kept: the lowest (order, document, offset)
    uint64_t offset
    uint32_t document
    uint32_t candidate    # the d-mer's number

cdef struct Locator:
    Lookup lookup
    size_t candidates
    size_t bound          # most places kept of one candidate
    uint64_t threshold    # highest hash among the candidates
    Place* places         # `bound` for each candidate, the first `filled` of them in use, in order
    uint32_t* filled
    uint32_t* ranks       # places met so far in the open document
    uint32_t* turns       # the document for which `ranks` counts
    uint32_t turn

cdef int locator_init(Locator* locator, const uint64_t* hashes, size_t count, size_t bound) noexcept nogil
cdef void locator_free(Locator* locator) noexcept nogil
cdef void locator_forget(Locator* locator) noexcept nogil
cdef void locator_begin(Locator* locator) noexcept nogil
cdef void locator_scan(
    Locator* locator, Sampler* sampler, const uint8_t* data, size_t size, uint32_t document, Sample* scratch
) noexcept nogil
cdef int locator_add_packed(
    Locator* locator, const uint8_t* data, size_t size, uint32_t document
) noexcept nogil
cdef int locator_merge(Locator* locator, const Place* places, size_t count) noexcept nogil
cdef size_t locator_size(const Locator* locator) noexcept nogil
cdef void locator_places(const Locator* locator, Place* out) noexcept nogil
