/* The block decoder: safe on any bytes, no allocation, no recursion.
 *
 *   window   [ LZ_PAD zeros | dictionary | block | LZ_SLACK ]
 *                                        ^ position 0 of the block
 * Every offset is checked against the bytes that exist, every length against the room left;
 * each turn of the loop makes at least one byte, so it ends. Copies may write up to
 * LZ_SLACK - 1 bytes behind a token's end, never behind the window's.
 */
#ifndef UC_LZ_DECODE_H
#define UC_LZ_DECODE_H

#include "lz_block.h"
#include "lz_literals.h"
#include "lz_setup.h"

static UC_INLINE void lz_copy(uint8_t *out, uint32_t offset, uint32_t length)
{
    const uint8_t *from = out - offset;
    uint8_t *end = out + length;
    if (UC_LIKELY(offset >= 16)) {
        do {
            memcpy(out, from, 16);
            out += 16;
            from += 16;
        } while (out < end);
    } else {
        do {
            *out++ = *from++;
        } while (out < end);
    }
}

/* One of the recent offsets, moved to the front. */
static UC_INLINE void lz_get_older(rc_decoder *rc, lz_model *m, lz_context *c)
{
    unsigned index = 1;
    if (lz_get_bit(rc, &m->older[1][c->history])) {
        index = 2 + lz_get_bit(rc, &m->older[2][c->history]);
    }
    lz_context_touch(c, index);
}

static int lz_decode_tokens(lz_model *m, lz_shape shape, uint8_t *window, uint32_t past,
                            const uint8_t *payload, size_t payload_size, uint32_t size)
{
    rc_decoder rc;
    lz_context c;
    uint8_t *start = window + past;
    uint8_t *out = start;
    uint8_t *end = start + size;
    rc_decoder_init(&rc, payload, payload_size);
    lz_context_reset(&c);
    while (out < end) {
        uint32_t position = (uint32_t)(out - start) & shape.position_mask;
        uint32_t length;
        if (!lz_get_bit(&rc, &m->match[position][c.history])) {
            *out = (uint8_t)(shape.plain ? rc_decode_direct(&rc, 8) : lz_get_literal(&rc, m, &c, out));
            out++;
            lz_context_push(&c, LZ_LITERAL);
            continue;
        }
        if (!lz_get_bit(&rc, &m->repeat[c.history])) {
            length = lz_get_length(&rc, &m->length[0], position);
            lz_context_enter(&c, lz_get_offset(&rc, m, &shape, (uint32_t)(out - start), length));
            lz_context_push(&c, LZ_MATCH);
        } else {
            if (lz_get_bit(&rc, &m->older[0][c.history])) {
                lz_get_older(&rc, m, &c);
            } else if (!lz_get_bit(&rc, &m->single[position][c.history])) {
                if (UC_UNLIKELY(c.recent[0] > (size_t)(out - window))) {
                    return LZ_DAMAGED;
                }
                *out = out[-(ptrdiff_t)c.recent[0]];
                out++;
                lz_context_push(&c, LZ_SHORT);
                continue;
            }
            length = lz_get_length(&rc, &m->length[1], position);
            lz_context_push(&c, LZ_REPEAT);
        }
        if (UC_UNLIKELY(c.recent[0] - 1 >= (size_t)(out - window) || length > (size_t)(end - out))) {
            return LZ_DAMAGED;
        }
        lz_copy(out, c.recent[0], length);
        out += length;
    }
    return rc_decoder_finished(&rc) ? LZ_DONE : LZ_DAMAGED;
}

/* `window` points at the dictionary's first byte. `m` is scratch for the block's state. */
static int lz_decode_block(lz_model *m, const lz_model *primed, uint8_t *window, uint32_t past,
                           const uint8_t *payload, size_t payload_size, uint32_t size)
{
    lz_shape shape;
    if (payload_size == 0) {
        return size == 0 ? LZ_DONE : LZ_DAMAGED;
    }
    if (payload[0] == LZ_BLOCK_STORED) {
        if (payload_size - 1 != size) {
            return LZ_DAMAGED;
        }
        memcpy(window + past, payload + 1, size);
        return LZ_DONE;
    }
    if (!lz_shape_read(&shape, payload[0])) {
        return LZ_DAMAGED;
    }
    lz_shape_past(&shape, past);
    memcpy(m, primed, sizeof *m);
    return lz_decode_tokens(m, shape, window, past, payload + 1, payload_size - 1, size);
}

static inline int lz_decode_into(lz_coder *coder, const uint8_t *payload, size_t payload_size, uint32_t size,
                                 uint8_t *out)
{
    uint32_t past = coder->primed->size;
    int status = lz_decode_block(coder->model, coder->primed->model, coder->window, past, payload,
                                 payload_size, size);
    if (status == LZ_DONE && size) {
        memcpy(out, coder->window + past, size);
    }
    return status;
}

#endif
