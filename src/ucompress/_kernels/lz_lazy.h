/* Lazy parse (level 4): take the best match here unless the next position has a better one.
 *
 * Worth, in quarters of a byte: 4 x length - log2(offset) for a match, 4 x length + 2 for a repeat;
 * waiting one byte costs a literal, so the next match must be clearly better (Gailly's deflate,
 * with zstd's way of weighing).
 */
#ifndef UC_LZ_LAZY_H
#define UC_LZ_LAZY_H

#include "lz_encoder.h"

typedef struct {
    uint32_t length, offset;
    int index;           /* of a repeat; -1: a match */
    int32_t worth;
} lz_choice;

static inline int32_t lz_worth_match(const lz_match *m)
{
    return (int32_t)(4 * m->length) - (int32_t)uc_log2(m->offset) - 3;
}

static inline lz_choice lz_lazy_choose(lz_encoder *e, uint32_t position)
{
    lz_match matches[LZ_MATCHES];
    uint32_t count = lz_find(&e->finder, position, matches);
    uint32_t room = lz_room(e, position), k;
    lz_choice best = { 1, 0, -1, 4 };
    for (k = 0; k < count; k++) {
        int32_t worth = lz_worth_match(&matches[k]);
        if (worth > best.worth) {
            best.length = matches[k].length;
            best.offset = matches[k].offset;
            best.worth = worth;
        }
    }
    for (k = 0; k < LZ_RECENT; k++) {
        uint32_t length = lz_repeat_length(e, position, e->context.recent[k], room);
        int32_t worth = (int32_t)(4 * length) + 1 - (int32_t)k;
        if (length >= 2 && worth > best.worth) {
            best.length = length;
            best.index = (int)k;
            best.worth = worth;
        }
    }
    return best;
}

static void lz_parse_lazy(lz_encoder *e)
{
    uint32_t position = e->past, k;
    while (position < e->end && !e->rc.overflow) {
        lz_choice now = lz_lazy_choose(e, position);
        uint32_t asked = position + 1;
        while (now.length > 1 && now.length < e->finder.effort.nice && asked < e->end) {
            lz_choice next = lz_lazy_choose(e, asked);
            asked++;
            if (next.worth <= now.worth + 5) {
                break;
            }
            lz_emit_literal(e, position);
            position++;
            now = next;
        }
        if (now.length == 1) {
            lz_emit_literal(e, position);
        } else if (now.index >= 0) {
            lz_emit_repeat(e, position, now.length, (unsigned)now.index);
        } else {
            lz_emit_match(e, position, now.length, now.offset);
        }
        position += now.length;
        for (k = asked; k < position; k++) {
            lz_skip(&e->finder, k);
        }
    }
}

#endif
