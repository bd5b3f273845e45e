/* What stands around a place, and which cells its flags and its literal are mixed from.
 *
 *   candidates, the bytes they foresee, the byte at the last offset, the bytes before
 *        |-> match, repeat, named k, older    three cells each, and a set of weights
 *        `-> literal                          six slots for each half, and a set of weights;
 *                                             three rows and their shares in a quick block
 */
#ifndef UC_LZ_SCENE_H
#define UC_LZ_SCENE_H

#include "lz_models.h"

typedef struct {
    const lz_view *view;
    const uint8_t *here;
    uint32_t position;
    uint32_t foreseen[3];  /* by candidate 0, candidate 1, repeat offset; LZ_NONE: nothing */
    uint32_t few;          /* candidates, at most 3 */
    uint32_t agree;        /* candidate 0 and the repeat offset foresee the same */
} lz_scene;

static UC_INLINE void lz_scene_set(lz_scene *s, const lz_context *c, const lz_view *v, const uint8_t *window,
                                   uint32_t position)
{
    s->view = v;
    s->here = window + position;
    s->position = position;
    s->foreseen[0] = v->count > 0 ? v->tag[0] >> 24 : LZ_NONE;
    s->foreseen[1] = v->count > 1 ? v->tag[1] >> 24 : LZ_NONE;
    s->foreseen[2] = c->recent[0] <= position ? s->here[-(ptrdiff_t)c->recent[0]] : LZ_NONE;
    s->few = v->count < 3 ? v->count : 3;
    s->agree = s->foreseen[0] == s->foreseen[2];
}

static UC_INLINE uint32_t lz_mash(uint32_t v, unsigned bits)
{
    return v * 0x9E3779B1u >> (32 - bits);
}

static UC_INLINE void lz_flag_match(lz_flag *f, lz_model *m, const lz_scene *s, const lz_context *c)
{
    uint32_t same = s->foreseen[0] == s->foreseen[1], deep = s->view->deep > 0;
    uint32_t run = ((s->foreseen[2] << 3 | c->run) << 3 | c->last) << 2 | s->few;
    f->cell[0] = &m->match.state[c->history << 5 | s->few << 3 | deep << 2 | s->agree << 1 | same];
    f->cell[1] = &m->match.byte[lz_mash(s->foreseen[0] << 8 | s->here[-1], LZ_FLAG_BITS)];
    f->cell[2] = &m->match.run[lz_mash(run, LZ_FLAG_BITS)];
    f->weight = m->match.weight[s->few << 1 | (c->run == 0)];
}

static UC_INLINE void lz_flag_repeat(lz_flag *f, lz_model *m, const lz_scene *s, const lz_context *c)
{
    uint32_t deep = s->view->deep > 0;
    f->cell[0] = &m->repeat.state[c->history << 4 | s->few << 2 | deep << 1 | s->agree];
    f->cell[1] = &m->repeat.byte[lz_mash(s->foreseen[2] << 8 | s->here[-1], LZ_FLAG_BITS)];
    f->cell[2] = &m->repeat.run[c->run << 6 | c->last << 3 | s->few << 1 | s->agree];
    f->weight = m->repeat.weight[s->few << 1 | s->agree];
}

/* Is it candidate k, now that it is none before? */
static UC_INLINE void lz_flag_named(lz_flag *f, lz_model *m, const lz_scene *s, const lz_context *c,
                                    uint32_t k)
{
    uint32_t left = s->view->count - k - 1, deep = s->view->deep > k, next = s->view->tag[k] >> 24;
    uint32_t age = uc_log2(s->position - s->view->place[k]);
    uint32_t same = (uint32_t)(k > 0 && next == s->foreseen[0]) << 1 | (next == s->foreseen[2]);
    left = left < 3 ? left : 3;
    f->cell[0] = &m->named.state[k << 9 | left << 7 | deep << 6 | same << 4 | (c->history & 15)];
    f->cell[1] = &m->named.byte[lz_mash((next << 8 | s->here[-1]) << 2 | deep << 1 | (k > 0), LZ_FLAG_BITS)];
    f->cell[2] = &m->named.run[age << 7 | k << 4 | deep << 3 | c->run];
    f->weight = m->named.weight[k << 1 | deep];
}

static UC_INLINE void lz_flag_older(lz_flag *f, lz_model *m, const lz_scene *s, const lz_context *c)
{
    f->cell[0] = &m->older.state[c->history << 2 | s->few];
    f->cell[1] = &m->older.byte[s->here[-1]];
    f->cell[2] = &m->older.run[c->run << 3 | c->last];
    f->weight = m->older.weight[s->few];
}

/* `half`: 0 for the high one, 1 + its value for the low one. */
static UC_INLINE void lz_literal_slots(lz_nibble *n, lz_model *m, const lz_scene *s, const lz_context *c,
                                       unsigned half)
{
    const uint8_t *here = s->here;
    uint32_t order2 = (uint32_t)here[-1] << 8 | here[-2], order3 = order2 << 8 | here[-3];
    uint32_t set = (uint32_t)(s->view->deep > 0) << 3 | (uint32_t)(s->few > 0) << 2 | s->agree << 1;
    n->slot[0] = m->mixed.order1[here[-1]][half];
    n->slot[1] = m->mixed.order2[lz_mash(order2 * 32 + half, LZ_ORDER_BITS)];
    n->slot[2] = m->mixed.order3[lz_mash(order3 * 32 + half, LZ_ORDER_BITS)];
    n->slot[3] = m->mixed.foreseen[0][s->foreseen[0]][half];
    n->slot[4] = m->mixed.foreseen[1][s->foreseen[1]][half];
    n->slot[5] = m->mixed.foreseen[2][s->foreseen[2]][half];
    n->weight = m->mixed.weight[set | (c->run == 0)][half > 0];
}

/* The same for a quick block. */
static UC_INLINE void lz_literal_blend(lz_blend *b, lz_model *m, const lz_scene *s, const lz_context *c,
                                       unsigned half)
{
    const uint8_t *here = s->here;
    uint32_t order2 = (uint32_t)here[-1] << 8 | here[-2];
    uint32_t set = (uint32_t)(s->view->deep > 0) << 3 | (uint32_t)(s->few > 0) << 2 | s->agree << 1;
    b->model[0] = m->quick.order1[here[-1]][half];
    b->model[1] = m->quick.order2[lz_mash(order2 * 32 + half, LZ_ORDER_BITS)];
    b->model[2] = m->quick.foreseen[s->foreseen[0]][half];
    b->weight = m->quick.weight[set | (c->run == 0)][half > 0];
}

/* What the literal here would read first. */
static UC_INLINE void lz_literal_prefetch(const lz_model *m, const lz_shape *shape, const uint8_t *here)
{
    uint32_t order2 = (uint32_t)here[-1] << 8 | here[-2], order3 = order2 << 8 | here[-3];
    if (shape->literals == LZ_QUICK) {
        UC_PREFETCH(m->quick.order2[lz_mash(order2 * 32, LZ_ORDER_BITS)]);
        return;
    }
    UC_PREFETCH(m->mixed.order2[lz_mash(order2 * 32, LZ_ORDER_BITS)]);
    UC_PREFETCH(m->mixed.order3[lz_mash(order3 * 32, LZ_ORDER_BITS)]);
}

#endif
