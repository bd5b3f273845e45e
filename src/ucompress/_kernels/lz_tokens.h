/* Tokens on the learning and encoding side; with rc == NULL they only teach the models. */
#ifndef UC_LZ_TOKENS_H
#define UC_LZ_TOKENS_H

#include "lz_literals.h"

static UC_INLINE void lz_token_literal(rc_encoder *rc, lz_model *m, lz_context *c, const lz_shape *shape,
                                       uint32_t position, const uint8_t *here, unsigned byte)
{
    lz_put_bit(rc, &m->match[position][c->history], 0);
    if (shape->plain) {
        rc_encode_direct(rc, byte, 8);
    } else {
        lz_put_literal(rc, m, c, here, byte);
    }
    lz_context_push(c, LZ_LITERAL);
}

static UC_INLINE void lz_token_match(rc_encoder *rc, lz_model *m, lz_context *c, const lz_shape *shape,
                                     uint32_t reach, uint32_t length, uint32_t offset)
{
    uint32_t position = reach & shape->position_mask;
    lz_put_bit(rc, &m->match[position][c->history], 1);
    lz_put_bit(rc, &m->repeat[c->history], 0);
    lz_put_length(rc, &m->length[0], position, length);
    lz_put_offset(rc, m, shape, reach, length, offset);
    lz_context_enter(c, offset);
    lz_context_push(c, LZ_MATCH);
}

/* `index` names one of the recent offsets; length 1 is the short token, of the last one only. */
static UC_INLINE void lz_token_repeat(rc_encoder *rc, lz_model *m, lz_context *c, uint32_t position,
                                      uint32_t length, unsigned index)
{
    unsigned k;
    lz_put_bit(rc, &m->match[position][c->history], 1);
    lz_put_bit(rc, &m->repeat[c->history], 1);
    for (k = 0; k < 3; k++) {
        unsigned older = index > k;
        lz_put_bit(rc, &m->older[k][c->history], older);
        if (!older) {
            break;
        }
    }
    if (index == 0) {
        lz_put_bit(rc, &m->single[position][c->history], length > 1);
        if (length == 1) {
            lz_context_push(c, LZ_SHORT);
            return;
        }
    }
    lz_put_length(rc, &m->length[1], position, length);
    lz_context_touch(c, index);
    lz_context_push(c, LZ_REPEAT);
}

#endif
