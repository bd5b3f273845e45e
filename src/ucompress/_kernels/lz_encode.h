/* The block encoder: look at the bytes, choose how to code them, code them.
 *
 *   data -> shape (lz_choose.h), or stored at once -> primed state copied -> parse -> tokens -> payload
 *        -> not smaller than the data -> stored
 */
#ifndef UC_LZ_ENCODE_H
#define UC_LZ_ENCODE_H

#include "lz_choose.h"
#include "lz_optimal.h"
#include "lz_setup.h"

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
    e->inserted = coder->primed->inserted;
    e->shape = coder->primed->shape;
    lz_finder_begin(&e->finder, past, size);
    if (!lz_choose_shape(e, data, size)) {
        return lz_encode_stored(data, size, out);
    }
    memcpy(coder->model, coder->primed->model, sizeof(lz_model));
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
