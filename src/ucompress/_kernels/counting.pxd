# Counts of sampled d-mers: of documents, and of other counts.

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t

from ucompress._kernels.count_table cimport CountRow, CountTable
from ucompress._kernels.sampling cimport Sample, Sampler

cdef int table_scan(
    CountTable* table, Sampler* sampler, const uint8_t* data, size_t size, uint32_t document, Sample* scratch
) noexcept nogil
cdef int table_merge(
    CountTable* table, const CountRow* rows, size_t count, const uint32_t* document
) noexcept nogil
cdef int table_merge_packed(CountTable* table, const uint8_t* data, size_t size) noexcept nogil
