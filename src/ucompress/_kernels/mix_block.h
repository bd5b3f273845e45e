/* Blocks: each starts from what the primed model is, and leaves the coder's to be restored.
 *
 * payload   1 byte: the level, + 16 where the flat tree is used, then the range coder's bytes;
 *           or 0 and the bytes as they are. An empty block has an empty payload.
 *
 * Decoding is safe on any bytes: each turn makes one byte, a match lies behind the byte it foretells,
 * every table is indexed by masked or bounded numbers.
 */
#ifndef UC_MIX_BLOCK_H
#define UC_MIX_BLOCK_H

#include "mix_choose.h"
#include "mix_paths.h"
#include "mix_setup.h"

#define MIX_STORED 0
#define MIX_FLAT_BLOCK 16
#define MIX_FLAT_FROM 7 /* decisions a byte from which on the trees are no help */

static inline void mix_primed_fill(mix_primed *primed, const uint8_t *dictionary, int vector)
{
    uc_coding none = { NULL, NULL };
    primed->vector = vector;
    memset(primed->past, 0, MIX_PAD);
    if (primed->size) {
        memcpy(primed->past + MIX_PAD, dictionary, primed->size);
    }
    mix_fixed_init(primed->fixed);
    mix_trees_init(primed->fixed->trees, primed->pairs, primed->past + MIX_PAD, primed->size);
    mix_model_reset(&primed->model, primed->fixed, mix_shape_of(primed->level));
    mix_span(vector, UC_LEARN, &none, &primed->model, primed->fixed, primed->level, primed->past,
             MIX_PAD, MIX_PAD + primed->size, 0);
    primed->model.core->frozen = primed->size >= MIX_FROZEN_FROM;
}

static inline void mix_coder_fill(mix_coder *coder, const mix_primed *primed)
{
    coder->primed = primed;
    memcpy(coder->window, primed->past, MIX_PAD + (size_t)primed->size);
    coder->model.undo.noting = 0;
}

/* Whether the block's bytes would take as many decisions by the trees as by the flat one. */
static inline int mix_is_flat(const mix_fixed *f, const uint8_t *data, uint32_t size)
{
    uint64_t decisions = 0;
    uint32_t k;
    for (k = 1; k < size; k++) {
        decisions += f->trees[data[k - 1]].code[data[k]] & 31;
    }
    return decisions >= (uint64_t)MIX_FLAT_FROM * size;
}

static inline size_t mix_encode_stored(const uint8_t *data, uint32_t size, uint8_t *out)
{
    out[0] = MIX_STORED;
    memcpy(out + 1, data, size);
    return (size_t)size + 1;
}

/* `out` has room for size + 1 bytes; size at most max_block. */
static inline size_t mix_encode_block(mix_coder *coder, const uint8_t *data, uint32_t size, uint8_t *out)
{
    const mix_primed *primed = coder->primed;
    uint32_t from = MIX_PAD + primed->size;
    rc_encoder put;
    uc_coding rc = { &put, NULL };
    int flat;
    if (!size) {
        return 0;
    }
    memcpy(coder->window + from, data, size);
    if (mix_is_packed(coder->window, from, from + size)) {
        return mix_encode_stored(data, size, out);
    }
    flat = mix_is_flat(primed->fixed, data, size);
    mix_model_restore(&coder->model, &primed->model, size);
    out[0] = (uint8_t)(primed->level + (flat ? MIX_FLAT_BLOCK : 0));
    rc_encoder_init(&put, out + 1, size);
    mix_span(primed->vector, UC_PUT, &rc, &coder->model, primed->fixed, primed->level,
             coder->window, from, from + size, flat);
    rc_encoder_flush(&put);
    return put.overflow ? mix_encode_stored(data, size, out) : (size_t)(put.out - out);
}

/* The block's `first` bytes, at most its `size`; 0, or 1 for damage: then `out` is untouched. Whether the
 * payload ends with the block is known only of a whole one. */
static inline int mix_decode_block(mix_coder *coder, const uint8_t *payload, size_t length, uint32_t size,
                                   uint32_t first, uint8_t *out)
{
    const mix_primed *primed = coder->primed;
    uint32_t from = MIX_PAD + primed->size;
    rc_decoder get;
    uc_coding rc = { NULL, &get };
    if (!length || !size) {
        return length || size;
    }
    if (payload[0] == MIX_STORED) {
        if (length - 1 != size) {
            return 1;
        }
        memcpy(out, payload + 1, first);
        return 0;
    }
    if ((payload[0] & ~MIX_FLAT_BLOCK) != primed->level || length > (size_t)size + 1) {
        return 1;
    }
    mix_model_restore(&coder->model, &primed->model, first);
    rc_decoder_init(&get, payload + 1, length - 1);
    mix_span(primed->vector, UC_GET, &rc, &coder->model, primed->fixed, primed->level,
             coder->window, from, from + first, payload[0] >= MIX_FLAT_BLOCK);
    if (!rc_decoder_sound(&get, first == size)) {
        return 1;
    }
    memcpy(out, coder->window + from, first);
    return 0;
}

#endif
