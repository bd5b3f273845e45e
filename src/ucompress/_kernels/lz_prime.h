/* Priming: what the models know before the first byte of a block.
 *
 * Every place of the dictionary becomes a candidate, and a greedy parse of its last LZ_TAUGHT bytes
 * teaches every token to the models, without coding anything. It is part of the format: a function of
 * the dictionary's bytes alone.
 *
 *   at p:  last offset, >= 3 bytes                               -> repeat
 *          a candidate, >= 3 and longer                          -> named
 *          nothing of 6, last place with the same hash of 4      -> match, if >= 6 and 3 longer
 *          else                                                  -> literal
 *
 * One kind of literals is taught: no block has both, and nothing else depends on them.
 *
 * The dictionary may still be on its way: a place is parsed once LZ_MAX_LENGTH bytes behind it are known, so
 * that the tokens are the same however the bytes come.
 */
#ifndef UC_LZ_PRIME_H
#define UC_LZ_PRIME_H

#include "lz_scene.h"

#define LZ_PRIME_HASH_BITS 16
#define LZ_TAUGHT (2u << 20)
#define LZ_TAUGHT_LEAST 3
#define LZ_TAUGHT_MATCH 6

typedef struct {
    uint32_t last[1 << LZ_PRIME_HASH_BITS]; /* position + 1; 0: none */
} lz_prime_table;

/* How far priming has come. */
typedef struct {
    lz_context context;
    uint32_t position;  /* of the next token */
    uint32_t inserted;  /* places below are candidates */
} lz_priming;

/* Behind which place nothing can be parsed yet. */
static inline uint32_t lz_prime_reach(uint32_t known, uint32_t size)
{
    return known == size ? size : known > LZ_MAX_LENGTH ? known - LZ_MAX_LENGTH : 0;
}

/* `shape->literals`: which kind is taught. */
static inline void lz_prime_begin(lz_priming *at, lz_model *m, lz_prime_table *table, lz_shape *shape,
                                  uint32_t size)
{
    lz_shape_past(shape, 0);
    lz_model_reset(m);
    memset(table, 0, sizeof *table);
    lz_context_reset(&at->context);
    at->position = size > LZ_TAUGHT ? size - LZ_TAUGHT : 0;
    at->inserted = LZ_GROUP;
}

static inline lz_token lz_prime_choose(lz_prime_table *table, const lz_context *c, const lz_view *v,
                                       const uint8_t *past, uint32_t p, uint32_t size)
{
    const uint8_t *here = past + p;
    uint32_t limit = size - p < LZ_MAX_LENGTH ? size - p : LZ_MAX_LENGTH, length, k;
    lz_token t = { LZ_LITERAL, 0, 1, *here };
    if (c->recent[0] <= p) {
        length = uc_match_length(here, here - c->recent[0], limit);
        if (length >= LZ_TAUGHT_LEAST) {
            t = (lz_token){ LZ_REPEAT, 0, length, c->recent[0] };
        }
    }
    for (k = 0; k < v->count; k++) {
        if (v->tag[k] >> 24 != *here) {
            continue;
        }
        length = uc_match_length(here, past + v->place[k], limit);
        if (length >= LZ_TAUGHT_LEAST && length > t.length) {
            t = (lz_token){ LZ_NAMED, k, length, p - v->place[k] };
        }
    }
    if (limit >= 4) {
        uint32_t *last = &table->last[uc_load_le32(here) * 2654435761u >> (32 - LZ_PRIME_HASH_BITS)];
        uint32_t before = *last;
        *last = p + 1;
        if (before && t.length < LZ_TAUGHT_MATCH) {
            length = uc_match_length(here, past + before - 1, limit);
            if (length >= LZ_TAUGHT_MATCH && length > t.length + 2) {
                t = (lz_token){ LZ_MATCH, 0, length, p + 1 - before };
            }
        }
    }
    return t;
}

#endif
