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
