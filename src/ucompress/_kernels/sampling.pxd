# Samples d-mers of a buffer: those whose mixed hash is at most a threshold.

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint64_t

cdef enum:
    DMER_LIMIT = 256    # longest d-mer
    SAMPLE_SPAN = 8192  # d-mers looked at by one call of `sample_span`

cdef struct Sample:
    uint64_t hash       # dmer_mix of the rolling hash
    uint64_t position   # of the d-mer's first byte, counted from the span's first byte

# What the scan of one document needs to know, and what it keeps between two windows.
cdef struct Sampler:
    size_t length              # d, from 1 to DMER_LIMIT
    uint64_t threshold
    uint64_t position          # bytes of the document seen so far
    size_t kept                # bytes in `tail`: the last d - 1 seen, or fewer
    uint64_t[256] leaving      # what a byte takes with it when it leaves the window
    uint8_t[512] tail          # 2 * DMER_LIMIT: the kept bytes and as many of the next window

cdef void sampler_init(Sampler* sampler, size_t length, uint64_t threshold) noexcept nogil
cdef void sampler_begin(Sampler* sampler) noexcept nogil
cdef size_t sample_span(const Sampler* sampler, const uint8_t* data, size_t count, Sample* out) noexcept nogil
cdef size_t sampler_join(Sampler* sampler, const uint8_t* data, size_t size) noexcept nogil
cdef size_t keep_last(
    uint8_t* tail, size_t kept, size_t wanted, const uint8_t* data, size_t size
) noexcept nogil
cdef void sampler_keep(Sampler* sampler, const uint8_t* data, size_t size) noexcept nogil
cdef void hash_dmers(const uint8_t* data, size_t size, size_t length, uint64_t* out) noexcept nogil
