/* The block decoder: safe on any bytes, no allocation, no recursion.
 *
 *   window   [ LZ_PAD zeros | dictionary | reference | block | LZ_SLACK ]
 *   state    primed, or as the reference left it: candidates up to LZ_LATE bytes before the last token
 *
 *   insert places -> look up candidates -> token -> check -> copy      until what is wanted is there
 *
 * Every offset is checked against the bytes that exist, every length against the room left;
 * each turn of the loop makes at least one byte, so it ends. Candidates are places
 * that were inserted, so they lie inside the window by themselves. Only who decodes a block to its
 * end learns whether its payload ends there, and has the state of a reference.
 */
#ifndef UC_LZ_DECODE_H
#define UC_LZ_DECODE_H

#include "lz_block.h"
#include "lz_setup.h"

/* Makes the state that a block starts from the model's: of the dictionary, or of the reference. That has left
 * the other kind of literals, and either if it was plain, as the dictionary had taught it. */
static inline void lz_coder_begin(lz_coder *coder, uint32_t reference, int literals)
{
    const lz_model *primed = coder->primed->model;
    int same = reference && coder->kept_literals == literals;
    lz_copies_copy(coder->model, reference ? coder->kept : primed);
    lz_literals_copy(coder->model, same ? coder->kept : primed, literals);
    coder->literals = literals;
    coder->inserted = reference ? coder->kept_inserted : coder->primed->priming.inserted;
}

/* Which literals a payload has: they must have been taught before it is decoded. */
static int lz_payload_literals(const uint8_t *payload, size_t payload_size)
{
    lz_shape shape;
    return payload_size && lz_shape_read(&shape, payload[0]) ? shape.literals : LZ_PLAIN;
}

/* A coded block whose bytes go into the window, `reference` bytes behind the dictionary. */
static int lz_span_begin(lz_span *span, lz_coder *coder, const uint8_t *payload, size_t payload_size,
                         uint32_t reference, uint32_t size)
{
    const lz_primed *primed = coder->primed;
    span->shape = primed->shape;
    if (payload_size == 0 || payload_size > (size_t)size + 1 || !lz_shape_read(&span->shape, payload[0])) {
        return LZ_DAMAGED;
    }
    lz_shape_past(&span->shape, primed->size);
    lz_coder_begin(coder, reference, span->shape.literals);
    lz_context_reset(&span->context);
    rc_decoder_init(&span->coded, payload + 1, payload_size - 1);
    span->model = coder->model;
    span->window = coder->window;
    span->position = span->until = primed->size + reference;
    span->end = span->position + size;
    span->inserted = coder->inserted;
    return LZ_DONE;
}

/* At least the next `count` bytes of a block, as far as it has them. */
static int lz_span_decode(lz_span *span, uint32_t count)
{
    span->until = span->end - span->position < count ? span->end : span->position + count;
    return lz_decode_tokens(span);
}

/* The first bytes of a coded block. */
static int lz_decode_coded(lz_coder *coder, const uint8_t *payload, size_t payload_size, uint32_t reference,
                           uint32_t size, uint32_t first)
{
    lz_span span;
    if (lz_span_begin(&span, coder, payload, payload_size, reference, size) != LZ_DONE
        || lz_span_decode(&span, first) != LZ_DONE) {
        return LZ_DAMAGED;
    }
    coder->inserted = span.inserted;
    return LZ_DONE;
}

/* Decodes a reference: the blocks that come next, `size` bytes behind the dictionary, may start from it. */
static int lz_decode_reference(lz_coder *coder, const uint8_t *payload, size_t payload_size, uint32_t size)
{
    return size ? lz_decode_coded(coder, payload, payload_size, 0, size, size) : LZ_DAMAGED;
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
    coder->kept_literals = coder->literals;
    coder->kept_inserted = coder->inserted;
}

/* `reference`: bytes of the block whose state was kept; 0: none. Of the block's `size` bytes the `first`,
 * at most all, go to `out`. */
static int lz_decode_into(lz_coder *coder, const uint8_t *payload, size_t payload_size, uint32_t reference,
                          uint32_t size, uint32_t first, uint8_t *out)
{
    if (payload_size == 0 && !reference) {
        return size == 0 ? LZ_DONE : LZ_DAMAGED;
    }
    if (payload_size > 0 && payload[0] == LZ_BLOCK_STORED && !reference) {
        if (payload_size - 1 != size) {
            return LZ_DAMAGED;
        }
        memcpy(out, payload + 1, first);
        return LZ_DONE;
    }
    if (lz_decode_coded(coder, payload, payload_size, reference, size, first) != LZ_DONE) {
        return LZ_DAMAGED;
    }
    memcpy(out, coder->window + coder->primed->size + reference, first);
    return LZ_DONE;
}

#endif
