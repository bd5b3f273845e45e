/* Priming: what the models know before the first byte of a block.
 *
 * A greedy parse walks the dictionary once and teaches every token to the models, without
 * coding anything. It is part of the format: a function of the dictionary's bytes alone.
 *
 *   at p:  longest match at the last offset, if >= 4 bytes      -> repeat
 *          the last place with the same hash of 4 bytes, >= 6   -> match
 *          else                                                 -> literal
 *   each token start is entered into the table; inside tokens nothing is.
 */
#ifndef UC_LZ_PRIME_H
#define UC_LZ_PRIME_H

#include "lz_tokens.h"

#define LZ_PRIME_HASH_BITS 15
#define LZ_PRIME_REPEAT 4
#define LZ_PRIME_MATCH 6

typedef struct {
    uint32_t last[1 << LZ_PRIME_HASH_BITS]; /* position + 1; 0: none */
} lz_prime_table;

static inline uint32_t lz_prime_hash(const uint8_t *p)
{
    return (uc_load_le32(p) * 2654435761u) >> (32 - LZ_PRIME_HASH_BITS);
}

/* Position contexts are taught as one and then shared out. */
static inline void lz_model_spread(lz_model *m)
{
    int k;
    for (k = 1; k < LZ_POSITIONS; k++) {
        memcpy(m->match[k], m->match[0], sizeof m->match[0]);
        memcpy(m->single[k], m->single[0], sizeof m->single[0]);
        memcpy(m->length[0].slot[k], m->length[0].slot[0], sizeof m->length[0].slot[0]);
        memcpy(m->length[1].slot[k], m->length[1].slot[0], sizeof m->length[1].slot[0]);
    }
}

/* `past` holds the dictionary, with LZ_PAD readable bytes before it. */
static inline void lz_prime(lz_model *m, lz_prime_table *t, const uint8_t *past, uint32_t size)
{
    lz_context c;
    lz_shape shape = { 0, 0, 0, 0, 0 };
    uint32_t p = 0;
    lz_model_reset(m);
    lz_context_reset(&c);
    memset(t, 0, sizeof *t);
    while (p < size) {
        const uint8_t *here = past + p;
        uint32_t limit = size - p < LZ_MAX_LENGTH ? size - p : LZ_MAX_LENGTH;
        uint32_t length = 0;
        if (c.recent[0] <= p) {
            length = uc_match_length(here, here - c.recent[0], limit);
        }
        if (length >= LZ_PRIME_REPEAT) {
            lz_token_repeat(NULL, m, &c, 0, length, 0);
        } else {
            length = 0;
            if (limit >= 4) {
                uint32_t *last = &t->last[lz_prime_hash(here)];
                uint32_t before = *last;
                *last = p + 1;
                if (before) {
                    length = uc_match_length(here, past + before - 1, limit);
                }
                if (length >= LZ_PRIME_MATCH) {
                    lz_token_match(NULL, m, &c, &shape, p, length, p + 1 - before);
                }
            }
            if (length < LZ_PRIME_MATCH) {
                lz_token_literal(NULL, m, &c, &shape, 0, here, *here);
                length = 1;
            }
        }
        p += length;
    }
    lz_model_spread(m);
}

#endif
