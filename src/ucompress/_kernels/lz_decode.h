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

/* Makes the state that a block starts from the model's: of the dictionary, or of the reference. */
static inline void lz_coder_begin(lz_coder *coder, uint32_t reference)
{
    memcpy(coder->model, reference ? coder->kept : coder->primed->model, sizeof(lz_model));
    coder->inserted = reference ? coder->kept_inserted : coder->primed->inserted;
}

/* The first bytes of a coded block into the window, `reference` bytes behind the dictionary. */
static int lz_decode_coded(lz_coder *coder, const uint8_t *payload, size_t payload_size, uint32_t reference,
                           uint32_t size, uint32_t first)
{
    const lz_primed *primed = coder->primed;
    lz_span span;
    int status;
    span.shape = primed->shape;
    if (payload_size == 0 || payload_size > (size_t)size + 1 || !lz_shape_read(&span.shape, payload[0])) {
        return LZ_DAMAGED;
    }
    lz_shape_past(&span.shape, primed->size);
    lz_coder_begin(coder, reference);
    span.model = coder->model;
    span.window = coder->window;
    span.position = primed->size + reference;
    span.end = span.position + size;
    span.until = span.position + first;
    span.inserted = coder->inserted;
    status = lz_decode_tokens(&span, payload + 1, payload_size - 1);
    coder->inserted = span.inserted;
    return status;
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
