/* What one encoder holds, and the emission of single tokens.
 *
 *   lz_encoder    window | finder | state of the block | prices | parse nodes | range coder
 *
 * All memory is the caller's; the layout function in lz_setup.h cuts it up.
 */
#ifndef UC_LZ_ENCODER_H
#define UC_LZ_ENCODER_H

#include "lz_finder.h"
#include "lz_prices.h"

#define LZ_SEGMENT 4096                      /* positions the parse looks ahead */
#define LZ_NODES (LZ_SEGMENT + LZ_PRICED + 8)

/* The cheapest known way to arrive at a position: one token. */
typedef struct {
    uint32_t price;
    uint32_t next;       /* of the path that won, once it is known */
    lz_token token;
    lz_context context;  /* after arriving, known once the node is visited */
} lz_node;

typedef struct {
    lz_finder finder;
    lz_model *model;
    lz_prices *prices;
    lz_node *nodes;      /* [LZ_NODES] */
    lz_view *views;      /* [LZ_NODES]: candidates of the visited nodes */
    rc_encoder rc;
    lz_context context;
    lz_shape shape;
    const uint8_t *window;
    uint32_t past;       /* the dictionary is window[0 .. past) */
    uint32_t begin, end; /* the block is window[begin .. end) */
    uint32_t inserted;   /* places below are candidates */
    uint32_t stale;      /* bytes coded since the prices were read */
} lz_encoder;

/* Candidates at `position`; asked for once at most, in order. */
static UC_INLINE void lz_see(lz_encoder *e, lz_view *v, uint32_t position)
{
    e->inserted = lz_insert_until(e->shape.vector, e->model->table, e->window, e->inserted, position);
    lz_look(e->shape.vector, v, e->shape.bits, e->model->table, e->window + position);
}

static inline void lz_emit(lz_encoder *e, const lz_view *v, uint32_t position, lz_token t)
{
    uc_coding rc = { &e->rc, NULL };
    lz_scene s;
    lz_scene_set(&s, &e->context, v, e->window, position);
    if (t.kind == LZ_LITERAL) {
        t.value = *s.here;
    }
    lz_code_token(UC_PUT, &rc, e->model, &e->shape, &e->context, &s, &t);
    lz_context_after(&e->context, &t);
    e->stale += t.length;
}

/* Equal bytes at `offset`, 0 where it reaches behind the window. */
static UC_INLINE uint32_t lz_common(const lz_encoder *e, uint32_t position, uint32_t offset, uint32_t limit)
{
    const uint8_t *here = e->window + position;
    if (offset > position || here[0] != here[-(ptrdiff_t)offset]) {
        return 0;
    }
    return uc_match_length(here, here - offset, limit);
}

static inline uint32_t lz_room(const lz_encoder *e, uint32_t position)
{
    return e->end - position < LZ_MAX_LENGTH ? e->end - position : LZ_MAX_LENGTH;
}

#endif
