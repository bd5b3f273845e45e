# The LZ block codec's one compiled place; the codec itself is in the `lz_*.h` headers:
#
#   lz_memory -> range_coder -> coding -> lz_counters -> lz_mixer -> lz_nibble
#   lz_candidates, lz_nibble -> lz_models -> lz_scene -> lz_prime; lz_models -> lz_block -> lz_span
#   lz_finder, lz_prices -> lz_encoder, lz_prime, lz_span, lz_simd -> lz_paths, read once for each path
#   lz_paths, cutter -> lz_setup -> lz_decode, lz_choose -> lz_encode
#
# Invariants: no allocation, no Python object, no global state; sizes were checked by the caller
# (dictionary and block at most LZ_LIMIT, block at most the coder's max_block).

cdef extern from "lz_encode.h" nogil:
    size_t lz_primed_layout(lz_primed* primed, uint8_t* base, int level, uint32_t size, int encode)
    void lz_primed_begin(lz_primed* primed, int vector)
    void lz_primed_append(lz_primed* primed, const uint8_t* bytes, uint32_t count)
    void lz_primed_teach(lz_primed* primed, int literals, lz_model* spare)
    int uc_has_avx2()
    size_t lz_coder_layout(
        lz_coder* coder, uint8_t* base, uint32_t past, uint32_t max_block, uint32_t max_reference, int encode
    )
    void lz_coder_fill(lz_coder* coder, const lz_primed* primed, int encode)
    size_t lz_encode_block(
        lz_coder* coder, const uint8_t* data, uint32_t size, uint32_t reference, uint8_t* out
    )

cdef extern from "lz_decode.h" nogil:
    int lz_decode_into(
        lz_coder* coder, const uint8_t* payload, size_t payload_size, uint32_t reference, uint32_t size,
        uint32_t first, uint8_t* out
    )
    int lz_decode_reference(lz_coder* coder, const uint8_t* payload, size_t payload_size, uint32_t size)
    int lz_span_begin(
        lz_span* span, lz_coder* coder, const uint8_t* payload, size_t payload_size, uint32_t reference,
        uint32_t size
    )
    int lz_span_decode(lz_span* span, uint32_t count)
    int lz_payload_literals(const uint8_t* payload, size_t payload_size)
    void lz_keep(lz_coder* coder)
    size_t lz_model_bytes()


cdef size_t primed_layout(
    lz_primed* primed, uint8_t* base, int level, uint32_t size, bint encode
) noexcept nogil:
    return lz_primed_layout(primed, base, level, size, encode)


cdef void primed_begin(lz_primed* primed, bint portable) noexcept nogil:
    lz_primed_begin(primed, not portable and uc_has_avx2())


cdef void primed_append(lz_primed* primed, const uint8_t* bytes, uint32_t count) noexcept nogil:
    lz_primed_append(primed, bytes, count)


cdef void teach_literals(
    lz_primed* primed, lz_coder* coder, const uint8_t* payload, size_t payload_size
) noexcept nogil:
    cdef int literals = lz_payload_literals(payload, payload_size)
    if not primed.taught[literals]:
        lz_primed_teach(primed, literals, coder.model)


cdef size_t coder_layout(
    lz_coder* coder, uint8_t* base, uint32_t past, uint32_t max_block, uint32_t max_reference, bint encode
) noexcept nogil:
    return lz_coder_layout(coder, base, past, max_block, max_reference, encode)


cdef void coder_fill(lz_coder* coder, const lz_primed* primed, bint encode) noexcept nogil:
    lz_coder_fill(coder, primed, encode)


cdef size_t encode_block(
    lz_coder* coder, const uint8_t* data, uint32_t size, uint32_t reference, uint8_t* out
) noexcept nogil:
    return lz_encode_block(coder, data, size, reference, out)


cdef int decode_block(
    lz_coder* coder, const uint8_t* payload, size_t payload_size, uint32_t reference, uint32_t size,
    uint32_t first, uint8_t* out
) noexcept nogil:
    return lz_decode_into(coder, payload, payload_size, reference, size, first, out)


cdef int decode_reference(
    lz_coder* coder, const uint8_t* payload, size_t payload_size, uint32_t size
) noexcept nogil:
    return lz_decode_reference(coder, payload, payload_size, size)


cdef int span_begin(
    lz_span* span, lz_coder* coder, const uint8_t* payload, size_t payload_size, uint32_t size
) noexcept nogil:
    return lz_span_begin(span, coder, payload, payload_size, 0, size)


cdef int span_decode(lz_span* span, uint32_t count) noexcept nogil:
    return lz_span_decode(span, count)


cdef void keep(lz_coder* coder) noexcept nogil:
    lz_keep(coder)


cdef size_t model_bytes() noexcept nogil:
    return lz_model_bytes()
