/* The block encoder: look at the bytes, choose how to code them, code them.
 *
 *   data -> shape (lz_choose.h), or stored at once -> state copied -> parse -> tokens -> payload
 *        -> not smaller than the data -> stored
 */
#ifndef UC_LZ_ENCODE_H
#define UC_LZ_ENCODE_H

#include "lz_choose.h"
#include "lz_decode.h"
#include "lz_setup.h"

static inline size_t lz_encode_stored(const uint8_t *data, uint32_t size, uint8_t *out)
{
    out[0] = LZ_BLOCK_STORED;
    memcpy(out + 1, data, size);
    return (size_t)size + 1;
}

/* `out` has room for size + 1 bytes; returns the payload's size. `reference`: as in lz_decode_into. */
static size_t lz_encode_block(lz_coder *coder, const uint8_t *data, uint32_t size, uint32_t reference,
                              uint8_t *out)
{
    lz_encoder *e = &coder->encoder;
    uint32_t past = coder->primed->size, begin = past + reference;
    if (size == 0) {
        return 0;
    }
    memcpy(coder->window + begin, data, size);
    memset(coder->window + begin + size, 0, LZ_SLACK);
    e->past = past;
    e->begin = begin;
    e->end = begin + size;
    e->shape = coder->primed->shape;
    lz_finder_begin(&e->finder, past, begin, size);
    if (!lz_choose_shape(e, data, size)) {
        return lz_encode_stored(data, size, out);
    }
    lz_coder_begin(coder, reference, e->shape.literals);
    e->model = coder->model;
    e->inserted = coder->inserted;
    lz_context_reset(&e->context);
    out[0] = lz_shape_byte(&e->shape);
    rc_encoder_init(&e->rc, out + 1, size);
    lz_parse_optimal(e);
    if (!e->rc.overflow) {
        rc_encoder_flush(&e->rc);
    }
    if (e->rc.overflow || (size_t)(e->rc.out - out) > size) {
        return lz_encode_stored(data, size, out);
    }
    return (size_t)(e->rc.out - out);
}

#endif
