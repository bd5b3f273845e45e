# The mixing codec on plain memory: layouts first, then spans in, sizes or status out.
#
# The caller allocates what the layout functions count, lets them cut it up, and fills it once;
# then any number of blocks go through without another allocation.

from libc.stdint cimport uint8_t, uint32_t
from libc.stddef cimport size_t

cdef extern from "mix_setup.h" nogil:
    ctypedef struct mix_primed:
        int level
        uint32_t size
    ctypedef struct mix_coder:
        uint32_t max_block
    enum:
        MIX_LIMIT
        MIX_DICTIONARY_LIMIT

cdef size_t primed_layout(mix_primed* primed, uint8_t* base, int level, uint32_t size) noexcept nogil
cdef void primed_fill(mix_primed* primed, const uint8_t* dictionary, bint portable) noexcept nogil
cdef size_t coder_layout(
    mix_coder* coder, uint8_t* base, int level, uint32_t past, uint32_t max_block
) noexcept nogil
cdef void coder_fill(mix_coder* coder, const mix_primed* primed) noexcept nogil
cdef size_t encode_block(mix_coder* coder, const uint8_t* data, uint32_t size, uint8_t* out) noexcept nogil
cdef int decode_block(
    mix_coder* coder, const uint8_t* payload, size_t payload_size, uint32_t size, uint32_t first, uint8_t* out
) noexcept nogil
