# The public C API: real functions `uc_*` and `cdef class`es, never aliases of private modules.

from cpython.pythread cimport PyThread_type_lock
from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from ucompress._kernels.count_table cimport CountRow, CountTable
from ucompress._kernels.cover cimport Choice
from ucompress._kernels.locating cimport Locator
from ucompress._kernels.matching cimport Matcher
from ucompress._kernels.points cimport Store, Table
from ucompress._kernels.sampling cimport Sample, Sampler

# Patterns: rolling hash, counts.

cdef int uc_rolling_hash(const uint8_t* data, size_t size, size_t length, uint64_t* out) noexcept nogil
cdef Py_ssize_t uc_count_patterns(
    const uint8_t* data,
    size_t size,
    size_t length,
    uint64_t threshold,
    uint32_t document,
    CountRow* rows,
    size_t room,
) noexcept nogil
cdef int uc_counter_update(
    PatternCounter counter, const uint8_t* data, size_t size, uint32_t document
) except -1

cdef int uc_locator_update(
    PatternLocator locator, const uint8_t* data, size_t size, uint32_t document
) except -1
cdef int uc_tally_update(PatternTally tally, const uint8_t* data, size_t size, uint32_t weight) except -1

cdef class PatternCounter:
    cdef CountTable table
    cdef Sampler sampler
    cdef Sample* scratch
    cdef uint32_t document
    cdef PyThread_type_lock lock

cdef class PatternLocator:
    cdef Locator locator
    cdef Sampler sampler
    cdef Sample* scratch
    cdef uint32_t document
    cdef PyThread_type_lock lock

cdef class PatternTally:
    cdef Matcher matcher
    cdef Sample* scratch
    cdef PyThread_type_lock lock

# Segments: zero runs, classes, long copies.

cdef size_t uc_find_zero_runs(
    const uint8_t* data, size_t length, size_t minimum, int64_t* runs
) noexcept nogil
cdef int uc_classify(const uint8_t* data, size_t length) noexcept nogil
cdef size_t uc_match_forward(const uint8_t* a, const uint8_t* b, size_t limit) noexcept nogil
cdef size_t uc_match_backward(const uint8_t* a, const uint8_t* b, size_t limit) noexcept nogil

cdef class SegmentIndex:
    cdef readonly size_t length
    cdef readonly size_t spacing
    cdef uint64_t* slots
    cdef unsigned int bits

# LZ codec of levels 4 to 6.

cdef class PrimedDictionary:
    cdef readonly int level
    cdef readonly bint encodes
    cdef readonly size_t nbytes
    cdef uint32_t size
    cdef void* state
    cdef void* memory

cdef class _LzCoder:
    cdef readonly PrimedDictionary primed
    cdef readonly size_t max_block
    cdef readonly size_t nbytes
    cdef void* state
    cdef void* memory
    cdef void* lock
    cdef int prepare(self, PrimedDictionary primed, size_t max_block, bint encode) except -1

cdef class Encoder(_LzCoder):
    pass

cdef class Decoder(_LzCoder):
    cdef int run(self, const uint8_t* payload, size_t length, uint8_t* out, size_t size) except -1

# `size` at most the coder's max_block; `out` of encode has room for size + 1 bytes. The second
# returns 0, or 1 for damage, and then leaves `out` alone.
cdef size_t uc_lz_encode(Encoder encoder, const uint8_t* data, size_t size, uint8_t* out) noexcept nogil
cdef int uc_lz_decode(
    Decoder decoder, const uint8_t* payload, size_t length, uint8_t* out, size_t size
) noexcept nogil

# Dictionary: windows of documents, offered and chosen. -1 stands for: no memory.

cdef int uc_dictionary_offer(
    DictionaryBuilder builder, const uint8_t* data, size_t size, uint32_t document, uint64_t offset
) noexcept nogil
cdef Py_ssize_t uc_dictionary_select(
    DictionaryBuilder builder, uint64_t size, Choice* choices, size_t room
) noexcept nogil

cdef class DictionaryBuilder:
    cdef Table table
    cdef Store store
    cdef uint64_t capacity
    cdef uint32_t weight_limit
    cdef PyThread_type_lock lock
