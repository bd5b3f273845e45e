/* The block encoder: look at the bytes, choose how to code them, code them.
 *
 *   data -> incompressible? -> stored
 *        -> shape (text or binary) -> primed state copied -> parse -> tokens -> payload
 *        -> not smaller than the data -> stored
 */
#ifndef UC_LZ_ENCODE_H
#define UC_LZ_ENCODE_H

#include "lz_lazy.h"
#include "lz_optimal.h"
#include "lz_setup.h"

/* Bytes that a text would not have tell structures of fixed width. */
static inline lz_shape lz_choose_shape(const uint8_t *data, uint32_t size)
{
    lz_shape shape = { 0 };
    uint32_t k, odd = 0;
    for (k = 0; k < size; k++) {
        odd += data[k] < 9;
    }
    if (odd > size / 32) {
        shape.position_mask = LZ_POSITIONS - 1;
    }
    return shape;
}

static inline size_t lz_encode_stored(const uint8_t *data, uint32_t size, uint8_t *out)
{
    out[0] = LZ_BLOCK_STORED;
    memcpy(out + 1, data, size);
    return (size_t)size + 1;
}

/* `out` has room for size + 1 bytes; returns the payload's size. */
static size_t lz_encode_block(lz_coder *coder, const uint8_t *data, uint32_t size, uint8_t *out)
{
    lz_encoder *e = &coder->encoder;
    uint32_t past = coder->primed->size;
    if (size == 0) {
        return 0;
    }
    memcpy(coder->window + past, data, size);
    memset(coder->window + past + size, 0, LZ_SLACK);
    e->past = past;
    e->end = past + size;
    e->shape = lz_choose_shape(data, size);
    memcpy(coder->model, coder->primed->model, sizeof(lz_model));
    lz_context_reset(&e->context);
    lz_finder_begin(&e->finder, past, size);
    out[0] = lz_shape_byte(&e->shape);
    rc_encoder_init(&e->rc, out + 1, size);
    if (coder->primed->level == 4) {
        lz_parse_lazy(e);
    } else {
        lz_parse_optimal(e);
    }
    if (!e->rc.overflow) {
        rc_encoder_flush(&e->rc);
    }
    if (e->rc.overflow || (size_t)(e->rc.out - out) > size) {
        return lz_encode_stored(data, size, out);
    }
    return (size_t)(e->rc.out - out);
}

#endif
