# The LZ block codec on plain memory: layouts first, then spans in, sizes or status out.
#
# The caller allocates what the layout functions count, lets them cut it up, and fills it once;
# then any number of blocks go through without another allocation.

from libc.stdint cimport uint8_t, uint32_t
from libc.stddef cimport size_t

cdef extern from "lz_setup.h" nogil:
    ctypedef struct lz_primed:
        int level
        uint32_t size
        uint32_t known
        int taught[3]
    ctypedef struct lz_model:
        pass
    ctypedef struct lz_coder:
        uint32_t max_block
        lz_model* model
        lz_model* kept
    ctypedef struct lz_span:
        uint8_t* window
        uint32_t position
        uint32_t end
    enum:
        LZ_LIMIT
        LZ_BLOCK_STORED

cdef size_t primed_layout(
    lz_primed* primed, uint8_t* base, int level, uint32_t size, bint encode
) noexcept nogil
cdef void primed_begin(lz_primed* primed, bint portable) noexcept nogil
cdef void primed_append(lz_primed* primed, const uint8_t* bytes, uint32_t count) noexcept nogil
# The literals of a payload that is decoded next; the coder's model is lost by it, what it keeps is not.
cdef void teach_literals(
    lz_primed* primed, lz_coder* coder, const uint8_t* payload, size_t payload_size
) noexcept nogil
cdef size_t coder_layout(
    lz_coder* coder, uint8_t* base, uint32_t past, uint32_t max_block, uint32_t max_reference, bint encode
) noexcept nogil
cdef void coder_fill(lz_coder* coder, const lz_primed* primed, bint encode) noexcept nogil
cdef size_t encode_block(
    lz_coder* coder, const uint8_t* data, uint32_t size, uint32_t reference, uint8_t* out
) noexcept nogil
cdef int decode_block(
    lz_coder* coder, const uint8_t* payload, size_t payload_size, uint32_t reference, uint32_t size,
    uint32_t first, uint8_t* out
) noexcept nogil
cdef int decode_reference(
    lz_coder* coder, const uint8_t* payload, size_t payload_size, uint32_t size
) noexcept nogil
cdef int span_begin(
    lz_span* span, lz_coder* coder, const uint8_t* payload, size_t payload_size, uint32_t size
) noexcept nogil
cdef int span_decode(lz_span* span, uint32_t count) noexcept nogil
cdef void keep(lz_coder* coder) noexcept nogil
cdef size_t model_bytes() noexcept nogil
