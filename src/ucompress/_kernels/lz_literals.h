/* Literals: eight decisions down a tree, the byte foreseen by two contexts.
 *
 *   after a literal     the byte before
 *   after a match       the byte before, and `beside`: the byte at the last offset, which the
 *                       match would have gone on with; P = mean of the two
 *
 * The most significant bit comes first; node 1 is the root.
 */
#ifndef UC_LZ_LITERALS_H
#define UC_LZ_LITERALS_H

#include "lz_models.h"

static inline uint32_t lz_p0_pair(const lz_counter *a, const lz_counter *b)
{
    return ((uint32_t)a->fast + a->slow + b->fast + b->slow) >> 2;
}

/* `here` points at the literal's place in the window: its past stands before it. */
static UC_INLINE void lz_put_literal(rc_encoder *rc, lz_model *m, const lz_context *c,
                                     const uint8_t *here, unsigned byte)
{
    lz_counter *a = m->literal[here[-1]];
    if ((c->history & 3) == LZ_LITERAL) {
        lz_put_tree(rc, a, 8, byte);
    } else {
        lz_counter *b = m->beside[here[-(ptrdiff_t)c->recent[0]]];
        uint32_t node = 1;
        do {
            unsigned bit = byte >> 7 & 1;
            if (rc) {
                rc_encode(rc, lz_p0_pair(a + node, b + node), bit);
            }
            lz_learn(a + node, bit);
            lz_learn(b + node, bit);
            node = node << 1 | bit;
            byte <<= 1;
        } while (node < 256);
    }
}

static UC_INLINE unsigned lz_get_literal(rc_decoder *rc, lz_model *m, const lz_context *c,
                                         const uint8_t *here)
{
    lz_counter *a = m->literal[here[-1]];
    uint32_t node = 1;
    if ((c->history & 3) == LZ_LITERAL) {
        return lz_get_tree(rc, a, 8);
    }
    {
        lz_counter *b = m->beside[here[-(ptrdiff_t)c->recent[0]]];
        do {
            unsigned bit = rc_decode_even(rc, lz_p0_pair(a + node, b + node));
            lz_learn(a + node, bit);
            lz_learn(b + node, bit);
            node = node << 1 | bit;
        } while (node < 256);
    }
    return node & 255;
}

#endif
