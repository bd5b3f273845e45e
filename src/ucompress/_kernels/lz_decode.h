/* The block decoder: safe on any bytes, no allocation, no recursion.
 *
 *   window   [ LZ_PAD zeros | dictionary | reference | block | LZ_SLACK ]
 *   state    primed, or as the reference left it: candidates up to LZ_LATE bytes before the last token
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

/* Decodes the tokens that make window[position .. end). */
static int lz_decode_tokens(lz_coder *coder, const lz_shape *shape, uint32_t position, uint32_t end,
                            const uint8_t *payload, size_t payload_size)
{
    lz_model *m = coder->model;
    uint8_t *window = coder->window;
    rc_decoder decoder;
    uc_coding rc = { NULL, &decoder };
    lz_context c;
    uint32_t inserted = coder->inserted;
    rc_decoder_init(&decoder, payload, payload_size);
    lz_context_reset(&c);
    while (position < end) {
        lz_view v;
        lz_scene s;
        lz_token t = { 0, 0, 0, 0 };
        lz_literal_prefetch(m, window + position);
        inserted = lz_insert_until(shape->vector, m->table, window, inserted, position);
        lz_look(shape->vector, &v, shape->bits, m->table, window + position);
        UC_PREFETCH(window + (v.count ? v.place[0] : 0));
        lz_scene_set(&s, &c, &v, window, position);
        lz_code_token(UC_GET, &rc, m, shape, &c, &s, &t);
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
    coder->inserted = inserted;
    return rc_decoder_finished(&decoder) ? LZ_DONE : LZ_DAMAGED;
}

/* Makes the state that a block starts from the model's: of the dictionary, or of the reference. */
static inline void lz_coder_begin(lz_coder *coder, uint32_t reference)
{
    memcpy(coder->model, reference ? coder->kept : coder->primed->model, sizeof(lz_model));
    coder->inserted = reference ? coder->kept_inserted : coder->primed->inserted;
}

/* A coded block into the window, `reference` bytes behind the dictionary. */
static int lz_decode_coded(lz_coder *coder, const uint8_t *payload, size_t payload_size, uint32_t reference,
                           uint32_t size)
{
    const lz_primed *primed = coder->primed;
    uint32_t start = primed->size + reference;
    lz_shape shape = primed->shape;
    if (payload_size == 0 || payload_size > (size_t)size + 1 || !lz_shape_read(&shape, payload[0])) {
        return LZ_DAMAGED;
    }
    lz_shape_past(&shape, primed->size);
    lz_coder_begin(coder, reference);
    return lz_decode_tokens(coder, &shape, start, start + size, payload + 1, payload_size - 1);
}

/* Decodes a reference: the blocks that come next, `size` bytes behind the dictionary, may start from it. */
static int lz_decode_reference(lz_coder *coder, const uint8_t *payload, size_t payload_size, uint32_t size)
{
    return size ? lz_decode_coded(coder, payload, payload_size, 0, size) : LZ_DAMAGED;
}

static inline size_t lz_model_bytes(void)
{
    return sizeof(lz_model);
}

/* Keeps the state as the block decoded last, alone, has left it. */
static inline void lz_keep(lz_coder *coder)
{
    lz_model *left = coder->model;
    coder->model = coder->kept;
    coder->kept = left;
    coder->kept_inserted = coder->inserted;
}

/* `reference`: bytes of the block whose state was kept; 0: none. */
static int lz_decode_into(lz_coder *coder, const uint8_t *payload, size_t payload_size, uint32_t reference,
                          uint32_t size, uint8_t *out)
{
    if (payload_size == 0 && !reference) {
        return size == 0 ? LZ_DONE : LZ_DAMAGED;
    }
    if (payload_size > 0 && payload[0] == LZ_BLOCK_STORED && !reference) {
        if (payload_size - 1 != size) {
            return LZ_DAMAGED;
        }
        memcpy(out, payload + 1, size);
        return LZ_DONE;
    }
    if (lz_decode_coded(coder, payload, payload_size, reference, size) != LZ_DONE) {
        return LZ_DAMAGED;
    }
    memcpy(out, coder->window + coder->primed->size + reference, size);
    return LZ_DONE;
}

#endif
