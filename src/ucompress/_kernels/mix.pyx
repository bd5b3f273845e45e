# The mixing codec's one compiled place; the codec itself is in the `mix_*.h` headers:
#
#   cutter, mix_curves, mix_states, mix_trees -> mix_model -> mix_context, mix_match, coding -> mix_flag
#        mix_slots -> mix_mixer -> mix_byte -> mix_span     twice: portable and AVX2 (mix_paths)
#                                                   mix_paths, mix_setup, mix_choose -> mix_block
#
# Invariants: no allocation, no Python object, no global state; sizes were checked by the caller
# (dictionary at most MIX_DICTIONARY_LIMIT, block at most MIX_LIMIT and the coder's max_block).

cdef extern from "mix_block.h" nogil:
    int uc_has_avx2()
    size_t mix_primed_layout(mix_primed* primed, uint8_t* base, int level, uint32_t size)
    void mix_primed_fill(mix_primed* primed, const uint8_t* dictionary, int vector)
    size_t mix_coder_layout(mix_coder* coder, uint8_t* base, int level, uint32_t past, uint32_t max_block)
    void mix_coder_fill(mix_coder* coder, const mix_primed* primed)
    size_t mix_encode_block(mix_coder* coder, const uint8_t* data, uint32_t size, uint8_t* out)
    int mix_decode_block(
        mix_coder* coder, const uint8_t* payload, size_t length, uint32_t size, uint32_t first, uint8_t* out
    )


cdef size_t primed_layout(mix_primed* primed, uint8_t* base, int level, uint32_t size) noexcept nogil:
    return mix_primed_layout(primed, base, level, size)


cdef void primed_fill(mix_primed* primed, const uint8_t* dictionary, bint portable) noexcept nogil:
    mix_primed_fill(primed, dictionary, not portable and uc_has_avx2())


cdef size_t coder_layout(
    mix_coder* coder, uint8_t* base, int level, uint32_t past, uint32_t max_block
) noexcept nogil:
    return mix_coder_layout(coder, base, level, past, max_block)


cdef void coder_fill(mix_coder* coder, const mix_primed* primed) noexcept nogil:
    mix_coder_fill(coder, primed)


cdef size_t encode_block(mix_coder* coder, const uint8_t* data, uint32_t size, uint8_t* out) noexcept nogil:
    return mix_encode_block(coder, data, size, out)


cdef int decode_block(
    mix_coder* coder, const uint8_t* payload, size_t payload_size, uint32_t size, uint32_t first, uint8_t* out
) noexcept nogil:
    return mix_decode_block(coder, payload, payload_size, size, first, out)
