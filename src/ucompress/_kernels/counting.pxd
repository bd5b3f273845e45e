# Counts of sampled d-mers in an ordered table of bounded size.

from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from ucompress._kernels.sampling cimport Sample, Sampler

# One counted d-mer; COUNT_DTYPE in Python. A slot with frequency 0 is empty.
cdef packed struct CountRow:
    uint64_t hash
    uint64_t offset       # of the lowest known place
    uint32_t frequency    # positions, saturating
    uint32_t documents    # documents that contain it, saturating
    uint32_t document     # of the lowest known place
    uint32_t reserved     # 0; inside a table the number of the last document counted

cdef struct CountTable:
    CountRow* slots
    size_t room           # slots allocated
    size_t home           # slots that hashes map to; the rest takes what is pushed past the end
    size_t used
    size_t capacity       # most rows given out; 0 is no bound
    uint64_t threshold    # hashes above it are not counted; falls when the table is full
    uint64_t top          # home slots spread over the hashes up to here; higher ones go last
    size_t crowd          # longest way from home that is put up with
    unsigned int shift    # with `scale`: from a hash to its home slot
    uint64_t scale
    uint32_t turn         # number of the current document, never 0 while one is open

cdef int table_init(CountTable* table, size_t capacity, uint64_t threshold, size_t expected) noexcept nogil
cdef void table_free(CountTable* table) noexcept nogil
cdef void table_begin(CountTable* table) noexcept nogil
cdef int table_scan(
    CountTable* table, Sampler* sampler, const uint8_t* data, size_t size, uint32_t document, Sample* scratch
) noexcept nogil
cdef int table_merge(
    CountTable* table, const CountRow* rows, size_t count, const uint32_t* document
) noexcept nogil
cdef size_t table_size(const CountTable* table) noexcept nogil
cdef void table_rows(const CountTable* table, CountRow* out) noexcept nogil
