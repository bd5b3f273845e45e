/* The block decoder: safe on any bytes, no allocation, no recursion.
 *
 *   window   [ LZ_PAD zeros | dictionary | block | LZ_SLACK ]
 *                                        ^ position 0 of the block
 *   state    primed: candidates up to LZ_LATE bytes before the block
 *
 *   insert places -> look up candidates -> token -> check -> copy      until the block is full
 *
 * Every offset is checked against the bytes that exist, every length against the room left;
 * each turn of the loop makes at least one byte, so it ends. Candidates are places
 * that were inserted, so they lie inside the window by themselves. Copies may write up to
 * LZ_SLACK - 1 bytes behind a token's end, never behind the window's.
 */
#ifndef UC_LZ_DECODE_H
#define UC_LZ_DECODE_H

#include "lz_block.h"
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

static int lz_decode_tokens(lz_model *m, const lz_shape *shape, uint8_t *window, uint32_t inserted,
                            const uint8_t *payload, size_t payload_size, uint32_t size)
{
    rc_decoder decoder;
    lz_coding rc = { NULL, &decoder };
    lz_context c;
    uint32_t position = shape->past, end = position + size;
    rc_decoder_init(&decoder, payload, payload_size);
    lz_context_reset(&c);
    while (position < end) {
        lz_view v;
        lz_scene s;
        lz_token t = { 0, 0, 0, 0 };
        lz_literal_prefetch(m, window + position);
        inserted = lz_insert_until(shape->vector, m->table, window, inserted, position);
        lz_look(&v, m->table, window + position);
        lz_scene_set(&s, &c, &v, window, position);
        lz_code_token(LZ_GET, &rc, m, shape, &c, &s, &t);
        if (t.kind == LZ_LITERAL) {
            window[position] = (uint8_t)t.value;
        } else {
            if (UC_UNLIKELY(t.value - 1 >= position || t.length > end - position)) {
                return LZ_DAMAGED;
            }
            lz_copy(window + position, t.value, t.length);
        }
        lz_context_after(&c, &t);
        position += t.length;
    }
    return rc_decoder_finished(&decoder) ? LZ_DONE : LZ_DAMAGED;
}

static int lz_decode_into(lz_coder *coder, const uint8_t *payload, size_t payload_size, uint32_t size,
                          uint8_t *out)
{
    const lz_primed *primed = coder->primed;
    uint8_t *block = coder->window + primed->size;
    lz_shape shape = primed->shape;
    if (payload_size == 0) {
        return size == 0 ? LZ_DONE : LZ_DAMAGED;
    }
    if (payload[0] == LZ_BLOCK_STORED) {
        if (payload_size - 1 != size) {
            return LZ_DAMAGED;
        }
        memcpy(out, payload + 1, size);
        return LZ_DONE;
    }
    if (!lz_shape_read(&shape, payload[0])) {
        return LZ_DAMAGED;
    }
    lz_shape_past(&shape, primed->size);
    memcpy(coder->model, primed->model, sizeof(lz_model));
    if (lz_decode_tokens(coder->model, &shape, coder->window, primed->inserted, payload + 1, payload_size - 1,
                         size) != LZ_DONE) {
        return LZ_DAMAGED;
    }
    memcpy(out, block, size);
    return LZ_DONE;
}

#endif
