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
#include "lz_tokens.h"

#define LZ_SEGMENT 4096                      /* positions the optimal parse looks ahead */
#define LZ_NODES (LZ_SEGMENT + 2 * LZ_PRICED + 8)
#define LZ_NICE_MOST (LZ_PRICED - 16)

/* The cheapest known way to arrive at a position: one token, or match + literal + repeat. */
typedef struct {
    uint32_t price;
    uint32_t length;     /* of the first token */
    uint32_t tail;       /* > 0: then a literal and a repeat of this length at the last offset */
    uint32_t value;      /* offset of a match, index of a repeat */
    unsigned kind;
    lz_context context;  /* after arriving, known once the node is visited */
} lz_node;

typedef struct {
    lz_finder finder;
    lz_model *model;
    lz_prices *prices;
    lz_node *nodes;      /* [LZ_NODES] */
    rc_encoder rc;
    lz_context context;
    lz_shape shape;
    const uint8_t *window;
    uint32_t past, end;  /* the block is window[past .. end) */
    uint32_t stale;      /* bytes coded since the prices were read */
} lz_encoder;

static UC_INLINE uint32_t lz_position(const lz_encoder *e, uint32_t position)
{
    return (position - e->past) & e->shape.position_mask;
}

static inline void lz_emit_literal(lz_encoder *e, uint32_t position)
{
    const uint8_t *here = e->window + position;
    lz_token_literal(&e->rc, e->model, &e->context, &e->shape, lz_position(e, position), here, *here);
    e->stale++;
}

static inline void lz_emit_match(lz_encoder *e, uint32_t position, uint32_t length, uint32_t offset)
{
    lz_token_match(&e->rc, e->model, &e->context, &e->shape, position - e->past, length, offset);
    e->stale += length;
}

static inline void lz_emit_repeat(lz_encoder *e, uint32_t position, uint32_t length, unsigned index)
{
    lz_token_repeat(&e->rc, e->model, &e->context, lz_position(e, position), length, index);
    e->stale += length;
}

/* Length at one of the recent offsets, 0 where it reaches behind the window. */
static UC_INLINE uint32_t lz_repeat_length(const lz_encoder *e, uint32_t position, uint32_t offset,
                                           uint32_t limit)
{
    const uint8_t *here = e->window + position;
    if (offset > position || limit < 1 || here[0] != here[-(ptrdiff_t)offset]) {
        return 0;
    }
    return uc_match_length(here, here - offset, limit);
}

static inline uint32_t lz_room(const lz_encoder *e, uint32_t position)
{
    return e->end - position < LZ_MAX_LENGTH ? e->end - position : LZ_MAX_LENGTH;
}

#endif
